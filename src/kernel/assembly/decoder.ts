// A decoder's rows: where they begin and end in NDJSON, a JSON array, one JSON text, or Kafka record batches; what became of each.
//
// The context is a block that JavaScript fills before a call and reads after it (src/kernel/json-decoder.ts).

import { crc32c } from "./crc32c";
import { decodeObject } from "./object";
import { decodeField } from "./field";
import { beginRow, beginRows, fieldError, hasFieldError, rowStamp, seen, setRefuseDuplicateKeys, storeNull } from "./row";
import {
  ERROR_SYNTAX, fail, failureAt, failureCode, findNewline, setDepthMax, setNewlineIsSpace, skipSpace, skipValue,
} from "./scan";
import * as S from "./shape";

const NODES: usize = 0; // u32 address of the nodes; the first is the root
const NODES_END: usize = 4; // u32
const ROWS_MAX: usize = 8; // u32
const DEPTH_MAX: usize = 12; // u32
const REFUSE_DUPLICATES: usize = 16; // u32
const VERIFY_CRC: usize = 20; // u32
const STATUS: usize = 24; // u32 address: error code a row (u32), 0 for none
const ERROR_AT: usize = 28; // u32 address: byte in the row's value (u32)
const ERROR_NODE: usize = 32; // u32 address: index of the node (i32), -1 for the row as a whole
const VALUE_START: usize = 36; // u32 address: address of the row's bytes (u32)
const VALUE_LENGTH: usize = 40; // u32 address: their number (u32)
const OFFSETS: usize = 44; // u32 address: offset of the record (i64)
const TIMESTAMPS: usize = 48; // u32 address: its timestamp, milliseconds (i64)
const KEYS: usize = 52; // u32 address: string reference of its key
const KEY_NULLS: usize = 56; // u32 address: 1 when it has none
const NEXT: usize = 60; // out, u32: where the next call goes on
const ERROR_ROWS: usize = 64; // out, u32
const INPUT_ERROR: usize = 68; // out, u32: error of the input as a whole, INPUT_*
const INPUT_ERROR_AT: usize = 72; // out, u32 address
const ARRAY_STATE: usize = 76; // in and out, u32
const BATCH_RECORDS: usize = 80; // in and out, i32: records left of the batch that was begun
const BATCH_LOG_TIME: usize = 84; // in and out, u32: 1 when the broker's time counts
const BATCH_OFFSET: usize = 88; // in and out, i64
const BATCH_TIME: usize = 96; // in and out, i64
const BATCH_LEFT: usize = 104; // in and out, u32: bytes left of the batch
const LINES: usize = 108; // u32 address: line or element of the row (u32), from the start of this call
const LINE: usize = 112; // in and out, u32: lines before

const INPUT_OK: u32 = 0;
const INPUT_SYNTAX: u32 = 1;
const INPUT_TRUNCATED: u32 = 2;
const INPUT_CRC: u32 = 3;
const INPUT_COMPRESSED: u32 = 4;
const INPUT_MAGIC: u32 = 5;
const INPUT_RECORD: u32 = 6;

let context: usize = 0;
let root: usize = 0;
let nodesEnd: usize = 0;
let nodeCount: i32 = 0;
let errorRows: u32 = 0;
/** Nobody wants the row as a whole. */
let rootIsPlain = true;

function begin(ctx: usize, newline: bool): void {
  context = ctx;
  root = <usize>load<u32>(ctx, NODES);
  nodesEnd = <usize>load<u32>(ctx, NODES_END);
  nodeCount = <i32>((nodesEnd - root) / S.NODE_BYTES) - 1;
  errorRows = 0;
  rootIsPlain = load<u32>(root, S.NODE_DATA) == 0;
  setNewlineIsSpace(newline);
  setDepthMax(load<u32>(ctx, DEPTH_MAX));
  setRefuseDuplicateKeys(load<u32>(ctx, REFUSE_DUPLICATES) != 0);
  beginRows(root, nodesEnd);
  store<u32>(ctx, INPUT_OK, INPUT_ERROR);
}

/** The row at p, up to its last byte; 0 when it is no JSON. */
@inline
function decodeRow(p: usize, row: usize): usize {
  beginRow(row);
  if (rootIsPlain && load<u8>(p) == 0x7b) return decodeObject(p, root, 0);
  return decodeField(p, root, 0);
}

