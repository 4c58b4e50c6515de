import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideRetry, type RetryPolicy } from '../base/retry.ts';
import { afterFailure, afterSuccess, type BreakerState, CLOSED, mayAttempt } from './circuit-breaker.ts';

const policy: RetryPolicy = { baseMs: 100, delayMsMax: 1_000, attemptsMax: 6, elapsedMsMax: 10_000 };
const failed = { attempts: 1, firstAtMs: 0, nowMs: 0, retryable: true };

describe('retry', () => {
  it('doubles the ceiling with every attempt, up to the maximum', () => {
    const delays = [1, 2, 3, 4, 5].map((attempts) => decideRetry(policy, { ...failed, attempts }, 0.999999));
    expect(delays.map((d) => d.kind === 'retry' && d.delayMs)).toEqual([99, 199, 399, 799, 999]);
  });

  it('spreads over the whole interval', () => {
    expect(decideRetry(policy, { ...failed, attempts: 3 }, 0)).toEqual({ kind: 'retry', delayMs: 0 });
  });

  it('waits at least as long as it was asked to', () => {
    expect(decideRetry(policy, { ...failed, askedMs: 5_000 }, 0.5)).toEqual({ kind: 'retry', delayMs: 5_000 });
  });

  it('gives up on what cannot succeed, after its attempts, and after its time', () => {
    expect(decideRetry(policy, { ...failed, retryable: false }, 0)).toEqual({ kind: 'give-up', why: 'not-retryable' });
    expect(decideRetry(policy, { ...failed, attempts: 6 }, 0)).toEqual({ kind: 'give-up', why: 'attempts' });
    expect(decideRetry(policy, { ...failed, nowMs: 10_001 }, 0)).toEqual({ kind: 'give-up', why: 'elapsed' });
  });
});

const breaker = { failuresMax: 3, openMs: 1_000 };

describe('circuit breaker', () => {
  it('opens after failures in a row, and lets one attempt through when its time is over', () => {
    let state: BreakerState = CLOSED;
    for (let n = 0; n < 3; n++) state = afterFailure(state, breaker, 0);
    expect(mayAttempt(state, breaker, 400)).toMatchObject({ allowed: false, waitMs: 600 });
    const probe = mayAttempt(state, breaker, 1_000);
    expect(probe.allowed).toBe(true);
    expect(mayAttempt(probe.state, breaker, 1_000).allowed).toBe(false);
    expect(afterFailure(probe.state, breaker, 1_000)).toEqual({ kind: 'open', untilMs: 2_000 });
    expect(afterSuccess()).toEqual(CLOSED);
  });

  it('counts failures in a row only', () => {
    let state = afterFailure(afterFailure(CLOSED, breaker, 0), breaker, 0);
    state = afterSuccess();
    expect(afterFailure(state, breaker, 0)).toEqual({ kind: 'closed', failures: 1 });
  });

  it('never refuses for longer than it stays open', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(2_000)), { maxLength: 50 }), (steps) => {
        let state: BreakerState = CLOSED;
        let now = 0;
        for (const [good, wait] of steps) {
          now += wait;
          const answer = mayAttempt(state, breaker, now);
          if (!answer.allowed) expect(answer.waitMs).toBeLessThanOrEqual(breaker.openMs);
          else state = good ? afterSuccess() : afterFailure(answer.state, breaker, now);
        }
      }),
    );
  });
});
