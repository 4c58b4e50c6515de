import type { TimestampMs } from '../../src/base/brand.ts';
import type { Clock } from '../../src/base/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time of the simulator: it moves when told, the wall clock may also jump, and timers that are due wait for their turn. */
export class SimulatedClock implements Clock {
  readonly #startMs: number;
  readonly #post: (callback: () => void) => void;
  #elapsedMs = 0;
  #jumpedMs = 0;
  #timers: Timer[] = [];
  #order = 0;

  /** @param post takes the callback of a timer that is due */
  constructor(startMs: number, post: (callback: () => void) => void) {
    this.#startMs = startMs;
    this.#post = post;
  }

  now(): TimestampMs {
    return (this.#startMs + this.#elapsedMs + this.#jumpedMs) as TimestampMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    let cancelled = false;
    const run = (): void => {
      if (!cancelled) callback();
    };
    const timer = { atMs: this.#elapsedMs + delayMs, order: this.#order++, callback: run };
    this.#timers.push(timer);
    return () => {
      cancelled = true;
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Milliseconds until the next timer is due; undefined when there is none. */
  nextMs(): number | undefined {
    if (this.#timers.length === 0) return undefined;
    return Math.max(0, Math.min(...this.#timers.map(({ atMs }) => atMs)) - this.#elapsedMs);
  }

  advance(byMs: number): void {
    this.#elapsedMs += byMs;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#elapsedMs);
    if (due.length === 0) return;
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#elapsedMs);
    due.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    for (const { callback } of due) this.#post(callback);
  }

  /** The wall clock is set; time itself goes on as before. */
  jump(byMs: number): void {
    this.#jumpedMs += byMs;
  }

  /** The process that set them has died. */
  dropTimers(): void {
    this.#timers = [];
  }
}
