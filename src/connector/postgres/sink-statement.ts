import type { SinkRelation } from '../sink-relation.ts';
import { quoted } from './postgres-connection.ts';
import { RECORD_KEY_COLUMN, type SinkKey } from './sink-key.ts';
import { keyNames, type TableColumn, tableName } from './sink-table.ts';

/** The place of a row in its batch; no column of a user's. */
const PLACE = '"headrace place"';

/** What writes a batch: one statement for the rows that come or change, one for those that go. */
export interface SinkStatements {
  /** $1: a JSON array of rows. */
  readonly insert: string;
  /** $1: a JSON array of keys, each an array of values. Undefined where nothing goes. */
  readonly remove: string | undefined;
}

/**
 * Rows go to PostgreSQL as the JSON that the topic holds, and its own input functions read the values: every digit of a numeric, every
 * microsecond, `NaN` and `Infinity` arrive as they are. The types are those of the table's columns.
 */
export function sinkStatements(given: {
  readonly table: string;
  readonly relation: SinkRelation;
  readonly key: SinkKey;
  readonly columns: readonly TableColumn[];
}): SinkStatements {
  const { table, relation, key, columns } = given;
  const into = tableName(table);
  const names = columns.map(({ name }) => quoted(name));
  const { fields, values } = fieldsOf(relation, columns);
  const members = fields.map(({ member }) => member);
  const types = fields.map(({ member, type }) => `${member} ${type}`);
  const from = `ROWS FROM (json_to_recordset($1::json) AS (${types.join(', ')})) WITH ORDINALITY AS x(${members.join(', ')}, ${PLACE})`;
  const select = `SELECT ${values.map((value, at) => `${value} AS ${names[at]}`).join(', ')}`;
  if (key.kind === 'none') {
    const insert = `INSERT INTO ${into} (${names.join(', ')}) ${select} FROM ${from} ORDER BY x.${PLACE}`;
    return { insert, remove: undefined };
  }
  const keys = keyNames(relation, key).map(quoted);
  const last = `SELECT DISTINCT ON (${keys.join(', ')}) * FROM (${select}, x.${PLACE} FROM ${from}) AS r
    ORDER BY ${keys.join(', ')}, r.${PLACE} DESC`;
  const rows = key.kind === 'named' ? `SELECT ${names.join(', ')} FROM (${last}) AS y` : `${select} FROM ${from}`;
  const others = names.filter((name) => !keys.includes(name));
  const set = others.map((name) => `${name} = EXCLUDED.${name}`).join(', ');
  const action = others.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${set}`;
  const insert = `INSERT INTO ${into} (${names.join(', ')}) ${rows} ON CONFLICT (${keys.join(', ')}) ${action}`;
  if (key.kind === 'named') return { insert, remove: undefined };
  const keyTypes = keyNames(relation, key).map((name) => columns.find((column) => column.name === name)!.written);
  const parts = keyTypes.map((type, at) => `CAST(d.k ->> ${at} AS ${type})`);
  const where = keys.map((name, at) => `t.${name} = ${parts[at]}`).join(' AND ');
  const remove = `DELETE FROM ${into} AS t USING json_array_elements($1::json) AS d(k) WHERE ${where}`;
  return { insert, remove };
}

/** The members of a record's object that are read, and the value of each column of them. */
function fieldsOf(
  relation: SinkRelation,
  columns: readonly TableColumn[],
): {
  readonly fields: readonly { readonly member: string; readonly type: string }[];
  readonly values: readonly string[];
} {
  const paths = columns.map(({ name }, at) => relation.columns[at]?.path ?? [name]);
  const first = (path: readonly string[]): string => path[0]!;
  const isPlain = (path: readonly string[]): boolean =>
    path.length === 1 && paths.filter((other) => first(other) === first(path)).length === 1;
  const fields = new Map<string, { readonly member: string; readonly type: string }>();
  const values = paths.map((path, at) => {
    const { written } = columns[at]!;
    const member = quoted(first(path));
    fields.set(first(path), { member, type: isPlain(path) ? written : 'json' });
    if (isPlain(path)) return `x.${member}`;
    const steps = path.slice(1).map((step) => literal(step));
    return `CAST(x.${member} #>> ARRAY[${steps.join(', ')}]::text[] AS ${written})`;
  });
  return { fields: [...fields.values()], values };
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const MEMBER = Buffer.from(`,"${RECORD_KEY_COLUMN}":"\\\\x`);
const FIRST_MEMBER = MEMBER.subarray(1);
const MEMBER_END = Buffer.from('"}');
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * The object with the key of its record as its last member, so that no member of its own can stand for it; what is no object stays as
 * it is, for PostgreSQL to refuse.
 */
export function withRecordKey(row: Uint8Array, hash: Buffer): Uint8Array {
  const open = row.findIndex((byte) => !isBlank(byte));
  const close = row.findLastIndex((byte) => !isBlank(byte));
  if (open < 0 || row[open] !== OPEN || row[close] !== CLOSE) return row;
  const isEmpty = row.subarray(open + 1, close).every(isBlank);
  const member = isEmpty ? FIRST_MEMBER : MEMBER;
  return Buffer.concat([row.subarray(open, close), member, Buffer.from(hash.toString('hex')), MEMBER_END]);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

const COMMA = Buffer.from(',');

/** JSON texts as one array. */
export function jsonArray(texts: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from('[')];
  for (const [at, text] of texts.entries()) {
    if (at > 0) parts.push(COMMA);
    parts.push(text);
  }
  parts.push(Buffer.from(']'));
  return Buffer.concat(parts);
}
