/**
 * Which inputs are idle: silent for their idle time, and read to their end. Silence counts only while the task serves, not
 * while it catches up with what was there when it started, and it starts anew at a restart. Over bounded input nobody
 * is idle. Times are of the monotonic clock.
 */
export class IdleTracker {
  readonly #timeoutsMs: readonly number[];
  #bounded: boolean;
  readonly #activeMs: number[];
  #servingMs: number | undefined;

  constructor(timeoutsMs: readonly number[], bounded: boolean) {
    this.#timeoutsMs = timeoutsMs;
    this.#bounded = bounded;
    this.#activeMs = timeoutsMs.map(() => Number.NEGATIVE_INFINITY);
  }

  /** From now on inputs fall idle. */
  unbound(nowMs: number): void {
    this.#bounded = false;
    this.#servingMs = nowMs;
  }

  get serving(): boolean {
    return this.#servingMs !== undefined;
  }

  /** What was there at the start has been processed. */
  serve(nowMs: number): void {
    this.#servingMs ??= nowMs;
  }

  active(input: number, nowMs: number): void {
    this.#activeMs[input] = nowMs;
  }

  /** When the input falls idle if nothing comes. */
  #idleAtMs(input: number): number {
    if (this.#bounded || this.#servingMs === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(this.#servingMs, this.#activeMs[input]!) + this.#timeoutsMs[input]!;
  }

  idle(nowMs: number, atEnd: (input: number) => boolean): number[] {
    const idle: number[] = [];
    for (let i = 0; i < this.#timeoutsMs.length; i++) if (atEnd(i) && nowMs >= this.#idleAtMs(i)) idle.push(i);
    return idle;
  }

  /** When the next of those that are not idle falls idle; infinity for none. */
  nextMs(idle: readonly number[]): number {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#timeoutsMs.length; i++) {
      if (!idle.includes(i)) least = Math.min(least, this.#idleAtMs(i));
    }
    return least;
  }
}
