/**
 * Entries by the end of their window (0n where there are none) and a key, in the order in which they came: the order of results, so
 * it survives snapshots. A window goes with all that is in it.
 */
export class WindowedMap<Entry> {
  readonly #windows = new Map<bigint, Map<unknown, Entry>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(end: bigint, key: unknown): Entry | undefined {
    return this.#windows.get(end)?.get(key);
  }

  /** Adds an entry that is not there yet. */
  add(end: bigint, key: unknown, entry: Entry): void {
    let window = this.#windows.get(end);
    if (window === undefined) {
      window = new Map();
      this.#windows.set(end, window);
    }
    window.set(key, entry);
    this.#size++;
  }

  delete(end: bigint, key: unknown): void {
    const window = this.#windows.get(end);
    if (window?.delete(key) !== true) return;
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
      for (const entry of this.#windows.get(end)!.values()) closed.push(entry);
      this.#windows.delete(end);
    }
    this.#size -= closed.length;
    return closed;
  }

  *entries(): Generator<{ readonly end: bigint; readonly key: unknown; readonly entry: Entry }> {
    for (const [end, window] of this.#windows) for (const [key, entry] of window) yield { end, key, entry };
  }

  clear(): void {
    this.#windows.clear();
    this.#size = 0;
  }
}
