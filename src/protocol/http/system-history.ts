import type { Clock } from '../../base/clock.ts';
import type { SystemReading } from './system-reading.ts';

/** One second of the recent past. */
export interface SystemPoint {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly processedPerSecond: number;
  readonly deadLettersPerSecond: number;
  readonly lagRecords: number;
  /** From the receipt of a record to its visible effect, milliseconds, of the slowest pipeline; null before any. */
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  readonly fsyncP99Ms: number;
  readonly memoryBytes: number;
}

/** Seconds that are kept: a console that opens has its charts at once. */
export const HISTORY_SECONDS_MAX = 300;
const SAMPLE_MS = 1_000;

/** The last five minutes of the process, second by second. */
export class SystemHistory {
  readonly #clock: Clock;
  readonly #read: () => SystemReading;
  readonly #points: SystemPoint[] = [];
  #last: { readonly atMs: number; readonly reading: SystemReading };
  #cancel: () => void = () => {};

  constructor(clock: Clock, read: () => SystemReading) {
    this.#clock = clock;
    this.#read = read;
    this.#last = { atMs: clock.monotonicMs(), reading: read() };
    this.#schedule();
  }

  points(): readonly SystemPoint[] {
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
    const reading = this.#read();
    const before = this.#last.reading;
    const seconds = Math.max(0.001, (atMs - this.#last.atMs) / 1000);
    // A topic or a pipeline that was removed takes its total with it: that is no negative rate.
    const rate = (now: number, then: number): number => Math.max(0, now - then) / seconds;
    const { lagRecords, latencyMs, fsyncP99Ms, memoryBytes } = reading;
    this.#points.push({
      at: this.#clock.now(),
      recordsPerSecond: rate(reading.records, before.records),
      bytesPerSecond: rate(reading.bytes, before.bytes),
      processedPerSecond: rate(reading.processed, before.processed),
      deadLettersPerSecond: rate(reading.deadLetters, before.deadLetters),
      lagRecords,
      latencyMs,
      fsyncP99Ms,
      memoryBytes,
    });
    if (this.#points.length > HISTORY_SECONDS_MAX) this.#points.shift();
    this.#last = { atMs, reading };
  }
}