@inline
function put(array: usize, row: usize, value: u32): void {
  store<u32>(<usize>load<u32>(context + array) + (row << 2), value);
}

/** A row that was read to its end: what is missing becomes null, what is wrong its status. */
@inline
function finishRow(row: usize, start: usize, end: usize): void {
  put(VALUE_START, row, <u32>start);
  put(VALUE_LENGTH, row, <u32>(end - start));
  if (seen != nodeCount) fillMissing(start);
  if (hasFieldError) reportField(row, start);
  else put(STATUS, row, 0);
}

function fillMissing(start: usize): void {
  for (let n = root + S.NODE_BYTES; n < nodesEnd; n += S.NODE_BYTES) {
    if (load<u32>(n, S.NODE_STAMP) == rowStamp) continue;
    storeNull(n);
    const flags = load<u32>(n, S.NODE_FLAGS);
    if (flags == 0) continue;
    const parent = <usize>load<u32>(n, S.NODE_PARENT);
    const isIn = load<u32>(parent, S.NODE_OBJECT_STAMP) == rowStamp;
    if (flags & S.FLAG_NOT_NULL || (isIn && flags & S.FLAG_REQUIRED)) fieldError(S.ERROR_MISSING, start, n);
  }
}

function reportField(row: usize, start: usize): void {
  let found: usize = 0;
  for (let n = root; n < nodesEnd; n += S.NODE_BYTES) {
    if (load<u32>(n, S.NODE_ERROR) == 0) continue;
    if (found == 0 || load<u32>(n, S.NODE_ERROR_AT) < load<u32>(found, S.NODE_ERROR_AT)) found = n;
  }
  // Nothing is left when a later value of the same key made up for it.
  if (found == 0) {
    put(STATUS, row, 0);
    return;
  }
  const code = load<u32>(found, S.NODE_ERROR);
  report(row, code, <usize>load<u32>(found, S.NODE_ERROR_AT) - start, <i32>((found - root) / S.NODE_BYTES));
}

/** Marks a row as refused and makes all its columns null. */
function report(row: usize, code: u32, at: usize, node: i32): void {
  put(STATUS, row, code);
  put(ERROR_AT, row, <u32>at);
  put(ERROR_NODE, row, node);
  errorRows++;
  for (let n = root; n < nodesEnd; n += S.NODE_BYTES) {
    storeNull(n);
    store<u32>(n, 0, S.NODE_ERROR);
  }
}

function finishBroken(row: usize, start: usize, end: usize): void {
  put(VALUE_START, row, <u32>start);
  put(VALUE_LENGTH, row, <u32>(end - start));
  report(row, failureCode, failureAt - start, -1);
}

function finish(rows: usize, next: usize): u32 {
  store<u32>(context, <u32>next, NEXT);
  store<u32>(context, errorRows, ERROR_ROWS);
  return <u32>rows;
}

function inputError(code: u32, at: usize): void {
  store<u32>(context, code, INPUT_ERROR);
  store<u32>(context, <u32>at, INPUT_ERROR_AT);
}

/** NDJSON in [p, end): one text a line, blank lines between are no rows. A broken line ends at its newline. */
export function decodeLines(ctx: usize, p: usize, end: usize): u32 {
  begin(ctx, false);
  store<u8>(end, 0);
  const rowsMax = <usize>load<u32>(ctx, ROWS_MAX);
  let line = load<u32>(ctx, LINE);
  let row: usize = 0;
  while (true) {
    p = skipSpace(p);
    if (p >= end) break;
    if (load<u8>(p) == 10) {
      line++;
      p++;
      continue;
    }
    if (row == rowsMax) break;
    put(LINES, row, ++line);
    const valueEnd = decodeRow(p, row);
    let stop = valueEnd;
    if (stop != 0) {
      stop = skipSpace(stop);
      if (load<u8>(stop) != 10 && stop < end) stop = fail(ERROR_SYNTAX, stop);
    }
    if (stop != 0) finishRow(row, p, valueEnd);
    else {
      stop = findNewline(p, end);
      finishBroken(row, p, stop > p && load<u8>(stop - 1) == 13 ? stop - 1 : stop);
    }
    row++;
    p = stop + 1;
  }
  store<u32>(ctx, line, LINE);
  return finish(row, min(p, end));
}

