/** A column as a source declares it; the plan's `SourceColumn` is one. */
export interface ColumnDeclaration {
  /** Where the value is found, from the root of the record. */
  readonly path: readonly string[];
  readonly type: { readonly kind: string };
  readonly nullable: boolean;
}

interface ObjectSchema {
  /** Undefined where the whole object may be missing or null. */
  type?: 'object';
  readonly properties: Record<string, unknown>;
  readonly required: string[];
}

const TWO_TO_63 = 2 ** 63;

/** Schemas of the types (without null) as JSON carries them; numeric and int8 keep all their digits as JSON numbers. */
const SCHEMA_OF_TYPE: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  boolean: { type: 'boolean' },
  int2: { type: 'integer', minimum: -(2 ** 15), maximum: 2 ** 15 - 1 },
  int4: { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
  int8: { type: 'integer', minimum: -TWO_TO_63, exclusiveMaximum: TWO_TO_63 },
  float4: { type: 'number' },
  float8: { type: 'number' },
  numeric: { type: 'number' },
  text: { type: 'string' },
  bytea: { type: 'string' },
  uuid: { type: 'string', format: 'uuid' },
  date: { type: 'string', format: 'date' },
  time: { type: 'string' },
  // Without a zone, '2022-01-01 00:05:31' is as good as RFC 3339: the kernel reads both, JSON Schema has a name for one.
  timestamp: { type: 'string' },
  timestamptz: { type: 'string', format: 'date-time' },
  interval: { type: 'string' },
  array: { type: 'array' },
};

/**
 * The JSON Schema that a source's declared columns imply, for a topic that has no schema of its own.
 *
 * @example
 * ```ts
 * schemaOfColumns([{ path: ['id'], type: { kind: 'text' }, nullable: false }]);
 * // { type: 'object', properties: { id: { type: 'string' } }, required: ['id'], ... }
 * ```
 */
export function schemaOfColumns(columns: readonly ColumnDeclaration[]): Readonly<Record<string, unknown>> {
  const root: ObjectSchema = { type: 'object', properties: {}, required: [] };
  for (const column of columns) addColumn(root, column);
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...root };
}

function addColumn(root: ObjectSchema, column: ColumnDeclaration): void {
  let at = root;
  for (const name of column.path.slice(0, -1)) {
    if (!Object.hasOwn(at.properties, name)) at.properties[name] = { properties: {}, required: [] };
    if (!column.nullable && !at.required.includes(name)) at.required.push(name);
    const next = at.properties[name] as Partial<ObjectSchema>;
    // The path goes through a value that another column reads as a whole.
    if (next.properties === undefined || next.required === undefined) return;
    at = next as ObjectSchema;
    if (!column.nullable) at.type = 'object';
  }
  const last = column.path.at(-1);
  if (last === undefined) return;
  if (!column.nullable && !at.required.includes(last)) at.required.push(last);
  if (!Object.hasOwn(at.properties, last)) at.properties[last] = valueSchema(column);
}

function valueSchema(column: ColumnDeclaration): unknown {
  const schema = SCHEMA_OF_TYPE[column.type.kind];
  if (schema === undefined)
    return column.nullable ? true : { type: ['boolean', 'number', 'string', 'object', 'array'] };
  return column.nullable ? { ...schema, type: [schema.type, 'null'] } : schema;
}
