// Rows between columns of a batch and slots: written, compared, and read back.

import { equalBytes, hash64, hashStr } from "../hash";
import { COLUMN_BYTES, COLUMN_DATA, COLUMN_NULLS, groupingBits, TYPE_F64, TYPE_I32, TYPE_STR } from "../state/key";
import * as L from "./layout";
import { takeSlot } from "./slot";

const NULL_BITS: u64 = 0x6e756c6c6e756c6c;

@inline
export function isNull(column: usize, row: usize): bool {
  const nulls = <usize>load<u32>(column, COLUMN_NULLS);
  return nulls != 0 && load<u8>(nulls + row) != 0;
}

@inline
export function nullBit(row: usize, layout: usize, column: u32): bool {
  return ((load<u8>(row + <usize>load<u32>(layout, L.LAYOUT_NULLS) + <usize>(column >> 3)) >> (column & 7)) & 1) != 0;
}

/** Hash of the key of a row of a batch; `keys` are its key columns in their order. */
@inline
export function hashOfKeys(layout: usize, keys: usize, row: usize): u32 {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  let hash: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const column = keys + <usize>i * COLUMN_BYTES;
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const type = load<u32>(L.itemOf(layout, L.keyColumnOf(layout, i)));
    if (isNull(column, row)) hash = hash64(NULL_BITS, hash);
    else if (type == TYPE_STR) hash = hashStr(data + (row << 4), hash);
    else if (type == TYPE_F64) hash = hash64(groupingBits(load<f64>(data + (row << 3))), hash);
    else if (type == TYPE_I32) hash = hash64(<u64>load<u32>(data + (row << 2)), hash);
    else hash = hash64(load<u64>(data + (row << 3)), hash);
  }
  return <u32>(hash >> 32);
}

/** Whether a column of a kept row has the value of a column of a batch; nulls are equal. */
@inline
function isEqual(layout: usize, kept: usize, at: u32, column: usize, row: usize, groups: bool): bool {
  const missing = isNull(column, row);
  if (missing != nullBit(kept, layout, at)) return false;
  if (missing) return true;
  const item = L.itemOf(layout, at);
  const type = load<u32>(item);
  const data = <usize>load<u32>(column, COLUMN_DATA);
  const place = kept + <usize>load<u32>(item, L.ITEM_OFFSET);
  if (type == TYPE_I32) return load<u32>(place) == load<u32>(data + (row << 2));
  if (type == TYPE_STR) {
    const reference = data + (row << 4);
    const length = load<u32>(reference);
    return load<u32>(place) == length && equalBytes(kept + <usize>load<u32>(place, 4), <usize>load<u32>(reference, 8), length);
  }
  if (type == TYPE_F64 && groups) return groupingBits(load<f64>(place)) == groupingBits(load<f64>(data + (row << 3)));
  return load<u64>(place) == load<u64>(data + (row << 3));
}

/** Whether a kept row has the key of a row of a batch. */
@inline
export function hasKeys(layout: usize, kept: usize, keys: usize, row: usize): bool {
  const count = load<u32>(layout, L.LAYOUT_KEYS);
  for (let i: u32 = 0; i < count; i++) {
    if (!isEqual(layout, kept, L.keyColumnOf(layout, i), keys + <usize>i * COLUMN_BYTES, row, true)) return false;
  }
  return true;
}

/** Whether a kept row is the row of a batch, bit by bit. */
export function isRow(layout: usize, kept: usize, columns: usize, row: usize): bool {
  const count = load<u32>(layout);
  for (let i: u32 = 0; i < count; i++) {
    if (!isEqual(layout, kept, i, columns + <usize>i * COLUMN_BYTES, row, false)) return false;
  }
  return true;
}

