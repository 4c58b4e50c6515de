import type { DataType } from '../plan/data-type.ts';
import { arrayType, numericType, TYPE, type TypeKind } from '../plan/type-name.ts';

/** A column of a source as declared: its type, whether it may be null, and where it lies in the JSON value. */
export class ColumnType<Kind extends TypeKind = TypeKind> {
  readonly type: DataType;
  /** Exists for the compiler only. */
  declare readonly kind: Kind;
  readonly nullable: boolean;
  readonly jsonPath: readonly string[] | undefined;

  constructor(type: DataType, nullable = true, jsonPath?: readonly string[]) {
    this.type = type;
    this.nullable = nullable;
    this.jsonPath = jsonPath;
  }

  /** A record without a value is refused. */
  notNull(): ColumnType<Kind> {
    return new ColumnType<Kind>(this.type, false, this.jsonPath);
  }

  /** The members to follow from the root of the JSON value; without it the column's name is the member. */
  path(...steps: readonly [string, ...string[]]): ColumnType<Kind> {
    return new ColumnType<Kind>(this.type, this.nullable, steps);
  }
}

const simple =
  <Kind extends keyof typeof TYPE>(kind: Kind) =>
  (): ColumnType<Kind> =>
    new ColumnType<Kind>(TYPE[kind]);

/**
 * Column types, PostgreSQL's.
 *
 * @example
 * ```ts
 * const amount = t.numeric(12, 2).notNull().path('data', 'amount');
 * amount.nullable; // false
 * amount.jsonPath; // ['data', 'amount']
 * ```
 */
export const t = {
  boolean: simple('boolean'),
  int2: simple('int2'),
  int4: simple('int4'),
  int8: simple('int8'),
  float4: simple('float4'),
  float8: simple('float8'),
  numeric: (precision?: number, scale?: number): ColumnType<'numeric'> =>
    new ColumnType<'numeric'>(numericType(precision, scale)),
  text: simple('text'),
  bytea: simple('bytea'),
  uuid: simple('uuid'),
  date: simple('date'),
  time: simple('time'),
  timestamp: simple('timestamp'),
  timestamptz: simple('timestamptz'),
  interval: simple('interval'),
  jsonb: simple('jsonb'),
  array: (element: ColumnType): ColumnType<'array'> => new ColumnType<'array'>(arrayType(element.type)),
} as const;
