import type { Clock } from '../../base/clock.ts';
import { HEARTBEAT_WORDS } from '../effect/function-guard.ts';
import { WATCHDOG_INTERVAL_MS } from '../limits.ts';

/** Looks from another thread at the calls of user functions that a task makes, and tells when one does not return in its time. */
export class Watchdog {
  readonly heartbeat = new Int32Array(new SharedArrayBuffer(HEARTBEAT_WORDS * 4));
  readonly #clock: Clock;
  readonly #hangs: () => void;
  #call = 0;
  #sinceMs = 0;
  #cancel: () => void = () => {};

  constructor(clock: Clock, hangs: () => void) {
    this.#clock = clock;
    this.#hangs = hangs;
    this.#next();
  }

  stop(): void {
    this.#cancel();
  }

  #next(): void {
    this.#cancel = this.#clock.after(WATCHDOG_INTERVAL_MS, () => this.#look());
  }

  #look(): void {
    const [call = 0, timeoutMs = 0] = this.heartbeat;
    const nowMs = this.#clock.monotonicMs();
    if (timeoutMs === 0 || call !== this.#call) {
      this.#call = call;
      this.#sinceMs = nowMs;
    } else if (nowMs - this.#sinceMs >= timeoutMs) {
      this.#hangs();
      return;
    }
    this.#next();
  }
}
