// Joins over stores of rows: what pairs of a batch with the other side's rows change, and ways to divide rows.

import { COLUMN_BYTES } from "../state/key";
import * as L from "./layout";
import { isNull } from "./row-copy";
import { beforeChange } from "./slot";

/** No row of the batch: its columns are null. */
const NONE: u32 = u32.MAX_VALUE;

/** Pairs are rows of the result. */
const EMIT_PAIRS: u32 = 1;
/** The other side counts the rows that each of its rows meets. */
const COUNT_OTHER: u32 = 2;
/** A row of the other side that meets nothing stands alone in the result. */
const EMIT_UNMET: u32 = 4;
/** A row of the other side stands alone in the result when it meets something. */
const EMIT_MET: u32 = 8;
const SKIP_OWN: u32 = 16;

/**
 * Goes through pairs of rows of a batch (by number), which come (weight 1) or go (-1), and rows of the other side. Writes what that
 * changes in the result: number of the batch's row or NONE, reference of the other's, number of the row that caused it, weight. Raises
 * `counts` (u32 by row of the batch; 0: none) and the counters of the other side. Returns the number of changes: at most two a pair.
 */
export function joinPairs(
  rows: usize, numbers: usize, references: usize, count: u32, weight: i32, flags: u32, counts: usize,
  outNumbers: usize, outReferences: usize, outCauses: usize, outWeights: usize,
): u32 {
  let made: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const number = load<u32>(numbers + (i << 2));
    const reference = load<u32>(references + (i << 2));
    if (counts != 0 && (flags & SKIP_OWN) == 0) {
      const own = counts + (<usize>number << 2);
      store<u32>(own, load<u32>(own) + 1);
    }
    let turns = false;
    if ((flags & COUNT_OTHER) != 0) {
      const at = L.addressOf(rows, reference);
      beforeChange(rows, reference, at);
      const before = load<i32>(at, L.ROW_COUNTER);
      store<i32>(at, before + weight, L.ROW_COUNTER);
      turns = (weight > 0 ? before : before + weight) == 0;
    }
    // The row alone goes before its first pair comes, and comes after its last went.
    const alone = turns && (flags & (EMIT_UNMET | EMIT_MET)) != 0;
    const sign = (flags & EMIT_MET) != 0 ? weight : -weight;
    if (alone && weight > 0) made = put(made, NONE, reference, number, sign, outNumbers, outReferences, outCauses, outWeights);
    if ((flags & EMIT_PAIRS) != 0) {
      made = put(made, number, reference, number, weight, outNumbers, outReferences, outCauses, outWeights);
    }
    if (alone && weight < 0) made = put(made, NONE, reference, number, sign, outNumbers, outReferences, outCauses, outWeights);
  }
  return <u32>made;
}

@inline
function put(
  at: usize, number: u32, reference: u32, cause: u32, weight: i32,
  numbers: usize, references: usize, causes: usize, weights: usize,
): usize {
  store<u32>(numbers + (at << 2), number);
  store<u32>(references + (at << 2), reference);
  store<u32>(causes + (at << 2), cause);
  store<i32>(weights + (at << 2), weight);
  return at + 1;
}

@inline
function rowAt(selection: usize, at: usize): u32 {
  return selection != 0 ? load<u32>(selection + (at << 2)) : <u32>at;
}

/** Divides rows by whether their count is zero: those to `zero`, the others to `more`. Returns how many are zero. */
export function joinByCount(counts: usize, selection: usize, count: u32, zero: usize, more: usize): u32 {
  let zeros: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = rowAt(selection, i);
    if (load<u32>(counts + (<usize>row << 2)) == 0) store<u32>(zero + (zeros++ << 2), row);
    else store<u32>(more + ((i - zeros) << 2), row);
  }
  return <u32>zeros;
}

/** Divides rows by their weights: those that come to `plus`. Returns how many. */
export function joinByWeight(weights: usize, selection: usize, count: u32, plus: usize, minus: usize): u32 {
  let coming: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = rowAt(selection, i);
    if (load<i32>(weights + (<usize>row << 2)) > 0) store<u32>(plus + (coming++ << 2), row);
    else store<u32>(minus + ((i - coming) << 2), row);
  }
  return <u32>coming;
}

/** Divides rows by whether all of the columns have a value: those to `kept`. Returns how many. */
export function joinByNulls(columns: usize, columnCount: u32, selection: usize, count: u32, kept: usize, missing: usize): u32 {
  const end = columns + <usize>columnCount * COLUMN_BYTES;
  let whole: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = rowAt(selection, i);
    let lacks = false;
    for (let column = columns; column < end; column += COLUMN_BYTES) lacks = lacks || isNull(column, <usize>row);
    if (lacks) store<u32>(missing + ((i - whole) << 2), row);
    else store<u32>(kept + (whole++ << 2), row);
  }
  return <u32>whole;
}

/**
 * Divides rows by whether their time is below a horizon: the watermark (that of the row's own partition, if it is later) less `lag`.
 * Those that are not, and those without a time, go to `kept`, the others to `late`. Returns how many are kept.
 */
export function joinByTime(
  times: usize, nulls: usize, watermarks: usize, watermark: i64, lag: i64, selection: usize, count: u32, kept: usize, late: usize,
): u32 {
  let inTime: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = rowAt(selection, i);
    const passed = watermarks == 0 ? watermark : max(watermark, load<i64>(watermarks + (<usize>row << 3)));
    const missing = nulls != 0 && load<u8>(nulls + <usize>row) != 0;
    if (!missing && passed != i64.MIN_VALUE && load<i64>(times + (<usize>row << 3)) < passed - lag) {
      store<u32>(late + ((i - inTime) << 2), row);
    } else store<u32>(kept + (inTime++ << 2), row);
  }
  return <u32>inTime;
}

/**
 * Divides rows by whether a kept row was found for them (`references`, by position). Counters of those that were found go to `counts`,
 * by row. Returns how many were found.
 */
export function joinByFound(
  rows: usize, references: usize, counts: usize, selection: usize, count: u32, found: usize, missing: usize,
): u32 {
  let known: usize = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = rowAt(selection, i);
    const reference = load<u32>(references + (i << 2));
    if (reference == 0) {
      store<u32>(missing + ((i - known) << 2), row);
      continue;
    }
    store<u32>(found + (known++ << 2), row);
    if (counts != 0) store<u32>(counts + (<usize>row << 2), load<u32>(L.addressOf(rows, reference), L.ROW_COUNTER));
  }
  return <u32>known;
}

/** Words by position. */
export function takeWords(words: usize, positions: usize, count: u32, target: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    store<u32>(target + (i << 2), load<u32>(words + (<usize>load<u32>(positions + (i << 2)) << 2)));
  }
}
