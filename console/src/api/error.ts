import { object, optionalNumber, optionalText } from './json.ts';

export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** A refusal by the server, or no answer at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly position: TextPosition | undefined;

  constructor(message: string, status: number, code?: string, position?: TextPosition) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.position = position;
  }
}

/** Reads an error body: `{error: {...}}` or problem details (RFC 9457). */
export function decodeError(value: unknown, status: number): ApiError {
  const outer = object(value);
  const fields = typeof outer.error === 'object' ? object(outer.error) : outer;
  const message =
    optionalText(fields.message) ??
    optionalText(fields.detail) ??
    optionalText(outer.error) ??
    optionalText(fields.title);
  const place = { ...fields, ...object(fields.position) };
  const line = optionalNumber(place.line);
  const position = line === undefined ? undefined : { line, column: optionalNumber(place.column) ?? 1 };
  return new ApiError(
    message ?? `the server answered with status ${status}`,
    status,
    optionalText(fields.code),
    position,
  );
}
