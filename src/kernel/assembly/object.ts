// One row: an object of known shape into the columns of its nodes.
//
// Events of a topic look alike, so each entry remembers which entry followed it last time: a key is then one 16-byte
// comparison, not a search. What the prediction gets wrong is looked up, and the prediction corrected.

import { alloc, arenaAlloc } from "./memory";
import { equalBytes } from "./hash";
import { ERROR_SYNTAX, ERROR_DEPTH, fail, isTooDeep, scanString, skipSpace, skipValue, stringFlags, unescape } from "./scan";
import * as S from "./shape";
import { decodeField } from "./field";
import { rowStamp, countSeen, fieldError, refuseDuplicateKeys } from "./row";

/** Keys that nobody wants are remembered up to this many an object, and up to this long. */
const LEARNED_MAX: u32 = 64;
const LEARNED_KEY_BYTES_MAX: u32 = 64;

/** Stands for all keys that are not remembered. */
const anonymous: usize = memory.data(64, 16);

export function makeEntry(node: usize, key: usize, length: u32, child: usize): usize {
  const entry = alloc(S.ENTRY_BYTES + ((length + 3 + 15) & ~15) + 16);
  const total = length + 3;
  memory.fill(entry, 0, S.ENTRY_BYTES + ((total + 15) & ~15) + 16);
  store<u32>(entry, <u32>child, S.ENTRY_NODE);
  store<u32>(entry, load<u32>(node, S.NODE_KEYS), S.ENTRY_SIBLING);
  store<u32>(entry, length, S.ENTRY_KEY_LENGTH);
  store<u32>(entry, total >= 16 ? 0xffff : (1 << total) - 1, S.ENTRY_MASK);
  store<u32>(entry, total >= 32 ? 0xffff : total <= 16 ? 0 : (1 << (total - 16)) - 1, S.ENTRY_MASK2);
  store<u32>(entry, total, S.ENTRY_LENGTH);
  store<u8>(entry + S.ENTRY_BYTES, 0x22);
  memory.copy(entry + S.ENTRY_BYTES + 1, key, length);
  store<u16>(entry + S.ENTRY_BYTES + 1 + length, 0x3a22);
  store<u32>(node, <u32>entry, S.NODE_KEYS);
  return entry;
}

/** Whether the text at p is exactly the entry's `"key":`. */
@inline
function matches(p: usize, entry: usize): bool {
  const mask = load<u32>(entry, S.ENTRY_MASK);
  const equal = i8x16.bitmask(i8x16.eq(v128.load(p), v128.load(entry, S.ENTRY_BYTES)));
  if ((equal & mask) != mask) return false;
  const length = load<u32>(entry, S.ENTRY_LENGTH);
  return length <= 16 || matchesRest(p, entry, length);
}

@inline
function matchesRest(p: usize, entry: usize, length: u32): bool {
  const mask = load<u32>(entry, S.ENTRY_MASK2);
  const equal = i8x16.bitmask(i8x16.eq(v128.load(p, 16), v128.load(entry, S.ENTRY_BYTES + 16)));
  if ((equal & mask) != mask) return false;
  return length <= 32 || equalBytes(p + 32, entry + S.ENTRY_BYTES + 32, length - 32);
}

let afterKey: usize = 0;

/** Reads the key at p and finds or learns its entry; `afterKey` is the address after the colon. 0 after a failure. */
function findEntry(node: usize, p: usize): usize {
  if (load<u8>(p) != 0x22) return fail(ERROR_SYNTAX, p);
  let key = p + 1;
  const close = scanString(key);
  if (close == 0) return 0;
  let length = <u32>(close - key);
  const escaped = (stringFlags & 1) != 0;
  p = skipSpace(close + 1);
  if (load<u8>(p) != 0x3a) return fail(ERROR_SYNTAX, p);
  afterKey = p + 1;
  if (escaped) {
    const room = arenaAlloc(length + 16);
    length = <u32>(unescape(key, close, room) - room);
    key = room;
  }
  let entry = <usize>load<u32>(node, S.NODE_KEYS);
  while (entry != 0) {
    if (load<u32>(entry, S.ENTRY_KEY_LENGTH) == length && equalBytes(key, entry + S.ENTRY_BYTES + 1, length)) return entry;
    entry = <usize>load<u32>(entry, S.ENTRY_SIBLING);
  }
  const learned = load<u32>(node, S.NODE_LEARNED);
  if (escaped || length > LEARNED_KEY_BYTES_MAX || learned >= LEARNED_MAX) {
    store<u32>(anonymous, 0, S.ENTRY_NEXT);
    return anonymous;
  }
  store<u32>(node, learned + 1, S.NODE_LEARNED);
  return makeEntry(node, key, length, 0);
}

/** The object at p, of which `depth` containers are open already. Returns the address after it, or 0. */
export function decodeObject(p: usize, node: usize, depth: u32): usize {
  if (isTooDeep(depth)) return fail(ERROR_DEPTH, p);
  store<u32>(node, rowStamp, S.NODE_OBJECT_STAMP);
  p = skipSpace(p + 1);
  if (load<u8>(p) == 0x7d) return p + 1;
  let slot = node + S.NODE_FIRST;
  while (true) {
    let entry = <usize>load<u32>(slot);
    if (entry != 0 && matches(p, entry)) p += load<u32>(entry, S.ENTRY_LENGTH);
    else {
      p = skipSpace(p);
      if (entry != 0 && matches(p, entry)) p += load<u32>(entry, S.ENTRY_LENGTH);
      else {
        entry = findEntry(node, p);
        if (entry == 0) return 0;
        // What is not remembered cannot be predicted.
        store<u32>(slot, entry == anonymous ? 0 : <u32>entry);
        p = afterKey;
      }
    }
    slot = entry;
    p = skipSpace(p);
    const child = <usize>load<u32>(entry, S.ENTRY_NODE);
    if (child == 0) p = skipValue(p, depth + 1);
    else {
      if (load<u32>(child, S.NODE_STAMP) != rowStamp) {
        store<u32>(child, rowStamp, S.NODE_STAMP);
        countSeen(1);
      } else forget(child, p);
      if (load<u8>(p) == 0x22 && load<u32>(child, S.NODE_ANY_TEXT) != 0) {
        p = scanString(p + 1);
        if (p != 0) p++;
      } else p = decodeField(p, child, depth + 1);
    }
    if (p == 0) return 0;
    let c = <u32>load<u8>(p);
    if (c <= 0x20) {
      p = skipSpace(p);
      c = load<u8>(p);
    }
    if (c == 0x2c) p++;
    else if (c == 0x7d) return p + 1;
    else return fail(ERROR_SYNTAX, p);
  }
}

/** A key came twice: the last one counts, so nothing that the earlier value left behind may stay. */
function forget(node: usize, at: usize): void {
  const end = <usize>load<u32>(node, S.NODE_END);
  store<u32>(node, 0, S.NODE_OBJECT_STAMP);
  if (!refuseDuplicateKeys) store<u32>(node, 0, S.NODE_ERROR);
  else fieldError(S.ERROR_DUPLICATE_KEY, at, node);
  for (let n = node + S.NODE_BYTES; n < end; n += S.NODE_BYTES) {
    if (load<u32>(n, S.NODE_STAMP) == rowStamp) countSeen(-1);
    store<u32>(n, 0, S.NODE_STAMP);
    store<u32>(n, 0, S.NODE_OBJECT_STAMP);
    store<u32>(n, 0, S.NODE_ERROR);
  }
}
