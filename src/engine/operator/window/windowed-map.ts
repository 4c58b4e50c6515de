import type { ByteWriter } from '../../../base/bytes.ts';
import type { StagedSnapshot } from '../operator.ts';
import { type EntryStages, StagedEntries, type StagedEntry } from '../staged-entries.ts';

/**
 * Entries by the end of their window (0n where there are none) and a key, in the order in which they came: the order of results, so
 * it survives snapshots. A window goes with all that is in it.
 */
export class WindowedMap<Entry extends StagedEntry> {
  readonly #windows = new Map<bigint, Map<unknown, Entry>>();
  readonly #staged = new StagedEntries<Entry>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** An entry, which may be changed. */
  get(end: bigint, key: unknown): Entry | undefined {
    const entry = this.#windows.get(end)?.get(key);
    if (entry !== undefined) this.#staged.changing(entry);
    return entry;
  }

  /** To be called before an entry changes that {@link get} did not give. */
  changing(entry: Entry): void {
    this.#staged.changing(entry);
  }

  /** Adds an entry that is not there yet. */
  add(end: bigint, key: unknown, entry: Entry): void {
    let window = this.#windows.get(end);
    if (window === undefined) {
      window = new Map();
      this.#windows.set(end, window);
    }
    entry.seenBy = this.#staged.number;
    window.set(key, entry);
    this.#size++;
  }

  delete(end: bigint, key: unknown): void {
    const window = this.#windows.get(end);
    const entry = window?.get(key);
    if (window === undefined || entry === undefined) return;
    this.#staged.going(entry);
    window.delete(key);
    this.#size--;
    if (window.size === 0) this.#windows.delete(end);
  }

  /** The earliest end of a window; undefined when there is none. */
  nextEnd(): bigint | undefined {
    let least: bigint | undefined;
    for (const end of this.#windows.keys()) if (least === undefined || end < least) least = end;
    return least;
  }

  /** Takes out the windows that end at or before `watermark`, earliest first. */
  close(watermark: bigint): readonly Entry[] {
    const ends = [...this.#windows.keys()].filter((end) => end <= watermark);
    ends.sort((a, b) => (a < b ? -1 : 1));
    const closed: Entry[] = [];
    for (const end of ends) {
      for (const entry of this.#windows.get(end)!.values()) {
        this.#staged.going(entry);
        closed.push(entry);
      }
      this.#windows.delete(end);
    }
    this.#size -= closed.length;
    return closed;
  }

  *entries(): Generator<{ readonly end: bigint; readonly key: unknown; readonly entry: Entry }> {
    for (const [end, window] of this.#windows) for (const [key, entry] of window) yield { end, key, entry };
  }

  /** Begins a snapshot of the entries as they are now. */
  stage(write: EntryStages<Entry>['write'], head: (writer: ByteWriter) => void): StagedSnapshot {
    return this.#staged.begin({ entries: this.#values(), write, head });
  }

  *#values(): Generator<Entry> {
    for (const window of this.#windows.values()) yield* window.values();
  }

  clear(): void {
    this.#windows.clear();
    this.#size = 0;
  }
}
