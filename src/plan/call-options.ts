/** How a user function is called. Without it: synchronous, on the task's own thread, deterministic. */
export interface CallOptions {
  /** Results are journaled, so that a replay does not ask again. */
  readonly volatile: boolean;
  /** The function gives a promise. */
  readonly asynchronous: boolean;
  /** It runs on the pool of worker threads. */
  readonly pool: boolean;
  /** Calls that run at a time. */
  readonly concurrency: number;
  /** One call may take so long, milliseconds. */
  readonly timeoutMs: number;
  /** Further attempts after one that failed. */
  readonly retries: number;
  /** What a call that fails does: its row goes to dead letters, or the pipeline stops. */
  readonly onError: 'dead-letter' | 'fail';
}

export const CALL_TIMEOUT_DEFAULT_MS = 10_000;
export const CALL_CONCURRENCY_DEFAULT = 16;
export const CALL_CONCURRENCY_MAX = 1_000;
/** A promise may fail for a moment; what computes fails again. */
export const CALL_RETRIES_DEFAULT = 3;
export const CALL_RETRIES_MAX = 100;

/** What is left out takes its default. */
export function callOptions(spec: Partial<CallOptions>): CallOptions {
  const asynchronous = spec.asynchronous ?? false;
  return Object.freeze({
    volatile: spec.volatile ?? false,
    asynchronous,
    pool: spec.pool ?? false,
    concurrency: spec.concurrency ?? CALL_CONCURRENCY_DEFAULT,
    timeoutMs: spec.timeoutMs ?? CALL_TIMEOUT_DEFAULT_MS,
    retries: spec.retries ?? (asynchronous ? CALL_RETRIES_DEFAULT : 0),
    onError: spec.onError ?? 'dead-letter',
  });
}

/** Whether the results of its calls are journaled, so that an operator of its own makes them. */
export function isLifted(options: CallOptions | undefined): boolean {
  return options !== undefined && (options.volatile || options.asynchronous || options.pool);
}
