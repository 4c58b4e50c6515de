import { ByteWriter } from '../../base/bytes.ts';
import type { StagedSnapshot } from '../operator/operator.ts';
import type { SnapshotShare } from './journal.ts';
import type { SnapshotSection } from './snapshot-store.ts';
import type { TaskMemory } from './task-memory.ts';

const PART_BYTES = 64 * 1024;

/** The parts of one operator; `at` is its place in the pipeline. */
export interface SnapshotPart {
  readonly at: number;
  readonly staged: StagedSnapshot;
}

/** The state of a task at the end of one epoch, handed out in sections, that of the task itself first; see `Task.beginSnapshot`. */
export class TaskSnapshot {
  #header: Uint8Array | undefined;
  readonly #memory: TaskMemory;
  readonly #parts: readonly SnapshotPart[];
  readonly #scratch = new ByteWriter(new Uint8Array(PART_BYTES));
  #current = 0;
  /** Written so far, by part. */
  readonly #bytes: number[];

  constructor(header: Uint8Array, parts: readonly SnapshotPart[], memory: TaskMemory) {
    this.#header = header;
    this.#parts = parts;
    this.#memory = memory;
    this.#bytes = parts.map(() => 0);
  }

  /** The next section, owned by the caller; undefined after the last. @throws HeadraceError `ENGINE_OUT_OF_MEMORY` */
  next(): SnapshotSection | undefined {
    const header = this.#header;
    if (header !== undefined) {
      this.#header = undefined;
      return { operator: undefined, bytes: header };
    }
    for (; this.#current < this.#parts.length; this.#current++) {
      const { at, staged } = this.#parts[this.#current]!;
      this.#scratch.clear();
      if (this.#memory.within(() => staged.next(this.#scratch))) {
        const bytes = this.#scratch.written().slice();
        this.#bytes[this.#current]! += bytes.length;
        return { operator: at, bytes };
      }
    }
    return undefined;
  }

  /** What each operator wrote; to be asked at the end. */
  shares(): SnapshotShare[] {
    return this.#parts.map(({ at, staged }, part) => ({
      operator: at,
      bytes: this.#bytes[part]!,
      isDelta: staged.isDelta ?? false,
    }));
  }

  end(): void {
    for (const { staged } of this.#parts) staged.end();
  }
}
