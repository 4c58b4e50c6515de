import { parseDurationMs } from '../base/duration.ts';
import { type CallOptions, callOptions } from '../plan/call-options.ts';

/** How a user function is called; what is left out is as in `CREATE FUNCTION` (docs/sql/user-functions.md). */
export interface CallSpec {
  /** It gives a promise; an `async` function is one without saying so. */
  readonly async?: boolean;
  /** Its results differ from call to call: they are journaled. */
  readonly volatile?: boolean;
  /** It computes for long: it runs on the pool of worker threads. */
  readonly pool?: boolean;
  /** Calls that run at a time. */
  readonly concurrency?: number;
  /** A duration such as `2 s`, which one call may take. */
  readonly timeout?: string;
  /** Further attempts after one that failed. */
  readonly retries?: number;
  readonly onError?: 'dead-letter' | 'fail';
}

/** Undefined for a plain call. */
export function callOptionsOf(spec: CallSpec, run: unknown): CallOptions | undefined {
  const asynchronous = spec.async ?? Object.prototype.toString.call(run) === '[object AsyncFunction]';
  if (!asynchronous && Object.keys(spec).length === 0) return undefined;
  const { volatile, pool, concurrency, timeout, retries, onError } = spec;
  return callOptions({
    asynchronous,
    ...(volatile !== undefined && { volatile }),
    ...(pool !== undefined && { pool }),
    ...(concurrency !== undefined && { concurrency }),
    ...(timeout !== undefined && { timeoutMs: parseDurationMs(timeout) }),
    ...(retries !== undefined && { retries }),
    ...(onError !== undefined && { onError }),
  });
}
