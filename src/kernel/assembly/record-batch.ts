// Rows to Kafka record batches (magic 2), one batch a partition; layout: Kafka protocol guide, "Record Batch".

import { arenaAlloc } from "./memory";
import { crc32c } from "./crc32c";

const BATCH_HEADER: usize = 61;
/** Of a record besides key and value: length, attributes, timestamp and offset deltas, two lengths, header count. */
const RECORD_OVERHEAD_MAX: usize = 5 + 1 + 10 + 5 + 5 + 5 + 1;

/** The length of a value that is null. */
const NULL_LENGTH: u32 = u32.MAX_VALUE;

/** MurmurHash2 of A. Appleby, 32 bits, with the seed of Kafka's clients (`Utils.murmur2`). */
export function murmur2(pointer: usize, length: u32): u32 {
  const m: u32 = 0x5bd1e995;
  let h: u32 = 0x9747b28c ^ length;
  const end = pointer + (length & ~3);
  while (pointer < end) {
    let k = load<u32>(pointer) * m;
    k ^= k >> 24;
    h = (h * m) ^ (k * m);
    pointer += 4;
  }
  const rest = length & 3;
  if (rest != 0) {
    h ^= load<u32>(pointer) & ((1 << (rest << 3)) - 1);
    h *= m;
  }
  h ^= h >> 13;
  h *= m;
  return h ^ (h >> 15);
}

/**
 * Partition of each row (u32 each): of the key as Kafka's default partitioner, `sticky` where there is none. `keys` is a column
 * of string references (0 for no keys at all), `nulls` its null bytes or 0; `selection` the row numbers, or 0 for the first `count`.
 */
export function assignPartitions(
  keys: usize, nulls: usize, selection: usize, count: u32, partitions: u32, sticky: u32, out: usize,
): void {
  for (let i: usize = 0; i < count; i++) {
    const row = selection == 0 ? i : <usize>load<u32>(selection + (i << 2));
    let partition = sticky;
    if (keys != 0 && (nulls == 0 || load<u8>(nulls + row) == 0)) {
      const reference = keys + (row << 4);
      const hash = murmur2(<usize>load<u32>(reference, 8), load<u32>(reference));
      partition = partitions == 1 ? 0 : (hash & 0x7fffffff) % partitions;
    }
    store<u32>(out + (i << 2), partition);
  }
}

@inline
function sizeOfVarint(value: u64): u32 {
  return (<u32>(63 - clz(value | 1)) * 9 + 73) >> 6; // bits / 7, rounded up
}

@inline
function zigzag(value: i64): u64 {
  return (<u64>value << 1) ^ <u64>(value >> 63);
}

@inline
function writeVarint(p: usize, value: u64): usize {
  while (value >= 0x80) {
    store<u8>(p++, <u8>value | 0x80);
    value >>= 7;
  }
  store<u8>(p, <u8>value);
  return p + 1;
}

@inline
function copyBytes(from: usize, to: usize, length: usize): void {
  if (length > 1024) {
    memory.copy(to, from, length);
    return;
  }
  // 16 at a time: writes up to 15 bytes too many, which the next record overwrites.
  const end = from + length;
  while (from < end) {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
  }
}

/**
 * Writes the rows whose partition is `partition` as one batch. `values` and `lengths` hold address and length of each row's value
 * (u32; {@link NULL_LENGTH}: it is null); `times` its timestamp in milliseconds (i64), or 0 for `time`. Returns the address of the batch, its length in
 * `batchBytes`, its records in `batchRecords` (0 and no batch when no row is the partition's) and its latest timestamp in
 * `batchTimeMax`. Lives in the arena.
 */
export function encodeBatch(
  values: usize, lengths: usize, keys: usize, keyNulls: usize, times: usize, time: i64,
  selection: usize, count: u32, assignment: usize, partition: u32,
): usize {
  let bytes: usize = BATCH_HEADER + 16;
  let records: u32 = 0;
  for (let i: usize = 0; i < count; i++) {
    if (load<u32>(assignment + (i << 2)) != partition) continue;
    const row = selection == 0 ? i : <usize>load<u32>(selection + (i << 2));
    const length = load<u32>(lengths + (row << 2));
    bytes += <usize>(length == NULL_LENGTH ? 0 : length) + RECORD_OVERHEAD_MAX;
    if (keys != 0) bytes += <usize>load<u32>(keys + (row << 4));
    records++;
  }
  batchRecords = records;
  if (records == 0) return 0;
  const batch = arenaAlloc(bytes);
  let p = batch + BATCH_HEADER;
  let delta: u32 = 0;
  let base: i64 = time;
  let latest: i64 = time;
  for (let i: usize = 0; i < count; i++) {
    if (load<u32>(assignment + (i << 2)) != partition) continue;
    const row = selection == 0 ? i : <usize>load<u32>(selection + (i << 2));
    const stamp = times == 0 ? time : load<i64>(times + (row << 3));
    if (delta == 0) {
      base = stamp;
      latest = stamp;
    } else if (stamp > latest) latest = stamp;
    const value = <usize>load<u32>(values + (row << 2));
    const isNull = load<u32>(lengths + (row << 2)) == NULL_LENGTH;
    const valueLength = isNull ? 0 : load<u32>(lengths + (row << 2));
    const valueField = isNull ? 1 : zigzag(<i64>valueLength);
    const hasKey = keys != 0 && (keyNulls == 0 || load<u8>(keyNulls + row) == 0);
    const keyLength = hasKey ? load<u32>(keys + (row << 4)) : 0;
    const keyField = hasKey ? zigzag(<i64>keyLength) : 1;
    const stampDelta = zigzag(stamp - base);
    const body = 1 + sizeOfVarint(stampDelta) + sizeOfVarint(<u64>delta << 1) + sizeOfVarint(keyField) + keyLength +
      sizeOfVarint(valueField) + valueLength + 1;
    p = writeVarint(p, <u64>body << 1);
    store<u8>(p++, 0);
    p = writeVarint(p, stampDelta);
    p = writeVarint(p, <u64>delta << 1);
    p = writeVarint(p, keyField);
    if (hasKey) {
      copyBytes(<usize>load<u32>(keys + (row << 4), 8), p, keyLength);
      p += keyLength;
    }
    p = writeVarint(p, valueField);
    copyBytes(value, p, valueLength);
    p += valueLength;
    store<u8>(p++, 0);
    delta++;
  }
  const length = p - batch;
  store<u64>(batch, 0); // base offset: the log's to say
  store<u32>(batch, bswap(<u32>length - 12), 8);
  store<i32>(batch, -1, 12); // partition leader epoch
  store<u8>(batch, 2, 16);
  store<u16>(batch, 0, 21); // create time, not compressed
  store<u32>(batch, bswap(records - 1), 23);
  store<i64>(batch, bswap(base), 27);
  store<i64>(batch, bswap(latest), 35);
  store<i64>(batch, -1, 43); // no idempotent producer
  store<i16>(batch, -1, 51);
  store<i32>(batch, -1, 53);
  store<u32>(batch, bswap(records), 57);
  store<u32>(batch, bswap(crc32c(batch + 21, <u32>(length - 21))), 17);
  batchBytes = length;
  batchTimeMax = latest;
  return batch;
}

let batchBytes: usize = 0;
let batchRecords: u32 = 0;
let batchTimeMax: i64 = 0;

export function encodedBytes(): usize {
  return batchBytes;
}

export function encodedRecords(): u32 {
  return batchRecords;
}

export function encodedTimeMax(): i64 {
  return batchTimeMax;
}
