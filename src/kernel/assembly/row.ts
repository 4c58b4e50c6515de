// The row that is being decoded: what object.ts and field.ts write to and the decoders read from.

import * as S from "./shape";

/** Number of the row in the batch. */
export let row: usize = 0;
/** Different for every row of a call; the stamps of the nodes are cleared when a call begins. */
export let rowStamp: u32 = 0;
/** Nodes that had a value in this row. */
export let seen: i32 = 0;
export let hasFieldError: bool = false;
export let refuseDuplicateKeys: bool = false;

export function beginRow(number: usize): void {
  row = number;
  seen = 0;
  hasFieldError = false;
  rowStamp++;
}

/** Ahead of the first row of a call. */
export function beginRows(nodes: usize, end: usize): void {
  rowStamp = 0;
  for (let n = nodes; n < end; n += S.NODE_BYTES) {
    store<u32>(n, 0, S.NODE_STAMP);
    store<u32>(n, 0, S.NODE_OBJECT_STAMP);
    store<u32>(n, 0, S.NODE_ERROR);
  }
}

export function setRefuseDuplicateKeys(yes: bool): void {
  refuseDuplicateKeys = yes;
}

@inline
export function countSeen(by: i32): void {
  seen += by;
}

/** Refuses the row because of this node's value; the first error of a node stays. */
export function fieldError(code: u32, at: usize, node: usize): void {
  hasFieldError = true;
  if (load<u32>(node, S.NODE_ERROR) != 0) return;
  store<u32>(node, code, S.NODE_ERROR);
  store<u32>(node, <u32>at, S.NODE_ERROR_AT);
}

/** Writes null (and a zero value) to the node's column, if it has one. */
export function storeNull(node: usize): void {
  const data = <usize>load<u32>(node, S.NODE_DATA);
  if (data == 0) return;
  const shift = <usize>load<u32>(node, S.NODE_WIDTH_SHIFT);
  const at = data + (row << shift);
  if (shift == 4) v128.store(at, i64x2.splat(0));
  else if (shift == 3) store<u64>(at, 0);
  else store<u32>(at, 0);
  store<u8>(<usize>load<u32>(node, S.NODE_NULLS) + row, 1);
}
