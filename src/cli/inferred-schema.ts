/** What was found in a sample of the user's data. */
export interface InferredField {
  readonly name: string;
  readonly path: readonly string[];
  /** `jsonb`: arrays, and values of several kinds. */
  readonly type: 'text' | 'int8' | 'numeric' | 'float8' | 'boolean' | 'timestamptz' | 'jsonb';
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
  /** How far event time goes back in the data, rounded up: an interval in SQL. */
  readonly disorder: string;
}

type JsonObject = Readonly<Record<string, unknown>>;

const DISTINCT_MAX = 1_000;
/** First number beyond an int8. */
const INT8_END = 2 ** 63;
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
  const names = new Set<string>();
  const fields = [...seen.values()].map(
    (entry): InferredField => ({
      name: unusedName(columnName(entry.path), names),
      path: entry.path,
      type: typeOf(entry.types, textual),
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
  return { fields, timeField, groupField, disorder: disorderOf(records, timeField) };
}

function visit(record: JsonObject, prefix: readonly string[], seen: Map<string, Seen>, textual: boolean): void {
  for (const [name, value] of Object.entries(record)) {
    const path = [...prefix, name];
    if (isObject(value) && path.length < DEPTH_MAX) {
      visit(value, path, seen, textual);
      continue;
    }
    if (value === null || (textual && value === '') || (isObject(value) && Object.keys(value).length === 0)) continue;
    const key = JSON.stringify(path);
    const entry = seen.get(key) ?? { path, types: new Set(), values: new Set(), present: 0 };
    seen.set(key, entry);
    entry.present += 1;
    entry.types.add(typeOfValue(value, textual));
    if (entry.values.size < DISTINCT_MAX && typeof value !== 'object') entry.values.add(String(value));
  }
}

function typeOfValue(value: unknown, textual: boolean): InferredField['type'] {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'object') return 'jsonb';
  if (typeof value === 'number' && !Number.isInteger(value)) return 'float8';
  if (typeof value === 'number') return Math.abs(value) < INT8_END ? 'int8' : 'numeric';
  const text = String(value);
  if (INSTANT.test(text)) return 'timestamptz';
  if (!textual) return 'text';
  if (/^(true|false)$/.test(text)) return 'boolean';
  // A leading zero is a code, not a number.
  if (/^-?(0|[1-9]\d{0,17})$/.test(text)) return 'int8';
  return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? 'float8' : 'text';
}

/** The type that holds all of them: every CSV value is a text, every JSON value a jsonb. */
function typeOf(types: ReadonlySet<InferredField['type']>, textual: boolean): InferredField['type'] {
  if (types.size === 1) return [...types][0]!;
  const all = (...allowed: readonly InferredField['type'][]): boolean => [...types].every((t) => allowed.includes(t));
  if (all('int8', 'numeric')) return 'numeric';
  if (all('int8', 'numeric', 'float8')) return 'float8';
  return textual || all('text', 'timestamptz') ? 'text' : 'jsonb';
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `data.session_id` becomes `data_session_id`. */
function columnName(path: readonly string[]): string {
  return path
    .join('_')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_]/gu, '_')
    .replace(/^(\p{N})/u, '_$1');
}

/** Names that differ in case alone would be one column. */
function unusedName(name: string, used: Set<string>): string {
  let free = name;
  for (let n = 2; used.has(free); n++) free = `${name}_${n}`;
  used.add(free);
  return free;
}

/** Intervals that a person would write, with their milliseconds. */
const DISORDERS: readonly (readonly [string, number])[] = [
  ['5 seconds', 5_000],
  ['30 seconds', 30_000],
  ['1 minute', 60_000],
  ['5 minutes', 300_000],
  ['15 minutes', 900_000],
  ['1 hour', 3_600_000],
  ['6 hours', 21_600_000],
  ['1 day', 86_400_000],
  ['7 days', 604_800_000],
];

/** The shortest of {@link DISORDERS} under which no record of the data is late; the longest when none is enough. */
function disorderOf(records: readonly JsonObject[], timeField: InferredField | undefined): string {
  let latest = Number.NEGATIVE_INFINITY;
  let back = 0;
  if (timeField !== undefined) {
    for (const record of records) {
      const at = instantOf(valueAt(record, timeField.path));
      latest = Math.max(latest, at);
      back = Math.max(back, latest - at);
    }
  }
  return (DISORDERS.find(([, ms]) => ms >= back) ?? DISORDERS.at(-1)!)[0];
}

/** Milliseconds since the Unix epoch; a time without a zone is UTC, as in the engine. */
export function instantOf(value: unknown): number {
  const text = String(value).replace(' ', 'T');
  return Date.parse(/(Z|[+-]\d\d(:?\d\d)?)$/.test(text) ? text : `${text}Z`);
}

export function valueAt(record: JsonObject, path: readonly string[]): unknown {
  let at: unknown = record;
  for (const step of path) at = typeof at === 'object' && at !== null ? (at as JsonObject)[step] : undefined;
  return at;
}
