import { HeadraceError } from '../../base/error.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { SinkRelation } from '../sink-relation.ts';
import type { PostgresSinkOptions } from './postgres-sink-options.ts';

/** Column for the key of rows that no columns tell apart: the SHA-256 of the record's key. */
export const RECORD_KEY_COLUMN = 'headrace_key';

/** What tells the rows of the table apart. */
export type SinkKey =
  /** Nothing: rows are inserted. */
  | { readonly kind: 'none' }
  /** Columns of the view, whose values are the key of each record. */
  | { readonly kind: 'columns'; readonly columns: readonly number[] }
  /** Columns that were named, of rows that only come: the last one of equal ones stands. */
  | { readonly kind: 'named'; readonly columns: readonly number[] }
  /** {@link RECORD_KEY_COLUMN}. */
  | { readonly kind: 'record' };

/** @throws HeadraceError `CONNECTOR_SINK_MISFIT` */
export function sinkKey(
  relation: SinkRelation,
  { mode, key }: Pick<PostgresSinkOptions, 'mode' | 'key'>,
  sink: string,
): SinkKey {
  const { columns, kind, keys } = relation;
  if (kind === 'retract') throw misfit(sink, 'its topic has rows that come and go without a key', 'sink a view of it');
  const wanted = mode === 'auto' ? (kind === 'upsert' || key.length > 0 ? 'upsert' : 'append') : mode;
  if (wanted === 'append') {
    if (kind === 'append' && key.length === 0) return { kind: 'none' };
    const why = kind === 'append' ? '"key" is set, and rows are inserted' : 'its rows change, and mode is append';
    throw misfit(sink, why, "set mode = 'upsert'");
  }
  const named = key.map((name) => {
    const at = columns.findIndex((column) => column.name === name);
    if (at < 0) throw misfit(sink, `its key "${name}" is no column`, `name some of ${namesOf(columns)}`);
    return at;
  });
  if (kind === 'append') {
    if (named.length === 0) throw misfit(sink, 'mode is upsert, and its rows have no key', "name it, as in key = 'id'");
    return { kind: 'named', columns: named };
  }
  if (named.length > 0) {
    const isOwn = named.length === keys.length && keys.every((at) => named.includes(at));
    if (isOwn) return { kind: 'columns', columns: keys };
    const own = keys.length === 0 ? 'there is none' : `it is ${namesOf(keys.map((at) => columns[at]!))}`;
    throw misfit(sink, `"key" is not the key of its rows: ${own}`, 'leave "key" out');
  }
  const areKeys = keys.length > 0 && keys.every((at) => !columns[at]!.nullable && canBeKey(columns[at]!.type));
  if (areKeys) return { kind: 'columns', columns: keys };
  if (columns.every(({ name }) => name !== RECORD_KEY_COLUMN)) return { kind: 'record' };
  throw misfit(sink, `it has a column "${RECORD_KEY_COLUMN}", where the key of its rows goes`, 'rename it in the view');
}

/** Null equals nothing in an index; arrays and documents have no one text that their key could be read from. */
function canBeKey({ kind }: DataType): boolean {
  return kind !== 'array' && kind !== 'jsonb';
}

function namesOf(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => name).join(', ');
}

export function misfit(sink: string, why: string, next: string): HeadraceError {
  return new HeadraceError(`opening sink "${sink}": ${why}`, {
    code: 'CONNECTOR_SINK_MISFIT',
    domain: 'connector',
    next,
  });
}
