import { type TimestampMs, timestampMs } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';

interface Delay {
  readonly dueMs: number;
  readonly callback: () => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The clock of a test: wall time stands where the test puts it, so that results never depend on the day. Delays are real ones, since
 * nothing that a pipeline computes depends on them; those that end before the time to which the clock is moved end at once.
 */
export class VirtualClock implements Clock {
  readonly #startMs: number;
  readonly #delays = new Set<Delay>();
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
    const over = [...this.#delays].filter(({ dueMs }) => dueMs <= this.monotonicMs());
    for (const delay of over.sort((a, b) => a.dueMs - b.dueMs)) this.#end(delay);
  }

  /** Real time, and what the test has moved the clock by: a partition is silent as long as the test says. */
  monotonicMs(): number {
    return performance.now() + this.#nowMs - this.#startMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(() => this.#end(delay), delayMs);
    timer.unref();
    const delay: Delay = { dueMs: this.monotonicMs() + delayMs, callback, timer };
    this.#delays.add(delay);
    return () => {
      clearTimeout(timer);
      this.#delays.delete(delay);
    };
  }

  #end(delay: Delay): void {
    clearTimeout(delay.timer);
    if (this.#delays.delete(delay)) delay.callback();
  }
}
