import { type TimestampMs, timestampMs } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';

/**
 * The clock of a test: wall time stands where the test puts it, so that results never depend on the day; delays are real
 * ones, since nothing that a pipeline computes depends on them.
 */
export class VirtualClock implements Clock {
  readonly #startMs: number;
  #nowMs: number;

  constructor(nowMs: number) {
    this.#startMs = nowMs;
    this.#nowMs = nowMs;
  }

  now(): TimestampMs {
    return timestampMs(this.#nowMs);
  }

  /** @throws RangeError when it would go back */
  set(nowMs: number): void {
    if (nowMs < this.#nowMs) throw new RangeError('setting the clock: it cannot go back; give a later time');
    this.#nowMs = nowMs;
  }

  /** Real time, and what the test has moved the clock by: a partition is silent as long as the test says. */
  monotonicMs(): number {
    return performance.now() + this.#nowMs - this.#startMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  }
}
