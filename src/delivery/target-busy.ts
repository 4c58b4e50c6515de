import { HeadraceError } from '../base/error.ts';

/** The other system cannot take anything just now, or asks to be left alone for a while. */
export class TargetBusy extends HeadraceError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs: number | undefined, cause?: unknown) {
    super(message, { code: 'CONNECTOR_TARGET_BUSY', domain: 'delivery', retryable: true, cause });
    this.retryAfterMs = retryAfterMs;
  }
}
