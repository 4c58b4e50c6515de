import type { DataType } from '../../plan/data-type.ts';
import { typeName } from '../../plan/type-name.ts';
import type { SinkRelation } from '../sink-relation.ts';
import { quoted } from './postgres-connection.ts';
import type { PostgresSession } from './postgres-session.ts';
import { misfit, RECORD_KEY_COLUMN, type SinkKey } from './sink-key.ts';

/** A column of the table that is written. */
export interface TableColumn {
  readonly name: string;
  /** Its type as SQL. */
  readonly written: string;
}

interface CatalogColumn extends TableColumn {
  /** Name of the type, below a domain; of an array that of its elements. */
  readonly base: string;
  readonly isArray: boolean;
  readonly isEnum: boolean;
  readonly modifier: number;
  readonly notNull: boolean;
  readonly filledIn: boolean;
  readonly computed: boolean;
}

/** The types of a table that hold every value of a type. Numbers, times and texts with a limit: see {@link holds}. */
const HOLDERS: Readonly<Record<Exclude<DataType['kind'], 'array'>, readonly string[]>> = {
  boolean: ['bool'],
  int2: ['int2', 'int4', 'int8', 'numeric'],
  int4: ['int4', 'int8', 'numeric'],
  int8: ['int8', 'numeric'],
  float4: ['float4', 'float8'],
  float8: ['float8'],
  numeric: ['numeric'],
  text: ['text', 'varchar', 'citext'],
  bytea: ['bytea'],
  uuid: ['uuid'],
  date: ['date'],
  time: ['time'],
  timestamp: ['timestamp'],
  timestamptz: ['timestamptz'],
  interval: ['interval'],
  jsonb: ['jsonb', 'json'],
};

