/** JSON types as the kernel tells them apart; `number` includes `integer`, and 1.0 is an integer (JSON Schema, section 6.1.1). */
export type JsonType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'object' | 'array';

export const JSON_TYPES: readonly JsonType[] = ['null', 'boolean', 'integer', 'number', 'string', 'object', 'array'];

/** Formats that the kernel asserts: RFC 3339 `date-time` and `date`, RFC 4122 `uuid`. */
export type KernelFormat = 'date-time' | 'date' | 'uuid';

/** Each limit concerns values of its own type only, as in JSON Schema; bounds are compared as doubles, lengths in code points. */
export interface KernelConstraint {
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** The only strings allowed; `types` then is `['string']`. */
  readonly strings?: readonly string[];
  readonly format?: KernelFormat;
}

/** What the kernel checks at one path while it scans. The path `[]` is the record itself. */
export interface KernelField {
  readonly path: readonly string[];
  readonly types: readonly JsonType[];
  /** The enclosing value, if it is an object, must have it. */
  readonly required: boolean;
  readonly constraint: KernelConstraint;
}
