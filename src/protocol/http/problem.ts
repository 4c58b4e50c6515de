import { HeadraceError, type SourcePosition } from '../../base/error.ts';
import { RETRY_AFTER_SECONDS } from './limit.ts';

/** RFC 9457, with the stable code of the error and what to do next. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly next?: string;
  readonly retryable?: boolean;
  readonly position?: SourcePosition;
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Status of the errors that a client can meet; what is not here follows from its domain. */
export const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ENGINE_INPUT_GONE: 409,
  ENGINE_INPUT_LOST: 409,
  ENGINE_MUST_REBUILD: 409,
  ENGINE_OUTPUT_KIND: 409,
  ENGINE_PIPELINE_BUSY: 409,
  ENGINE_PIPELINE_NEEDED: 409,
  ENGINE_PIPELINE_UNKNOWN: 404,
  ENGINE_REPLAY_START: 400,
  ENGINE_REPLAY_TARGET: 409,
  HTTP_BODY_EMPTY: 400,
  HTTP_BODY_INVALID: 400,
  HTTP_BODY_TRUNCATED: 400,
  HTTP_PARAMETER_INVALID: 400,
  HTTP_PATH_INVALID: 400,
  HTTP_HOST_REFUSED: 421,
  HTTP_ORIGIN_REFUSED: 403,
  HTTP_NOT_FOUND: 404,
  HTTP_METHOD_NOT_ALLOWED: 405,
  HTTP_BODY_TOO_LARGE: 413,
  HTTP_MEDIA_TYPE: 415,
  HTTP_ENCODING: 415,
  HTTP_OVERLOADED: 429,
  HTTP_STREAMS_FULL: 429,
  HTTP_SLOW_CLIENT: 408,
  HTTP_NOT_READY: 503,
  INGEST_UNKNOWN_TOPIC: 404,
  INGEST_OVERLOADED: 429,
  INGEST_IDEMPOTENCY_CONFLICT: 422,
  INGEST_IDEMPOTENCY_KEY_INVALID: 400,
  INGEST_TOPIC_RESERVED: 403,
  INGEST_ALL_REFUSED: 400,
  INGEST_BODY_MALFORMED: 400,
  INGEST_REFUSALS_TOO_MANY: 400,
  LOG_BATCH_TOO_LARGE: 413,
  LOG_CLOSED: 503,
  LOG_DISK_FULL: 507,
  LOG_WRITE_FAILED: 503,
  LOG_TOPIC_EXISTS: 409,
  LOG_TOPIC_IN_USE: 409,
  LOG_TOPIC_NAME_INVALID: 400,
  LOG_TOPIC_CONFIG_INVALID: 400,
  LOG_TOO_MANY_PARTITIONS: 400,
  LOG_UNKNOWN_TOPIC: 404,
  LOG_OFFSET_OUT_OF_RANGE: 410,
  SECURITY_UNAUTHENTICATED: 401,
  SECURITY_FORBIDDEN: 403,
  SERVING_UNKNOWN_STREAM: 404,
  SERVING_UNKNOWN_TABLE: 404,
  SERVING_UNKNOWN_TOPIC: 404,
  SERVING_OFFSET_GONE: 410,
  SERVING_OFFSET_INVALID: 400,
  SERVING_TOO_MANY_STREAMS: 429,
  SERVING_SLOW_CONSUMER: 408,
  SERVING_QUERY_TIMEOUT: 504,
  SERVING_QUERY_FAILED: 400,
  SERVING_QUERY_MEMORY: 400,
  SERVING_QUERY_OVERLOADED: 429,
  SERVING_QUERY_TOO_LARGE: 400,
  SERVING_QUERY_UNSUPPORTED: 400,
  SERVING_UNKNOWN_RELATION: 400,
  SERVING_CLOSED: 503,
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Who asks is not known',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Client too slow',
  409: 'Conflict',
  410: 'Gone',
  413: 'Body too large',
  415: 'Unsupported media type',
  421: 'Misdirected request',
  422: 'Idempotency key used for another body',
  429: 'Too much load',
  500: 'Internal error',
  503: 'Not available now',
  504: 'Took too long',
  507: 'Disk full',
};

/** The HTTP status that says what a HeadraceError says. */
export function statusOf(error: HeadraceError): number {
  const known = STATUS_BY_CODE[error.code];
  if (known !== undefined) return known;
  if (['sql', 'plan', 'schema', 'config'].includes(error.domain)) return 400;
  return error.retryable ? 503 : 500;
}

/** What the client is told. An error that we did not foresee says nothing of our insides. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof HeadraceError)) {
    return {
      type: 'about:blank',
      title: TITLES[500]!,
      status: 500,
      detail: 'answering the request: an unexpected error; the log of the process has it',
      code: 'HTTP_INTERNAL',
    };
  }
  const status = statusOf(error);
  return {
    type: 'about:blank',
    title: TITLES[status] ?? 'Error',
    status,
    detail: error.message,
    code: error.code,
    ...(error.next !== undefined && { next: error.next }),
    ...(error.retryable && { retryable: true }),
    ...(error.position !== undefined && { position: error.position }),
  };
}

/** Headers that belong to the status of a problem. */
export function problemHeaders(problem: Problem): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': PROBLEM_MEDIA_TYPE };
  if (problem.status === 401) headers['www-authenticate'] = 'Bearer realm="headrace"';
  if (problem.status === 429 || problem.status === 503) headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  return headers;
}

/** An error of the door itself. */
export function httpError(code: string, message: string, next?: string, cause?: unknown): HeadraceError {
  return new HeadraceError(message, {
    code,
    domain: 'http',
    retryable: STATUS_BY_CODE[code] === 429 || STATUS_BY_CODE[code] === 503,
    ...(next !== undefined && { next }),
    ...(cause !== undefined && { cause }),
  });
}
