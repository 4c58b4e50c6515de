import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { decideRetry, type RetryPolicy } from '../base/retry.ts';
import {
  afterFailure,
  afterSuccess,
  type BreakerPolicy,
  type BreakerState,
  CLOSED,
  mayAttempt,
} from './circuit-breaker.ts';
import { BREAKER_FAILURES_MAX, BREAKER_OPEN_MS, RETRY_BASE_MS } from './limits.ts';
import { TargetBusy } from './target-busy.ts';

export interface AttemptPolicy {
  readonly retry: RetryPolicy;
  readonly breaker: BreakerPolicy;
}

/** What may pass is tried for as long as it takes, at most `delayMsMax` apart: the log keeps what waits, and nobody else does. */
export function untilDelivered(delayMsMax: number): AttemptPolicy {
  return {
    retry: {
      baseMs: Math.min(RETRY_BASE_MS, delayMsMax),
      delayMsMax,
      attemptsMax: Number.POSITIVE_INFINITY,
      elapsedMsMax: Number.POSITIVE_INFINITY,
    },
    breaker: { failuresMax: BREAKER_FAILURES_MAX, openMs: Math.min(BREAKER_OPEN_MS, delayMsMax) },
  };
}

export interface AttemptParts {
  readonly clock: Clock;
  /** Uniform in [0, 1): spreads retries. */
  readonly random: () => number;
  /** Ends every wait, and every attempt that heeds it. */
  readonly signal: AbortSignal;
  readonly onRetry: (error: Error, delayMs: number) => void;
}

/**
 * Does what may fail because another system does: again after failures that may pass, with exponential backoff and full jitter,
 * and behind a circuit breaker, which leaves a system that fails in a row alone and then lets one attempt through.
 */
export class Attempts {
  readonly #policy: AttemptPolicy;
  readonly #parts: AttemptParts;
  #breaker: BreakerState = CLOSED;
  #retries = 0;

  constructor(policy: AttemptPolicy, parts: AttemptParts) {
    this.#policy = policy;
    this.#parts = parts;
  }

  get breaker(): BreakerState['kind'] {
    return this.#breaker.kind;
  }

  /** Attempts that were made again, of all actions. */
  get retries(): number {
    return this.#retries;
  }

  /** Resolves when the action has succeeded, or when the signal was given. @throws what the action throws, when it cannot pass */
  async run(action: () => Promise<void>): Promise<void> {
    const { clock, random, signal, onRetry } = this.#parts;
    const firstAtMs = clock.monotonicMs();
    for (let attempts = 1; !signal.aborted; attempts++) {
      await this.#allowed();
      if (signal.aborted) return;
      if (attempts > 1) this.#retries += 1;
      try {
        await action();
        this.#breaker = afterSuccess();
        return;
      } catch (error) {
        if (signal.aborted) return;
        const retryable = error instanceof HeadraceError && error.retryable;
        const askedMs = error instanceof TargetBusy ? error.retryAfterMs : undefined;
        const nowMs = clock.monotonicMs();
        this.#breaker = retryable ? afterFailure(this.#breaker, this.#policy.breaker, nowMs) : afterSuccess();
        const failed = { attempts, firstAtMs, nowMs, retryable, askedMs };
        const decision = decideRetry(this.#policy.retry, failed, random());
        if (decision.kind === 'give-up') throw error;
        onRetry(error as Error, decision.delayMs);
        await pause(clock, decision.delayMs, signal);
      }
    }
  }

  /** Returns when the breaker lets an attempt through. */
  async #allowed(): Promise<void> {
    const { clock, signal } = this.#parts;
    while (!signal.aborted) {
      const answer = mayAttempt(this.#breaker, this.#policy.breaker, clock.monotonicMs());
      this.#breaker = answer.state;
      if (answer.allowed) return;
      await pause(clock, Math.max(1, answer.waitMs), signal);
    }
  }
}

/** Resolves after the delay (0: in the next turn of the event loop), or when the signal is given. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  if (delayMs === 0) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener('abort', end);
  });
}
