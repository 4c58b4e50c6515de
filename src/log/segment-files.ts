import type { DiskOperation } from './disk.ts';

/** Progress of a segment's sparse index. */
export interface IndexCursor {
  base: number;
  entries: number;
  /** Position up to which the segment has entries. */
  indexedTo: number;
}

/** What the running process knows of its files beyond what is committed. Nothing here needs to survive. */
export class SegmentFiles {
  /** Lengths set in advance. */
  readonly #lengths = new Map<string, number>();
  readonly #indexes = new Map<number, IndexCursor>();
  /** Index cursors as they were before the round that is under way. */
  readonly #before = new Map<number, IndexCursor | undefined>();
  readonly #unsyncedFiles = new Set<string>();
  readonly #unsyncedDirectories = new Set<string>();
  readonly #indexDirectories = new Set<string>();
  /** On their way to being synced: not durable yet. */
  #directoriesTaken: ReadonlySet<string> = new Set();

  lengthOf(path: string): number {
    return this.#lengths.get(path) ?? 0;
  }

  setLength(path: string, length: number): void {
    this.#lengths.set(path, length);
  }

  /** Notes that only the commit log makes the new content of `path` durable; `directory` when the file is new. */
  unsynced(path: string, directory: string | undefined): void {
    this.#unsyncedFiles.add(path);
    if (directory !== undefined) this.#unsyncedDirectories.add(directory);
  }

  /** The same for an index: nothing but a checkpoint waits for it. */
  unsyncedIndex(path: string, directory: string): void {
    this.#unsyncedFiles.add(path);
    this.#indexDirectories.add(directory);
  }

  isUnsyncedDirectory(directory: string): boolean {
    return this.#unsyncedDirectories.has(directory) || this.#directoriesTaken.has(directory);
  }

  /** These directories have been synced. */
  directoriesSynced(operations: readonly DiskOperation[]): void {
    for (const operation of operations) {
      if (operation.kind === 'sync-directory') this.#unsyncedDirectories.delete(operation.path);
    }
  }

  /** A file that is gone needs no sync. */
  forget(path: string): void {
    this.#unsyncedFiles.delete(path);
    this.#lengths.delete(path);
  }

  forgetUnder(directory: string): void {
    for (const path of [...this.#unsyncedFiles]) if (path.startsWith(directory)) this.forget(path);
    for (const paths of [this.#unsyncedDirectories, this.#indexDirectories]) {
      for (const path of [...paths]) if (path.startsWith(directory)) paths.delete(path);
    }
  }

  /** What a checkpoint would have to sync now. */
  unsyncedFiles(): readonly string[] {
    return [...this.#unsyncedFiles];
  }

  /** What a checkpoint must sync before the commit log that stands for it goes. One at a time. */
  takeUnsynced(): { readonly files: readonly string[]; readonly directories: readonly string[] } {
    const directories = new Set([...this.#unsyncedDirectories, ...this.#indexDirectories]);
    const taken = { files: [...this.#unsyncedFiles], directories: [...directories] };
    this.#directoriesTaken = directories;
    this.#unsyncedFiles.clear();
    this.#unsyncedDirectories.clear();
    this.#indexDirectories.clear();
    return taken;
  }

  /** What was taken is durable. */
  takenSynced(): void {
    this.#directoriesTaken = new Set();
  }

  /** The index of the active segment, to be moved on by the round that is put together. */
  indexOf(partitionId: number, base: number, isNew: boolean): IndexCursor {
    const known = this.#indexes.get(partitionId);
    if (!this.#before.has(partitionId)) this.#before.set(partitionId, known === undefined ? undefined : { ...known });
    if (known !== undefined && known.base === base && !isNew) return known;
    const cursor = { base, entries: 0, indexedTo: 0 };
    this.#indexes.set(partitionId, cursor);
    return cursor;
  }

  setIndex(partitionId: number, cursor: IndexCursor): void {
    this.#indexes.set(partitionId, cursor);
  }

  /** The round is durable. */
  keepRound(): void {
    this.#before.clear();
  }

  /** The round was undone: its index entries are to be written again, files that it made longer are not. */
  revertRound(undone: readonly DiskOperation[]): void {
    for (const [partitionId, cursor] of this.#before) {
      if (cursor === undefined) this.#indexes.delete(partitionId);
      else this.#indexes.set(partitionId, cursor);
    }
    this.#before.clear();
    for (const operation of undone) {
      if (operation.kind === 'remove') this.forget(operation.path);
      if (operation.kind === 'set-length') this.#lengths.delete(operation.path);
    }
  }
}
