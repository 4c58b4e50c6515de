import type { Clock } from '../../base/clock.ts';

/** One second of the recent past. */
export interface ThroughputPoint {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly lagRecords: number;
}

/** Running totals, read once a second. */
export interface ThroughputTotals {
  readonly records: number;
  readonly bytes: number;
  readonly lagRecords: number;
}

/** Seconds that are kept: a console that opens has a chart at once. */
export const HISTORY_SECONDS_MAX = 300;
const SAMPLE_MS = 1_000;

/** The last five minutes of ingest, second by second. */
export class ThroughputHistory {
  readonly #clock: Clock;
  readonly #read: () => ThroughputTotals;
  readonly #points: ThroughputPoint[] = [];
  #last: { readonly atMs: number; readonly totals: ThroughputTotals };
  #cancel: () => void = () => {};

  constructor(clock: Clock, read: () => ThroughputTotals) {
    this.#clock = clock;
    this.#read = read;
    this.#last = { atMs: clock.monotonicMs(), totals: read() };
    this.#schedule();
  }

  points(): readonly ThroughputPoint[] {
    return this.#points;
  }

  close(): void {
    this.#cancel();
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(SAMPLE_MS, () => {
      this.#sample();
      this.#schedule();
    });
  }

  #sample(): void {
    const atMs = this.#clock.monotonicMs();
    const totals = this.#read();
    const seconds = Math.max(0.001, (atMs - this.#last.atMs) / 1000);
    this.#points.push({
      at: this.#clock.now(),
      recordsPerSecond: Math.max(0, totals.records - this.#last.totals.records) / seconds,
      bytesPerSecond: Math.max(0, totals.bytes - this.#last.totals.bytes) / seconds,
      lagRecords: totals.lagRecords,
    });
    if (this.#points.length > HISTORY_SECONDS_MAX) this.#points.shift();
    this.#last = { atMs, totals };
  }
}
