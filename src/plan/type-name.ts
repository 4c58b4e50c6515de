import type { DataType } from './data-type.ts';

export type TypeKind = DataType['kind'];

/** One shared object per type without parameters. */
export const TYPE = {
  boolean: Object.freeze({ kind: 'boolean' }),
  int2: Object.freeze({ kind: 'int2' }),
  int4: Object.freeze({ kind: 'int4' }),
  int8: Object.freeze({ kind: 'int8' }),
  float4: Object.freeze({ kind: 'float4' }),
  float8: Object.freeze({ kind: 'float8' }),
  numeric: Object.freeze({ kind: 'numeric' }),
  text: Object.freeze({ kind: 'text' }),
  bytea: Object.freeze({ kind: 'bytea' }),
  uuid: Object.freeze({ kind: 'uuid' }),
  date: Object.freeze({ kind: 'date' }),
  time: Object.freeze({ kind: 'time' }),
  timestamp: Object.freeze({ kind: 'timestamp' }),
  timestamptz: Object.freeze({ kind: 'timestamptz' }),
  interval: Object.freeze({ kind: 'interval' }),
  jsonb: Object.freeze({ kind: 'jsonb' }),
} as const satisfies Record<string, DataType>;

/** PostgreSQL's limit on the declared precision of numeric. */
export const NUMERIC_PRECISION_MAX = 1000;

export function numericType(precision?: number, scale?: number): DataType {
  return precision === undefined ? TYPE.numeric : Object.freeze({ kind: 'numeric', precision, scale: scale ?? 0 });
}

export function arrayType(element: DataType): DataType {
  return Object.freeze({ kind: 'array', element });
}

/** Every name that SQL text may use for a type, in lower case, with the type it means. */
const TYPE_NAMES: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  ...Object.entries(TYPE),
  ['bool', TYPE.boolean],
  ['smallint', TYPE.int2],
  ['int', TYPE.int4],
  ['integer', TYPE.int4],
  ['bigint', TYPE.int8],
  ['real', TYPE.float4],
  ['float', TYPE.float8],
  ['double precision', TYPE.float8],
  ['double', TYPE.float8],
  ['decimal', TYPE.numeric],
  ['varchar', TYPE.text],
  ['character varying', TYPE.text],
  ['string', TYPE.text],
  ['json', TYPE.jsonb],
  ['timestamp without time zone', TYPE.timestamp],
  ['timestamp with time zone', TYPE.timestamptz],
  ['time without time zone', TYPE.time],
]);

/** The type that a name without parameters means (`bigint`, `timestamptz`), or undefined. */
export function typeByName(name: string): DataType | undefined {
  return TYPE_NAMES.get(name.toLowerCase());
}

/** All names that {@link typeByName} knows, for suggestions. */
export function typeNames(): readonly string[] {
  return [...TYPE_NAMES.keys()];
}

/** PostgreSQL's name of a type, as error messages and query results show it. */
export function typeName(type: DataType): string {
  switch (type.kind) {
    case 'int2':
      return 'smallint';
    case 'int4':
      return 'integer';
    case 'int8':
      return 'bigint';
    case 'float4':
      return 'real';
    case 'float8':
      return 'double precision';
    case 'numeric':
      return type.precision === undefined ? 'numeric' : `numeric(${type.precision},${type.scale ?? 0})`;
    case 'timestamp':
      return 'timestamp without time zone';
    case 'timestamptz':
      return 'timestamp with time zone';
    case 'time':
      return 'time without time zone';
    case 'array':
      return `${typeName(type.element)}[]`;
    default:
      return type.kind;
  }
}

/** True for the same type with the same parameters. */
export function typesEqual(a: DataType, b: DataType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  if (a.kind === 'numeric' && b.kind === 'numeric') {
    return a.precision === b.precision && (a.scale ?? 0) === (b.scale ?? 0);
  }
  if (a.kind === 'array' && b.kind === 'array') return typesEqual(a.element, b.element);
  return true;
}
