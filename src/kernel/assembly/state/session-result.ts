// What sessions say: the changes of an epoch, or each session when it closes.

import { resultsOf } from "./group-result";
import { release } from "./session-table";
import * as L from "./group-layout";
import * as S from "./session-layout";

@inline
function putBounds(firsts: usize, ends: usize, at: usize, first: i64, end: i64): void {
  store<i64>(firsts + (at << 3), first);
  store<i64>(ends + (at << 3), end);
}

/**
 * Of `count` changed sessions from position `from` of the list: what stands of each is taken back, and what it is now comes. Records,
 * weights (i32), results and bounds (i64) of the rows, two a session at most; sessions whose result does not fit go to `failed`. Returns
 * the number of rows.
 */
export function sessionChanges(
  table: usize, from: u32, count: u32, records: usize, weights: usize, results: usize, firsts: usize, ends: usize, failed: usize,
): u32 {
  const layout = <usize>load<u32>(table);
  const resultBytes = <usize>load<u32>(layout, L.LAYOUT_AGGREGATES) * L.RESULT_BYTES;
  const emitted = <usize>load<u32>(layout, L.LAYOUT_EMITTED);
  const list = <usize>load<u32>(table, L.TABLE_CHANGED) + (<usize>from << 2);
  let rows: usize = 0;
  let failures: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(list + (i << 2));
    const bounds = S.boundsOf(layout, record);
    const flags = load<u32>(record, S.RECORD_FLAGS);
    if ((flags & L.RECORD_EMITTED) != 0) {
      memory.copy(results + rows * resultBytes, record + emitted, resultBytes);
      putBounds(firsts, ends, rows, load<i64>(bounds), load<i64>(bounds, 8));
      store<u32>(records + (rows << 2), <u32>record);
      store<i32>(weights + (rows << 2), -1);
      rows++;
    }
    if ((flags & S.SESSION_MERGED) != 0) continue;
    store<u32>(record, flags & ~L.RECORD_EMITTED, S.RECORD_FLAGS);
    const next = results + rows * resultBytes;
    if (!resultsOf(layout, record, next)) {
      store<u32>(failed + (failures << 2), <u32>record);
      failures++;
      continue;
    }
    const end = S.endOf(table, record);
    putBounds(firsts, ends, rows, load<i64>(record), end);
    store<u32>(records + (rows << 2), <u32>record);
    store<i32>(weights + (rows << 2), 1);
    rows++;
    memory.copy(record + emitted, next, resultBytes);
    store<i64>(bounds, load<i64>(record));
    store<i64>(bounds, end, 8);
    store<u32>(record, flags | L.RECORD_EMITTED, S.RECORD_FLAGS);
  }
  store<u32>(table, <u32>failures, L.TABLE_FAILED);
  return <u32>rows;
}

/** Ends the emission of changes: the list is empty. */
export function sessionForgetChanges(table: usize): void {
  const list = <usize>load<u32>(table, L.TABLE_CHANGED);
  const count = <usize>load<u32>(table, L.TABLE_CHANGED_COUNT);
  for (let i: usize = 0; i < count; i++) {
    const record = <usize>load<u32>(list + (i << 2));
    const flags = load<u32>(record, S.RECORD_FLAGS) & ~L.RECORD_CHANGED;
    store<u32>(record, flags, S.RECORD_FLAGS);
    if ((flags & S.SESSION_MERGED) != 0 && (flags & S.SESSION_TIMED) == 0) release(table, record);
  }
  store<u32>(table, 0, L.TABLE_CHANGED_COUNT);
}

/** Results of `count` records in `from`; those that fit go to `records`, the others to `failed`. Returns how many fit. */
export function sessionResults(table: usize, from: usize, count: u32, records: usize, results: usize, failed: usize): u32 {
  const layout = <usize>load<u32>(table);
  const resultBytes = <usize>load<u32>(layout, L.LAYOUT_AGGREGATES) * L.RESULT_BYTES;
  let rows: usize = 0;
  let failures: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(from + (i << 2));
    if (!resultsOf(layout, record, results + rows * resultBytes)) {
      store<u32>(failed + (failures << 2), <u32>record);
      failures++;
      continue;
    }
    store<u32>(records + (rows << 2), <u32>record);
    rows++;
  }
  store<u32>(table, <u32>failures, L.TABLE_FAILED);
  return <u32>rows;
}

/** First times and ends of records. */
export function sessionBounds(table: usize, records: usize, count: u32, firsts: usize, ends: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const record = <usize>load<u32>(records + (i << 2));
    putBounds(firsts, ends, i, load<i64>(record), S.endOf(table, record));
  }
}
