import type { Clock } from '../base/clock.ts';
import { FEED_TURN_MS_MAX } from './limits.ts';

/** Work that can be done in slices. */
export interface Advancing {
  /** True while there is something to do. */
  behind(): boolean;
  /** Works until done or until `overtime()`; must not throw. */
  advance(overtime: () => boolean): void;
}

/** Calls back soon, after pending I/O has had its chance: `setImmediate` outside tests. */
export type Defer = (callback: () => void) => void;

/**
 * Shares the event loop among all followers of topics: a turn takes at most {@link FEED_TURN_MS_MAX}, in which everyone
 * who is behind has their go, starting with the one after the last who had it.
 */
export class FeedScheduler {
  readonly #clock: Clock;
  readonly #defer: Defer;
  readonly #tasks: Advancing[] = [];
  #next = 0;
  #scheduled = false;
  #closed = false;

  constructor(clock: Clock, defer: Defer = setImmediate) {
    this.#clock = clock;
    this.#defer = defer;
  }

  add(task: Advancing): void {
    this.#tasks.push(task);
    this.wake();
  }

  remove(task: Advancing): void {
    const index = this.#tasks.indexOf(task);
    if (index < 0) return;
    this.#tasks.splice(index, 1);
    if (index < this.#next) this.#next--;
  }

  /** Something may have become readable. */
  wake(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#defer(() => this.#turn());
  }

  close(): void {
    this.#closed = true;
    this.#tasks.length = 0;
  }

  #turn(): void {
    this.#scheduled = false;
    const end = this.#clock.monotonicMs() + FEED_TURN_MS_MAX;
    const overtime = () => this.#clock.monotonicMs() >= end;
    for (let turns = this.#tasks.length; turns > 0 && !this.#closed; turns--) {
      if (this.#next >= this.#tasks.length) this.#next = 0;
      const task = this.#tasks[this.#next++];
      if (task === undefined) break;
      if (task.behind()) task.advance(overtime);
      if (overtime()) break;
    }
    if (this.#tasks.some((task) => task.behind())) this.wake();
  }
}
