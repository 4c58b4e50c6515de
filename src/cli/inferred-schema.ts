/** What was found in a sample of the user's data. */
export interface InferredField {
  readonly name: string;
  readonly path: readonly string[];
  readonly type: 'text' | 'int8' | 'float8' | 'boolean' | 'timestamptz';
  /** Missing or null in some record. */
  readonly nullable: boolean;
  /** Distinct values seen, counted up to {@link DISTINCT_MAX}. */
  readonly distinct: number;
}

export interface InferredSchema {
  readonly fields: readonly InferredField[];
  /** The field that holds when an event happened; undefined when there is none. */
  readonly timeField: InferredField | undefined;
  /** A field of few values, worth counting by. */
  readonly groupField: InferredField | undefined;
}

type JsonObject = Readonly<Record<string, unknown>>;

const DISTINCT_MAX = 1_000;
const DEPTH_MAX = 4;
/** A field worth counting by has at most so many values. */
const GROUP_VALUES_MAX = 50;
/** ISO 8601 with a date and a time, as PostgreSQL reads it. */
const INSTANT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?$/;
const TIME_NAME = /^(event_?)?(time|timestamp|ts|at|date|datetime)$|_(at|time|ts)$/i;

interface Seen {
  readonly path: readonly string[];
  readonly types: Set<InferredField['type']>;
  readonly values: Set<string>;
  present: number;
}

/** Types, nullability, event time and a grouping of records; `textual` when all values come as text (CSV). */
export function inferSchema(records: readonly JsonObject[], textual: boolean): InferredSchema {
  const seen = new Map<string, Seen>();
  for (const record of records) visit(record, [], seen, textual);
  const fields = [...seen.values()].map(
    (entry): InferredField => ({
      name: columnName(entry.path),
      path: entry.path,
      type: typeOf(entry.types),
      nullable: entry.present < records.length,
      distinct: entry.values.size,
    }),
  );
  const times = fields.filter((field) => field.type === 'timestamptz' && !field.nullable);
  const timeField = times.find(({ path }) => TIME_NAME.test(path.at(-1)!)) ?? times[0];
  const groups = fields.filter(
    (f) => f.type === 'text' && !f.nullable && f.distinct <= Math.min(GROUP_VALUES_MAX, records.length / 2),
  );
  const groupField = groups.sort((a, b) => b.distinct - a.distinct).find((f) => f.distinct > 1) ?? groups[0];
  return { fields, timeField, groupField };
}

function visit(record: JsonObject, prefix: readonly string[], seen: Map<string, Seen>, textual: boolean): void {
  for (const [name, value] of Object.entries(record)) {
    const path = [...prefix, name];
    if (isObject(value) && path.length < DEPTH_MAX) {
      visit(value, path, seen, textual);
      continue;
    }
    if (value === null || (textual && value === '') || typeof value === 'object') continue;
    const key = JSON.stringify(path);
    const entry = seen.get(key) ?? { path, types: new Set(), values: new Set(), present: 0 };
    seen.set(key, entry);
    entry.present += 1;
    entry.types.add(typeOfValue(value, textual));
    if (entry.values.size < DISTINCT_MAX) entry.values.add(String(value));
  }
}

function typeOfValue(value: unknown, textual: boolean): InferredField['type'] {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int8' : 'float8';
  const text = String(value);
  if (INSTANT.test(text)) return 'timestamptz';
  if (!textual) return 'text';
  if (/^(true|false)$/.test(text)) return 'boolean';
  // A leading zero is a code, not a number.
  if (/^-?(0|[1-9]\d{0,17})$/.test(text)) return 'int8';
  return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? 'float8' : 'text';
}

function typeOf(types: ReadonlySet<InferredField['type']>): InferredField['type'] {
  if (types.size === 1) return [...types][0]!;
  const numeric = [...types].every((type) => type === 'int8' || type === 'float8');
  return numeric ? 'float8' : 'text';
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `data.session_id` becomes `data_session_id`. */
function columnName(path: readonly string[]): string {
  return path
    .join('_')
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')
    .replace(/^(\d)/, '_$1');
}
