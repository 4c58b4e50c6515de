import { ADMISSION_FLOOR, ADMISSION_REQUEST_COST } from './limits.ts';

/** Waiting is judged over so long a time. */
const WINDOW_MS = 25;
/** Waiting that is too long for less than this is a burst or a slow fsync, not overload (as CoDel's interval, RFC 8289). */
const PATIENCE_MS = 100;
/** When nothing was refused for so long, the overload is over. */
const OVER_MS = 1_000;
const GROWTH = 1.25;
/** A disk on which a request takes long though nobody else waits: what is bearable is then so many times that. */
const BASE_FACTOR = 3;
const BASE_SPAN_MS = 10_000;

export interface AdmissionOptions {
  readonly monotonicMs: () => number;
  /** Waiting, from the arrival of a request to its commit, that is bearable. */
  readonly waitTargetMs: number;
  /** The most that may ever wait. */
  readonly costMax: number;
}

/** A request that was let in; given back when it has been answered. */
export interface Admitted {
  readonly cost: number;
  readonly atMs: number;
}

/**
 * Who may come in under load. What is let in waits for its commit; how long, is what the load makes of it. While that is
 * bearable, everybody may come. When it is not, for longer than a burst lasts, as much may wait as is committed in the
 * bearable time (Little's law: waiting = rate x time), and the rest is refused at once: so those who are let in are
 * answered in time, and the others know early. Whoever comes when nobody waits is always let in.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  #waiting = 0;
  #limit: number;
  #windowAt: number;
  #committed = 0;
  #count = 0;
  #waitSumMs = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #tooLongSince: number | undefined;
  /** The shortest wait of this span of time, and of the one before. */
  #baseMs = Number.POSITIVE_INFINITY;
  #baseBeforeMs = Number.POSITIVE_INFINITY;
  #baseAt: number;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#limit = options.costMax;
    this.#windowAt = options.monotonicMs();
    this.#baseAt = this.#windowAt;
  }

  /** What waits now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** What may wait now. */
  get limit(): number {
    return this.#limit;
  }

  /** Undefined when the request is to be refused. */
  enter(bytes: number): Admitted | undefined {
    const cost = bytes + ADMISSION_REQUEST_COST;
    const atMs = this.#options.monotonicMs();
    if (this.#waiting > 0 && this.#waiting + cost > this.#limit) {
      this.#refusedAt = atMs;
      return undefined;
    }
    if (this.#waiting === 0) this.#beginAfterNobody(atMs);
    this.#waiting += cost;
    return { cost, atMs };
  }

  leave({ cost, atMs }: Admitted): void {
    const now = this.#options.monotonicMs();
    const waitedMs = now - atMs;
    this.#waiting -= cost;
    this.#committed += cost;
    this.#count++;
    this.#waitSumMs += waitedMs;
    if (waitedMs < this.#baseMs) this.#baseMs = waitedMs;
    if (now - this.#windowAt >= WINDOW_MS) this.#judge(now);
  }

  /** A time in which nobody waited says nothing of the rate. */
  #beginAfterNobody(now: number): void {
    if (now - this.#refusedAt >= OVER_MS) this.#limit = this.#options.costMax;
    this.#begin(now);
  }

  #begin(now: number): void {
    this.#windowAt = now;
    this.#committed = 0;
    this.#count = 0;
    this.#waitSumMs = 0;
  }

  #judge(now: number): void {
    const meanMs = this.#waitSumMs / this.#count;
    const targetMs = this.#targetMs(now);
    if (meanMs <= targetMs) {
      this.#tooLongSince = undefined;
      if (now - this.#refusedAt >= OVER_MS) this.#limit = this.#options.costMax;
      else this.#limit = Math.min(this.#options.costMax, this.#limit * GROWTH);
    } else {
      this.#tooLongSince ??= now;
      if (now - this.#tooLongSince >= PATIENCE_MS) {
        const bearable = (this.#committed / (now - this.#windowAt)) * targetMs;
        this.#limit = Math.max(ADMISSION_FLOOR, Math.min(this.#limit, bearable));
      }
    }
    this.#begin(now);
  }

  #targetMs(now: number): number {
    const { waitTargetMs } = this.#options;
    const baseMs = Math.min(this.#baseMs, this.#baseBeforeMs);
    if (now - this.#baseAt >= BASE_SPAN_MS) {
      this.#baseAt = now;
      this.#baseBeforeMs = this.#baseMs;
      this.#baseMs = Number.POSITIVE_INFINITY;
    }
    return Math.max(waitTargetMs, Math.min(baseMs, waitTargetMs * BASE_FACTOR) * BASE_FACTOR);
  }
}
