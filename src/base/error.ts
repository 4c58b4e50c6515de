/** The part of the system that an error comes from; the first half of its stable code. */
export type ErrorDomain =
  | 'config'
  | 'log'
  | 'kernel'
  | 'schema'
  | 'security'
  | 'sql'
  | 'plan'
  | 'engine'
  | 'ingest'
  | 'connector'
  | 'delivery'
  | 'serving'
  | 'alert'
  | 'http'
  | 'cli';

export interface HeadraceErrorDetail {
  /** Stable, documented name in capitals, e.g. `LOG_DISK_FULL`. */
  readonly code: string;
  readonly domain: ErrorDomain;
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
  /** Where in the user's text the error lies; 1-based. */
  readonly position?: SourcePosition;
  /** What to do next; appended to the message. */
  readonly next?: string;
}

export interface SourcePosition {
  readonly file?: string;
  readonly line: number;
  readonly column: number;
}

/**
 * The one error class. The message begins with the action ("reading snapshot 41: ...") and ends with what to do.
 *
 * @example
 * ```ts
 * throw new HeadraceError('creating topic "orders": it exists already', {
 *   code: 'LOG_TOPIC_EXISTS', domain: 'log', next: 'choose another name, or use the topic that is there',
 * });
 * ```
 */
export class HeadraceError extends Error {
  readonly code: string;
  readonly domain: ErrorDomain;
  readonly retryable: boolean;
  readonly position: SourcePosition | undefined;
  readonly next: string | undefined;

  constructor(message: string, detail: HeadraceErrorDetail) {
    super(detail.next === undefined ? message : `${message}; ${detail.next}`, { cause: detail.cause });
    this.name = 'HeadraceError';
    this.code = detail.code;
    this.domain = detail.domain;
    this.retryable = detail.retryable ?? false;
    this.position = detail.position;
    this.next = detail.next;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