const ARRAY_OPEN: u32 = 0;
const ARRAY_FIRST: u32 = 1;
const ARRAY_MORE: u32 = 2;
const ARRAY_CLOSED: u32 = 3;

/** A JSON array in [p, end): one row an element. Broken syntax ends the input: where the next element begins cannot be known. */
export function decodeArray(ctx: usize, p: usize, end: usize): u32 {
  begin(ctx, true);
  store<u8>(end, 0);
  const rowsMax = <usize>load<u32>(ctx, ROWS_MAX);
  let state = load<u32>(ctx, ARRAY_STATE);
  let row: usize = 0;
  p = skipSpace(p);
  if (state == ARRAY_OPEN) {
    if (load<u8>(p) != 0x5b) {
      inputError(INPUT_SYNTAX, p);
      return finish(0, end);
    }
    p = skipSpace(p + 1);
    state = ARRAY_FIRST;
  }
  while (state != ARRAY_CLOSED) {
    const c = load<u8>(p);
    if (c == 0x5d) {
      p = skipSpace(p + 1);
      state = ARRAY_CLOSED;
      break;
    }
    if (row == rowsMax) break;
    if (state == ARRAY_MORE) {
      if (c != 0x2c) {
        inputError(INPUT_SYNTAX, p);
        return finish(row, end);
      }
      p = skipSpace(p + 1);
    }
    const stop = decodeRow(p, row);
    if (stop == 0) {
      inputError(INPUT_SYNTAX, failureAt);
      finishBroken(row, p, end);
      return finish(row + 1, end);
    }
    finishRow(row++, p, stop);
    p = skipSpace(stop);
    state = ARRAY_MORE;
  }
  store<u32>(ctx, state, ARRAY_STATE);
  if (state == ARRAY_CLOSED && p < end) {
    inputError(INPUT_SYNTAX, p);
    p = end;
  }
  return finish(row, p);
}

/** The text in [p, end), of any white space, as the given row. The byte after it is borrowed for the sentinel. */
function decodeText(row: usize, p: usize, end: usize): void {
  const borrowed = load<u8>(end);
  store<u8>(end, 0);
  const start = p;
  p = skipSpace(p);
  const valueEnd = decodeRow(p, row);
  let stop = valueEnd;
  if (stop != 0) {
    stop = skipSpace(stop);
    if (stop != end) stop = fail(ERROR_SYNTAX, stop);
  }
  if (stop != 0) finishRow(row, p, valueEnd);
  else finishBroken(row, start, end);
  store<u8>(end, borrowed);
}

/** One JSON text. */
export function decodeOne(ctx: usize, p: usize, end: usize): u32 {
  begin(ctx, true);
  decodeText(0, p, end);
  return finish(1, end);
}

/** Whether [p, end) is one JSON text; `failureCode` and `failureAt` say why not. */
export function validate(p: usize, end: usize, depth: u32): bool {
  setNewlineIsSpace(true);
  setDepthMax(depth);
  store<u8>(end, 0);
  p = skipValue(skipSpace(p), 0);
  if (p == 0) return false;
  p = skipSpace(p);
  if (p == end) return true;
  fail(ERROR_SYNTAX, p);
  return false;
}

export function lastFailureCode(): u32 {
  return failureCode;
}

export function lastFailureAt(): usize {
  return failureAt;
}

// Record batches (Kafka protocol guide, "Record Batch"): big-endian fixed header, then records in zigzag varints.
const BATCH_HEADER: usize = 61;
const LENGTH_AT: usize = 8;
const LENGTH_FROM: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;

let varintEnd: usize = 0;

function varint(p: usize): i64 {
  let value: u64 = 0;
  let shift: u64 = 0;
  while (true) {
    const b = <u64>load<u8>(p++);
    value |= (b & 0x7f) << shift;
    shift += 7;
    if (b < 0x80 || shift > 63) break;
  }
  varintEnd = p;
  return <i64>(value >> 1) ^ -(<i64>(value & 1));
}

