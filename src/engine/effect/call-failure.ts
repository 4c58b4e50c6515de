import { HeadraceError } from '../../base/error.ts';

export function functionTimeout(name: string, timeoutMs: number): HeadraceError {
  return new HeadraceError(`user function ${name}: timeout, it took longer than ${timeoutMs} ms`, {
    code: 'ENGINE_USER_FUNCTION_TIMEOUT',
    domain: 'engine',
    retryable: true,
    next: 'make it faster, or give it a longer timeout',
  });
}

/** A failure of a function that is declared with `on_error = 'fail'`. */
export function functionStopped(message: string, cause?: unknown): HeadraceError {
  return new HeadraceError(`${message} (on_error = 'fail' stops the pipeline)`, {
    code: 'ENGINE_USER_FUNCTION_FAILED',
    domain: 'engine',
    cause,
    next: 'correct the function or its input, then start the pipeline again: the row is called for again',
  });
}
