import type { TimestampMs } from './brand.ts';

/** The clock comes in as a parameter everywhere, so that tests and the simulator own time. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch; may jump. */
  now(): TimestampMs;
  /** Monotonic, milliseconds with a fraction, from an arbitrary start. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now() as TimestampMs,
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  #nowMs: number;
  #pending: { at: number; callback: () => void }[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): TimestampMs {
    return this.#nowMs as TimestampMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { at: this.#nowMs + delayMs, callback };
    this.#pending.push(entry);
    return () => {
      this.#pending = this.#pending.filter((p) => p !== entry);
    };
  }

  /** Moves time on and fires what is due, in order of time. */
  advance(byMs: number): void {
    const target = this.#nowMs + byMs;
    for (;;) {
      const due = this.#pending.filter((p) => p.at <= target).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#pending = this.#pending.filter((p) => p !== due);
      this.#nowMs = Math.max(this.#nowMs, due.at);
      due.callback();
    }
    this.#nowMs = target;
  }
}