/** Opens the batch at p; its records follow the header. False ends the call. */
function openBatch(p: usize, end: usize): bool {
  const left = end - p;
  const length: usize = left < BATCH_HEADER ? 0 : <usize>bswap(load<u32>(p, LENGTH_AT)) + LENGTH_FROM;
  if (length < BATCH_HEADER || length > left) {
    inputError(INPUT_TRUNCATED, p);
    return false;
  }
  if (load<u8>(p, MAGIC_AT) != 2) {
    inputError(INPUT_MAGIC, p);
    return false;
  }
  if (load<u32>(context, VERIFY_CRC) != 0) {
    if (crc32c(p + ATTRIBUTES_AT, <u32>(length - ATTRIBUTES_AT)) != bswap(load<u32>(p, CRC_AT))) {
      inputError(INPUT_CRC, p);
      return false;
    }
  }
  const attributes = bswap(load<u16>(p, ATTRIBUTES_AT));
  // A control batch holds transaction markers, no events.
  const records = attributes & 0x20 ? 0 : <i32>bswap(load<u32>(p, 57));
  if ((attributes & 7) != 0 && records != 0) {
    inputError(INPUT_COMPRESSED, p);
    return false;
  }
  const byLogTime = (attributes & 8) != 0;
  store<i32>(context, records, BATCH_RECORDS);
  store<u32>(context, byLogTime ? 1 : 0, BATCH_LOG_TIME);
  store<i64>(context, bswap(load<i64>(p)), BATCH_OFFSET);
  store<i64>(context, bswap(load<i64>(p + (byLogTime ? 35 : 27))), BATCH_TIME);
  store<u32>(context, <u32>(length - BATCH_HEADER), BATCH_LEFT);
  return true;
}

/** One record into one row; returns the address after it, or 0 when it does not hold together. */
function decodeRecord(row: usize, p: usize, batchEnd: usize): usize {
  const length = varint(p);
  p = varintEnd;
  const end = p + <usize>length;
  if (length < 6 || <u64>length > <u64>(batchEnd - p)) return 0;
  const time = varint(p + 1);
  const offset = varint(varintEnd);
  const keyLength = varint(varintEnd);
  p = varintEnd;
  if (keyLength > <i64>end - <i64>p) return 0;
  const reference = <usize>load<u32>(context, KEYS) + (row << 4);
  const hasKey = keyLength >= 0;
  let prefix: u32 = 0;
  if (keyLength > 0) prefix = load<u32>(p) & (keyLength < 4 ? (1 << (<u32>keyLength << 3)) - 1 : 0xffffffff);
  store<u64>(reference, hasKey ? <u64>keyLength | (<u64>prefix << 32) : 0);
  store<u64>(reference, hasKey ? p : 0, 8);
  store<u8>(<usize>load<u32>(context, KEY_NULLS) + row, !hasKey);
  store<i64>(<usize>load<u32>(context, OFFSETS) + (row << 3), load<i64>(context, BATCH_OFFSET) + offset);
  const base = load<i64>(context, BATCH_TIME);
  store<i64>(<usize>load<u32>(context, TIMESTAMPS) + (row << 3), load<u32>(context, BATCH_LOG_TIME) ? base : base + time);
  if (hasKey) p += <usize>keyLength;
  const valueLength = varint(p);
  p = varintEnd;
  if (p > end || valueLength > <i64>end - <i64>p) return 0;
  if (valueLength < 0) {
    beginRow(row);
    fail(S.ERROR_ABSENT_VALUE, p);
    finishBroken(row, p, p);
  } else decodeText(row, p, p + <usize>valueLength);
  return end;
}

/** Whole record batches in [p, end); a call may end within one, and the next goes on there. */
export function decodeRecords(ctx: usize, p: usize, end: usize): u32 {
  begin(ctx, true);
  const rowsMax = <usize>load<u32>(ctx, ROWS_MAX);
  let row: usize = 0;
  while (true) {
    let left = load<i32>(ctx, BATCH_RECORDS);
    const batchEnd = p + <usize>load<u32>(ctx, BATCH_LEFT);
    while (left > 0 && row < rowsMax) {
      const next = decodeRecord(row, p, batchEnd);
      if (next == 0) {
        inputError(INPUT_RECORD, p);
        return finish(row, p);
      }
      row++;
      left--;
      p = next;
    }
    store<i32>(ctx, left, BATCH_RECORDS);
    store<u32>(ctx, left > 0 ? <u32>(batchEnd - p) : 0, BATCH_LEFT);
    if (left > 0) break;
    p = batchEnd;
    if (p >= end || row == rowsMax || !openBatch(p, end)) break;
    p += BATCH_HEADER;
  }
  return finish(row, p);
}
