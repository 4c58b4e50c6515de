import type { Clock } from '../../base/clock.ts';
import { HeadraceError, messageOf } from '../../base/error.ts';
import { decideRetry, type RetryPolicy } from '../../base/retry.ts';
import { functionTimeout } from './call-failure.ts';
import type { Answer, Ask, Effect } from './effect.ts';

/** Between the attempts of one call. */
const BACKOFF: Pick<RetryPolicy, 'baseMs' | 'delayMsMax'> = { baseMs: 100, delayMsMax: 10_000 };

export interface CallDriverOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly name: string;
  readonly concurrency: number;
  readonly retries: number;
  /** Undefined where `run` keeps the time itself. */
  readonly timeoutMs: number | undefined;
  /** One attempt. */
  readonly run: (args: Ask['args']) => Promise<Answer>;
  readonly done: (effect: Effect) => void;
}

/**
 * Makes the calls of one function: so many at a time, each with a timeout and further attempts after a failure, with exponential backoff
 * and jitter. A call that waits for its next attempt keeps its place, so that a service that fails is asked less.
 */
export class CallDriver {
  readonly #options: CallDriverOptions;
  readonly #policy: RetryPolicy;
  #queue: Ask[] = [];
  #running = 0;
  #closed = false;
  readonly #cancels = new Set<() => void>();

  constructor(options: CallDriverOptions) {
    this.#options = options;
    this.#policy = { ...BACKOFF, attemptsMax: options.retries + 1, elapsedMsMax: Number.POSITIVE_INFINITY };
  }

  add(asks: readonly Ask[]): void {
    this.#queue.push(...asks);
    this.#startNext();
  }

  /** Nothing is reported any more. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  #startNext(): void {
    while (this.#running < this.#options.concurrency) {
      const ask = this.#queue.shift();
      if (ask === undefined) return;
      this.#running++;
      this.#attempt(ask, 1, this.#options.clock.monotonicMs());
    }
  }

  #attempt(ask: Ask, attempts: number, firstAtMs: number): void {
    let settled = false;
    const settle = (end: () => void): void => {
      if (settled || this.#closed) return;
      settled = true;
      stopTimer();
      end();
    };
    const stopTimer = this.#timeout(() => settle(() => this.#failed(ask, attempts, firstAtMs, this.#tookTooLong())));
    this.#options.run(ask.args).then(
      (answer) => settle(() => this.#finish(ask, answer)),
      (error: unknown) => settle(() => this.#failed(ask, attempts, firstAtMs, error)),
    );
  }

  #timeout(expired: () => void): () => void {
    const { timeoutMs } = this.#options;
    return timeoutMs === undefined ? () => {} : this.#after(timeoutMs, expired);
  }

  #after(delayMs: number, callback: () => void): () => void {
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#cancels.delete(cancel);
      callback();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  #tookTooLong(): HeadraceError {
    return functionTimeout(this.#options.name, this.#options.timeoutMs ?? 0);
  }

  #failed(ask: Ask, attempts: number, firstAtMs: number, error: unknown): void {
    const { clock, random } = this.#options;
    const retryable = !(error instanceof HeadraceError && error.code.startsWith('PLAN_'));
    const failed = { attempts, firstAtMs, nowMs: clock.monotonicMs(), retryable };
    const decision = decideRetry(this.#policy, failed, random());
    if (decision.kind === 'retry') {
      this.#after(decision.delayMs, () => this.#attempt(ask, attempts + 1, firstAtMs));
      return;
    }
    this.#finish(ask, attempts === 1 ? messageOf(error) : `${messageOf(error)}\n    after ${attempts} attempts`);
  }

  #finish({ slot, call }: Ask, answer: Answer): void {
    this.#running--;
    this.#options.done([slot, call, answer]);
    this.#startNext();
  }
}
