import type { Clock } from '../../base/clock.ts';

/** A wall clock that is further from the monotonic one than this, since the last reading, was set. */
const STEP_MS_MIN = 1_000;
/** While the wall clock is behind what was read, time goes on at this part of its speed. */
const BEHIND_SPEED = 0.5;

/**
 * The time of epochs: the wall clock, but for what somebody does to it. It never goes back, and never stands still. While
 * no input comes, a clock that is set forward is not followed: nothing but the clock then moves the watermark, and every
 * row that comes after it with the right time would be late.
 */
export class TimeReading {
  readonly #clock: Clock;
  /** The last reading, with its fraction, and the monotonic clock at it. */
  #lastMs: number;
  #atMs: number;

  /** From a reading that was journaled; 0 for none. */
  constructor(clock: Clock, lastMs: number) {
    this.#clock = clock;
    this.#lastMs = Math.max(lastMs, clock.now());
    this.#atMs = clock.monotonicMs();
  }

  /** @param quiet every input is idle */
  read(quiet: boolean): number {
    const atMs = this.#clock.monotonicMs();
    this.#lastMs = this.#at(atMs, quiet);
    this.#atMs = atMs;
    return Math.floor(this.#lastMs);
  }

  #at(atMs: number, quiet: boolean): number {
    const wallMs = this.#clock.now();
    const elapsedMs = atMs - this.#atMs;
    if (wallMs < this.#lastMs) return this.#lastMs + elapsedMs * BEHIND_SPEED;
    const steadyMs = this.#lastMs + elapsedMs;
    return quiet && wallMs > steadyMs + STEP_MS_MIN ? steadyMs : wallMs;
  }
}
