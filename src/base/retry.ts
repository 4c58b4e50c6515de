/** How often, how long apart and how long in all something is tried again. Milliseconds. */
export interface RetryPolicy {
  readonly baseMs: number;
  readonly delayMsMax: number;
  /** Attempts in all, the first included. */
  readonly attemptsMax: number;
  /** Since the first attempt; later than that nothing is tried again. */
  readonly elapsedMsMax: number;
}

export const DEFAULT_RETRY: RetryPolicy = { baseMs: 200, delayMsMax: 60_000, attemptsMax: 30, elapsedMsMax: 3_600_000 };

export type RetryDecision =
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'give-up'; readonly why: 'not-retryable' | 'attempts' | 'elapsed' };

export interface FailedAttempt {
  /** Attempts so far, from 1. */
  readonly attempts: number;
  readonly firstAtMs: number;
  readonly nowMs: number;
  readonly retryable: boolean;
  /** What the other side asked for (`Retry-After`); waited for at least. */
  readonly askedMs?: number | undefined;
}

/**
 * What to do after a failure: exponential backoff with full jitter, so that many who failed together do not come back
 * together ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param random uniform in [0, 1)
 * @example
 * ```ts
 * decideRetry(DEFAULT_RETRY, { attempts: 3, firstAtMs: 0, nowMs: 900, retryable: true }, 0.5); // { kind: 'retry', delayMs: 400 }
 * ```
 */
export function decideRetry(policy: RetryPolicy, failed: FailedAttempt, random: number): RetryDecision {
  if (!failed.retryable) return { kind: 'give-up', why: 'not-retryable' };
  if (failed.attempts >= policy.attemptsMax) return { kind: 'give-up', why: 'attempts' };
  const ceiling = Math.min(policy.delayMsMax, policy.baseMs * 2 ** (failed.attempts - 1));
  const delayMs = Math.max(Math.floor(random * ceiling), failed.askedMs ?? 0);
  if (failed.nowMs + delayMs - failed.firstAtMs > policy.elapsedMsMax) return { kind: 'give-up', why: 'elapsed' };
  return { kind: 'retry', delayMs };
}