const COLUMNS = `SELECT a.attname, format_type(a.atttypid, a.atttypmod), b.typname, e.typname, b.typtype,
  CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
  a.attnotnull OR t.typnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = 'a'
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

/** Of each index that ON CONFLICT can use: its columns, and which of them may be null. */
const UNIQUE_KEYS = `SELECT json_agg(a.attname), bool_and(a.attnotnull)
FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
  AND i.indexprs IS NULL AND k.place <= i.indnkeyatts GROUP BY i.indexrelid`;

/** `public.orders` as SQL; each part stands as it is. */
export function tableName(table: string): string {
  return table.split('.').map(quoted).join('.');
}

/** The statement that makes the table. */
export function tableDefinition(table: string, { columns }: SinkRelation, key: SinkKey): string {
  const lines = columns.map(
    ({ name, type, nullable }) => `${quoted(name)} ${typeName(type)}${nullable ? '' : ' NOT NULL'}`,
  );
  if (key.kind === 'record') lines.push(`${quoted(RECORD_KEY_COLUMN)} bytea PRIMARY KEY`);
  if (key.kind === 'columns' || key.kind === 'named') {
    lines.push(`PRIMARY KEY (${key.columns.map((at) => quoted(columns[at]!.name)).join(', ')})`);
  }
  return `CREATE TABLE IF NOT EXISTS ${tableName(table)} (${lines.join(', ')})`;
}

/** The columns of the table that the relation's go to, in their order. @throws HeadraceError `CONNECTOR_SINK_MISFIT` */
export async function checkedColumns(
  session: PostgresSession,
  given: { readonly sink: string; readonly table: string; readonly relation: SinkRelation; readonly key: SinkKey },
): Promise<readonly TableColumn[]> {
  const { sink, table, relation, key } = given;
  const oid = await tableOid(session, table);
  if (oid === undefined) {
    const definition = tableDefinition(table, relation, key);
    throw misfit(sink, `there is no table ${table}`, `set create_table = true, or make it: ${definition}`);
  }
  const there = (await session.run(COLUMNS, [oid])).rows.map(catalogColumn);
  const wanted = [...relation.columns, ...(key.kind === 'record' ? [RECORD_KEY] : [])];
  const columns = wanted.map(({ name, type }) => {
    const found = there.find((column) => column.name === name);
    if (found === undefined) {
      throw misfit(sink, `table ${table} has no column "${name}"`, `add it: ${quoted(name)} ${typeName(type)}`);
    }
    if (found.computed) throw misfit(sink, `column "${name}" of table ${table} is generated`, 'rename it in the view');
    if (holds(found, type)) return found;
    const why = `column "${name}" is ${typeName(type)} in the view and ${found.written} in table ${table}`;
    throw misfit(sink, why, `alter the table to ${typeName(type)}, or cast in the view`);
  });
  const open = there.find(
    ({ name, notNull, filledIn }) => notNull && !filledIn && !columns.some((c) => c.name === name),
  );
  if (open !== undefined) {
    const why = `column "${open.name}" of table ${table} is NOT NULL, and the view has no column of that name`;
    throw misfit(sink, why, 'give it a default, or add it to the view');
  }
  await requireUnique(session, oid, given);
  return columns;
}

const RECORD_KEY = { name: RECORD_KEY_COLUMN, type: { kind: 'bytea' } as const };

/**
 * Makes what `IF NOT EXISTS` makes, one after another of all that are made by sinks: PostgreSQL's own check is not safe from two at
 * the same time.
 */
export async function makeOnce(session: PostgresSession, definition: string): Promise<void> {
  await session.run(`BEGIN; SELECT pg_advisory_xact_lock(hashtext('headrace')); ${definition}; COMMIT`);
}

export async function tableOid(session: PostgresSession, table: string): Promise<string | undefined> {
  return (await session.run('SELECT to_regclass($1)::oid', [tableName(table)])).rows[0]?.[0] ?? undefined;
}

/** ON CONFLICT needs an index; and where a key can be null, one that knows its row again. */
async function requireUnique(
  session: PostgresSession,
  oid: string,
  {
    sink,
    table,
    relation,
    key,
  }: { readonly sink: string; readonly table: string; readonly relation: SinkRelation; readonly key: SinkKey },
): Promise<void> {
  if (key.kind === 'none') return;
  const names = keyNames(relation, key);
  const mayBeNull = key.kind !== 'record' && key.columns.some((at) => relation.columns[at]!.nullable);
  const { rows } = await session.run(UNIQUE_KEYS, [oid]);
  const fits = rows.some(([columns, areNotNull]) => {
    const indexed = JSON.parse(columns ?? '[]') as string[];
    const isSame = indexed.length === names.length && names.every((name) => indexed.includes(name));
    return isSame && (!mayBeNull || areNotNull === 't');
  });
  if (fits) return;
  const list = names.map(quoted).join(', ');
  const why = `table ${table} has no primary key or unique index over (${list})${mayBeNull ? ' that are NOT NULL' : ''}`;
  throw misfit(sink, why, `ALTER TABLE ${tableName(table)} ADD PRIMARY KEY (${list})`);
}

export function keyNames(
  { columns }: SinkRelation,
  key: Exclude<SinkKey, { readonly kind: 'none' }>,
): readonly string[] {
  return key.kind === 'record' ? [RECORD_KEY_COLUMN] : key.columns.map((at) => columns[at]!.name);
}

function catalogColumn(row: readonly (string | null)[]): CatalogColumn {
  const [name, written, base, element, kind, modifier, notNull, filledIn, computed] = row;
  return {
    name: name!,
    written: written!,
    base: element ?? base!,
    isArray: element !== null,
    isEnum: kind === 'e',
    modifier: Number(modifier),
    notNull: notNull === 't',
    filledIn: filledIn === 't',
    computed: computed === 't',
  };
}

/** Whether every value of the type stands in the column as it is, or is refused; none may be rounded, cut or filled up. */
function holds(column: CatalogColumn, type: DataType): boolean {
  if (type.kind === 'array') {
    return type.element.kind !== 'array' && column.isArray && holds({ ...column, isArray: false }, type.element);
  }
  if (column.isArray) return false;
  if (type.kind === 'text' && column.isEnum) return true;
  if (!HOLDERS[type.kind].includes(column.base)) return false;
  if (column.modifier < 0) return true;
  switch (column.base) {
    case 'numeric':
      return scaleOf(type) !== undefined && scaleOf(type)! <= numericScale(column.modifier);
    case 'varchar':
      return true;
    default:
      return column.modifier === MICROSECONDS;
  }
}

/** Digits after the point of the seconds. */
const MICROSECONDS = 6;

/** Digits after the point that a value can have; undefined when there is no bound. */
function scaleOf(type: DataType): number | undefined {
  if (type.kind !== 'numeric') return 0;
  return type.precision === undefined ? undefined : (type.scale ?? 0);
}

/** `numeric_typmod_scale` of PostgreSQL: eleven bits with a sign. */
function numericScale(modifier: number): number {
  return (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
}
