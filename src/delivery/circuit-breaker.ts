import { BREAKER_FAILURES_MAX, BREAKER_OPEN_MS } from './limits.ts';

/** When to leave a system that fails alone, and for how long. */
export interface BreakerPolicy {
  /** Failures in a row that open the circuit. */
  readonly failuresMax: number;
  /** How long it stays open before one attempt is let through, milliseconds. */
  readonly openMs: number;
}

export const DEFAULT_BREAKER: BreakerPolicy = { failuresMax: BREAKER_FAILURES_MAX, openMs: BREAKER_OPEN_MS };

/** Plain data: the decisions below are functions of it and of the time. */
export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number }
  /** One attempt is on its way; nobody else may try until it has ended. */
  | { readonly kind: 'half-open' };

export const CLOSED: BreakerState = { kind: 'closed', failures: 0 };

export type BreakerAnswer =
  | { readonly allowed: true; readonly state: BreakerState }
  | { readonly allowed: false; readonly state: BreakerState; readonly waitMs: number };

/** May an attempt be made now? Take the state of the answer. */
export function mayAttempt(state: BreakerState, policy: BreakerPolicy, nowMs: number): BreakerAnswer {
  switch (state.kind) {
    case 'closed':
      return { allowed: true, state };
    case 'half-open':
      return { allowed: false, state, waitMs: policy.openMs };
    case 'open':
      return nowMs >= state.untilMs
        ? { allowed: true, state: { kind: 'half-open' } }
        : { allowed: false, state, waitMs: state.untilMs - nowMs };
  }
}

export function afterSuccess(): BreakerState {
  return CLOSED;
}

export function afterFailure(state: BreakerState, policy: BreakerPolicy, nowMs: number): BreakerState {
  const failures = state.kind === 'closed' ? state.failures + 1 : policy.failuresMax;
  return failures >= policy.failuresMax
    ? { kind: 'open', untilMs: nowMs + policy.openMs }
    : { kind: 'closed', failures };
}