/** Copies a row of a batch into a slot: all but the links of its header. */
export function writeRow(rows: usize, layout: usize, columns: usize, row: usize): u32 {
  const count = load<u32>(layout);
  let bytes = <usize>load<u32>(layout, L.LAYOUT_FIXED);
  let texts = bytes;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(L.itemOf(layout, i)) != TYPE_STR) continue;
    const column = columns + <usize>i * COLUMN_BYTES;
    if (!isNull(column, row)) bytes += <usize>load<u32>(<usize>load<u32>(column, COLUMN_DATA) + (row << 4));
  }
  const reference = takeSlot(rows, bytes);
  const kept = L.addressOf(rows, reference);
  const nulls = kept + <usize>load<u32>(layout, L.LAYOUT_NULLS);
  for (let at: usize = 0; at < <usize>((count + 7) >> 3); at++) store<u8>(nulls + at, 0);
  for (let i: u32 = 0; i < count; i++) {
    const column = columns + <usize>i * COLUMN_BYTES;
    if (isNull(column, row)) {
      const at = nulls + <usize>(i >> 3);
      store<u8>(at, load<u8>(at) | (<u8>1 << <u8>(i & 7)));
      continue;
    }
    const item = L.itemOf(layout, i);
    const type = load<u32>(item);
    const data = <usize>load<u32>(column, COLUMN_DATA);
    const place = kept + <usize>load<u32>(item, L.ITEM_OFFSET);
    if (type == TYPE_I32) store<u32>(place, load<u32>(data + (row << 2)));
    else if (type != TYPE_STR) store<u64>(place, load<u64>(data + (row << 3)));
    else {
      const text = data + (row << 4);
      const length = load<u32>(text);
      store<u32>(place, length);
      store<u32>(place, <u32>texts, 4);
      memory.copy(kept + texts, <usize>load<u32>(text, 8), length);
      texts += <usize>length;
    }
  }
  return reference;
}

@inline
function putText(kept: usize, place: usize, target: usize): void {
  const length = load<u32>(place);
  const text = kept + <usize>load<u32>(place, 4);
  const first = load<u32>(text);
  store<u32>(target, length);
  store<u32>(target, length >= 4 ? first : first & ((1 << (length << 3)) - 1), 4);
  store<u64>(target, <u64>text, 8);
}

/**
 * One column of kept rows, in the order of their references, null where there is none (0). Strings stay in the rows: they are valid
 * while these live. Returns whether any is null.
 */
export function rowsGather(rows: usize, references: usize, count: u32, column: u32, data: usize, nulls: usize): bool {
  const layout = <usize>load<u32>(rows);
  const item = L.itemOf(layout, column);
  const type = load<u32>(item);
  const offset = <usize>load<u32>(item, L.ITEM_OFFSET);
  const width: usize = type == TYPE_STR ? 4 : type == TYPE_I32 ? 2 : 3;
  let any: bool = false;
  for (let i: usize = 0; i < <usize>count; i++) {
    const reference = load<u32>(references + (i << 2));
    const kept = reference == 0 ? <usize>0 : L.addressOf(rows, reference);
    const target = data + (i << width);
    const missing = kept == 0 || nullBit(kept, layout, column);
    store<u8>(nulls + i, missing ? 1 : 0);
    if (missing) {
      any = true;
      if (type == TYPE_I32) store<u32>(target, 0);
      else store<u64>(target, 0);
      if (type == TYPE_STR) store<u64>(target, 0, 8);
    } else if (type == TYPE_I32) store<u32>(target, load<u32>(kept + offset));
    else if (type != TYPE_STR) store<u64>(target, load<u64>(kept + offset));
    else putText(kept, kept + offset, target);
  }
  return any;
}

/** One column of a batch by numbers of rows, null where there is none (the largest u32). Returns whether any is null. */
export function takeColumn(column: usize, numbers: usize, count: u32, data: usize, nulls: usize): bool {
  const type = load<u32>(column, 8);
  const from = <usize>load<u32>(column, COLUMN_DATA);
  let any: bool = false;
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = <usize>load<u32>(numbers + (i << 2));
    const missing = row == <usize>u32.MAX_VALUE || isNull(column, row);
    store<u8>(nulls + i, missing ? 1 : 0);
    if (missing) any = true;
    if (type == TYPE_I32) store<u32>(data + (i << 2), missing ? 0 : load<u32>(from + (row << 2)));
    else if (type == TYPE_STR) v128.store(data + (i << 4), missing ? i64x2.splat(0) : v128.load(from + (row << 4)));
    else store<u64>(data + (i << 3), missing ? 0 : load<u64>(from + (row << 3)));
  }
  return any;
}
