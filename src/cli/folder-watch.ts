import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Folders whose changes are not edits. */
const IGNORED: ReadonlySet<string> = new Set(['.headrace', '.git', 'node_modules', 'data', 'dist']);
/** What a project is made of; editors' temporary files are not among them. */
const PROJECT_FILE = /^[^.].*\.(sql|ts|js|json|ya?ml|avsc|proto)$/;

/**
 * Watches the files of a project. One watch per folder, not Node's recursive one: on Linux that one loses a file that an
 * editor saves by renaming another onto it. Of a project that is one file, the folder that it stands in, alone.
 */
export class FolderWatch {
  readonly #root: string;
  readonly #changed: (file: string) => void;
  readonly #deep: boolean;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(project: string, changed: (file: string) => void) {
    this.#deep = statSync(project).isDirectory();
    this.#root = this.#deep ? project : dirname(project);
    this.#changed = changed;
    this.#scan(this.#root);
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #scan(folder: string): void {
    if (!this.#watchers.has(folder)) {
      const watcher = watch(folder, (_event, name) => this.#event(folder, name));
      watcher.on('error', () => this.#forget(folder));
      this.#watchers.set(folder, watcher);
    }
    if (!this.#deep) return;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !IGNORED.has(entry.name)) this.#scan(join(folder, entry.name));
    }
  }

  #event(folder: string, name: string | null): void {
    try {
      // A folder may have come.
      this.#scan(folder);
    } catch {
      this.#forget(folder);
    }
    if (name !== null && PROJECT_FILE.test(name)) this.#changed(relative(this.#root, join(folder, name)));
  }

  #forget(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }
}
