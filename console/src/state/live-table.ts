import type { LiveFrame, Row } from '../api/types.ts';

/** Rows kept in the page; beyond this the oldest changed go, and the page says so. */
export const LIVE_ROWS_MAX = 20_000;

export interface LiveRow {
  readonly key: string;
  readonly row: Row;
  /** Grows with each frame: which change touched the row last. */
  readonly change: number;
  readonly changedAtMs: number;
  /** Columns whose value the last change altered; empty for rows of the snapshot. */
  readonly changed: ReadonlySet<string>;
}

/** A view as the live stream tells it: snapshot, then changes. */
export class LiveTable {
  readonly #rows = new Map<string, LiveRow>();
  #changes = 0;
  #dropped = 0;
  #caughtUp = false;

  get size(): number {
    return this.#rows.size;
  }

  /** Frames applied since the snapshot was complete. */
  get changes(): number {
    return this.#changes;
  }

  get droppedRows(): number {
    return this.#dropped;
  }

  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  rows(): LiveRow[] {
    return [...this.#rows.values()];
  }

  clear(): void {
    this.#rows.clear();
    this.#changes = 0;
    this.#dropped = 0;
    this.#caughtUp = false;
  }

  apply(frames: readonly LiveFrame[], nowMs: number): void {
    for (const frame of frames) this.#applyOne(frame, nowMs);
    for (const key of this.#rows.keys()) {
      if (this.#rows.size <= LIVE_ROWS_MAX) break;
      this.#rows.delete(key);
      this.#dropped += 1;
    }
  }

  #applyOne(frame: LiveFrame, nowMs: number): void {
    if (frame.op === 'caught-up') {
      this.#caughtUp = true;
      return;
    }
    if (frame.op !== 'snapshot') {
      this.#caughtUp = true;
      this.#changes += 1;
    }
    const key = frame.key ?? `@${frame.offset}#${this.#changes}`;
    const before = this.#rows.get(key);
    this.#rows.delete(key);
    if (frame.op === 'delete' || frame.row === null) return;
    const changed = frame.op === 'snapshot' ? new Set<string>() : changedColumns(before?.row, frame.row);
    this.#rows.set(key, { key, row: frame.row, change: this.#changes, changedAtMs: nowMs, changed });
  }
}

function changedColumns(before: Row | undefined, after: Row): Set<string> {
  const names = Object.keys(after);
  return new Set(before === undefined ? names : names.filter((name) => !sameValue(before[name], after[name])));
}

function sameValue(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));
}
