import type { Column } from '../data-type.ts';
import { evaluationError } from '../evaluation-error.ts';
import { acceptUserValue } from './user-value.ts';

/**
 * The rows that a user function of `RETURNS TABLE` gave, as values of its columns: an array or a generator of arrays (by position) or
 * objects (by name), or of the values themselves when there is one column; null is no row.
 *
 * @throws HeadraceError `PLAN_INVALID_ARGUMENT` for anything else
 */
export function* acceptUserRows(result: unknown, columns: readonly Column[], name: string): Generator<unknown[]> {
  if (result === null || result === undefined) return;
  if (typeof result === 'string' || !isIterable(result)) {
    throw evaluationError(
      'PLAN_INVALID_ARGUMENT',
      `user function ${name} returned a ${typeof result} where rows were declared; give an array or a generator`,
    );
  }
  for (const row of result) yield acceptRow(row, columns, name);
}

function acceptRow(row: unknown, columns: readonly Column[], name: string): unknown[] {
  const [first] = columns;
  if (Array.isArray(row) && !(columns.length === 1 && first?.type.kind === 'array' && !Array.isArray(row[0]))) {
    if (row.length !== columns.length) {
      throw evaluationError(
        'PLAN_INVALID_ARGUMENT',
        `user function ${name} returned a row of ${row.length} values where ${columns.length} columns were declared`,
      );
    }
    return columns.map(({ type }, at) => acceptUserValue(row[at], type, name));
  }
  if (isRecord(row) && (columns.length > 1 || Object.hasOwn(row, first!.name))) {
    return columns.map((column) => acceptUserValue(row[column.name], column.type, name));
  }
  if (columns.length === 1) return [acceptUserValue(row, first!.type, name)];
  throw evaluationError(
    'PLAN_INVALID_ARGUMENT',
    `user function ${name} returned a ${typeof row} where a row of ${columns.length} columns was declared`,
  );
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/** A plain object: a `Date` or bytes are values. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
