/** Ceiling of the first wait after a failure, milliseconds; it doubles with each further one, and the wait is anything up to it. */
export const RETRY_BASE_MS = 200;
/** Failures in a row after which a system that others write to is left alone. */
export const BREAKER_FAILURES_MAX = 5;
/** How long it is left alone before one attempt is made, milliseconds. */
export const BREAKER_OPEN_MS = 10_000;
