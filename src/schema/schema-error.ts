import { HeadraceError } from '../base/error.ts';

/** Where and why a value does not match. */
export interface SchemaViolation {
  /** JSON pointer into the value. */
  readonly pointer: string;
  readonly keyword: string;
  readonly message: string;
}

/** A schema that does not compile; `pointer` is into the schema. */
export function invalidSchema(source: string, pointer: string, why: string, cause?: unknown): HeadraceError {
  return new HeadraceError(`compiling schema ${source} at "${pointer === '' ? '/' : pointer}": ${why}`, {
    code: 'SCHEMA_INVALID',
    domain: 'schema',
    cause,
    next: 'correct it against JSON Schema draft 2020-12',
  });
}
