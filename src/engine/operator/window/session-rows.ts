import { OrderedList } from '../rank/ordered-list.ts';
import type { Session, SessionTable } from './session-table.ts';

/** A row that a session keeps. */
export interface SessionRow {
  readonly time: bigint;
  /** Place in the order of arrival. */
  readonly sequence: number;
}

/** The rows of a session by time, equal ones as they came. */
export type SessionRows<Row extends SessionRow> = OrderedList<Row>;

export function makeSessionRows<Row extends SessionRow>(): SessionRows<Row> {
  return new OrderedList<Row>((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.sequence - b.sequence));
}

/** Both in one: the smaller list is put into the larger. */
export function mergeRows<Row extends SessionRow>(a: SessionRows<Row>, b: SessionRows<Row>): SessionRows<Row> {
  const [into, from] = a.size >= b.size ? [a, b] : [b, a];
  from.forEachFrom(0, (row) => {
    into.insert(row);
    return true;
  });
  return into;
}

/** Takes out the last that came of the rows at a time that `matches`. */
export function takeRow<Row extends SessionRow>(
  rows: SessionRows<Row>,
  time: bigint,
  matches: (row: Row) => boolean,
): { readonly row: Row; readonly position: number } | undefined {
  const from = rows.countBefore((row) => (row.time < time ? -1 : 0));
  let found: Row | undefined;
  rows.forEachFrom(from, (row) => {
    if (row.time !== time) return false;
    if (matches(row)) found = row;
    return true;
  });
  return found === undefined ? undefined : { row: found, position: rows.remove(found) };
}

/**
 * Puts right the bounds of a session from which the row at a position was taken: it may end, become shorter, or fall apart. `bodyOf`
 * makes a body of rows that make a session of their own; returned when there is one.
 */
export function closeRanks<Row extends SessionRow, Body>(
  table: SessionTable<Body>,
  session: Session<Body>,
  rows: SessionRows<Row>,
  position: number,
  bodyOf: (rows: SessionRows<Row>) => Body,
): Session<Body> | undefined {
  if (rows.size === 0) {
    table.remove(session);
    return undefined;
  }
  const before = rows.at(position - 1);
  const after = rows.at(position);
  if (before === undefined || after === undefined) {
    table.shorten(
      session,
      before === undefined ? after!.time : session.first,
      after === undefined ? before!.time : session.last,
    );
    return undefined;
  }
  if (after.time - before.time <= table.gap) return undefined;
  const apart = makeSessionRows<Row>();
  while (rows.size > position) apart.insert(rows.removeAt(rows.size - 1));
  return table.split(session, before.time, { first: after.time, body: bodyOf(apart) });
}
