import type { Clock } from '../../base/clock.ts';
import { WORK_TURN_MS } from './limit.ts';

/**
 * Work that takes a while, in turns: eight bodies that arrive together would be some milliseconds of checking, in which no
 * acknowledgement, no commit of an epoch and no frame of a stream gets through. Each turn of the event loop does so much of it
 * as fits into {@link WORK_TURN_MS}, one piece at least; the rest waits, in order.
 */
export class WorkTurns {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #defer: (callback: () => void) => void;
  #waiting: (() => void)[] = [];
  #spentMs = 0;
  #scheduled = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>, defer: (callback: () => void) => void = setImmediate) {
    this.#clock = clock;
    this.#defer = defer;
  }

  /** `work`: what it does before it first waits is what counts. At once, if the turn has time left. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting.length === 0 && this.#spentMs < WORK_TURN_MS) return this.#timed(work);
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => void this.#timed(work).then(resolve, reject));
    });
  }

  #timed<Result>(work: () => Promise<Result>): Promise<Result> {
    const begunMs = this.#clock.monotonicMs();
    const result = work();
    this.#spentMs += this.#clock.monotonicMs() - begunMs;
    this.#nextTurn();
    return result;
  }

  #nextTurn(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#defer(() => {
      this.#scheduled = false;
      this.#spentMs = 0;
      let done = 0;
      while (done < this.#waiting.length && this.#spentMs < WORK_TURN_MS) this.#waiting[done++]!();
      this.#waiting = this.#waiting.slice(done);
    });
  }
}
