// Rows by time: buckets of equal spans, each a list of its rows in the order they came, so that what has passed is dropped without
// looking at the rest.

import { allocZeroed, free } from "../memory";
import { listAddress, listCount, listDrop, listFind, listFree, listInsert, listNumber } from "../state/list";
import * as L from "./layout";
import { beforeChange } from "./slot";

const BLOCK_HEADER: usize = 16;

@inline
function numberOf(rows: usize, time: i64): i64 {
  const span = load<i64>(<usize>load<u32>(rows), L.LAYOUT_BUCKET);
  const quotient = time / span;
  return quotient * span > time ? quotient - 1 : quotient;
}

function makeBucket(rows: usize, number: i64): usize {
  const known = listFind(rows + L.STORE_BUCKETS, number);
  if (known != 0) return known;
  const bucket = allocZeroed(L.BUCKET_BYTES);
  L.grown(rows, <i64>(L.BUCKET_BYTES + BLOCK_HEADER));
  listInsert(rows + L.STORE_BUCKETS, number, bucket);
  return bucket;
}

export function bucketAdd(rows: usize, reference: u32, at: usize, time: i64): void {
  const bucket = makeBucket(rows, numberOf(rows, time));
  const last = load<u32>(bucket, L.BUCKET_LAST);
  store<i64>(at, time, L.ROW_TIME);
  store<u32>(at, 0, L.ROW_LATER);
  store<u32>(at, last, L.ROW_EARLIER);
  if (last == 0) store<u32>(bucket, reference);
  else {
    const before = L.addressOf(rows, last);
    beforeChange(rows, last, before);
    store<u32>(before, reference, L.ROW_LATER);
  }
  store<u32>(bucket, reference, L.BUCKET_LAST);
  store<u32>(bucket, load<u32>(bucket, L.BUCKET_ROWS) + 1, L.BUCKET_ROWS);
}

/** Takes a row out, which has been kept as it was. */
export function bucketRemove(rows: usize, at: usize): void {
  const bucket = listFind(rows + L.STORE_BUCKETS, numberOf(rows, load<i64>(at, L.ROW_TIME)));
  const later = load<u32>(at, L.ROW_LATER);
  const earlier = load<u32>(at, L.ROW_EARLIER);
  if (earlier == 0) store<u32>(bucket, later);
  else {
    const before = L.addressOf(rows, earlier);
    beforeChange(rows, earlier, before);
    store<u32>(before, later, L.ROW_LATER);
  }
  if (later == 0) store<u32>(bucket, earlier, L.BUCKET_LAST);
  else {
    const after = L.addressOf(rows, later);
    beforeChange(rows, later, after);
    store<u32>(after, earlier, L.ROW_EARLIER);
  }
  store<u32>(bucket, load<u32>(bucket, L.BUCKET_ROWS) - 1, L.BUCKET_ROWS);
}

/** Buckets all of whose times lie below `horizon`: the first so many of the list. */
export function rowsPassed(rows: usize, horizon: i64): u32 {
  const list = rows + L.STORE_BUCKETS;
  const number = numberOf(rows, horizon);
  const count = listCount(list);
  let passed: u32 = 0;
  while (passed < count && listNumber(list, passed) < number) passed++;
  return passed;
}

/** Rows of a bucket, by its place in the list. */
export function rowsOfBucket(rows: usize, at: u32): u32 {
  return load<u32>(listAddress(rows + L.STORE_BUCKETS, at), L.BUCKET_ROWS);
}

/** References of the rows of a bucket, in the order they came; returns how many. */
export function rowsInBucket(rows: usize, at: u32, target: usize): u32 {
  const bucket = listAddress(rows + L.STORE_BUCKETS, at);
  let count: usize = 0;
  for (let reference = load<u32>(bucket); reference != 0; reference = load<u32>(L.addressOf(rows, reference), L.ROW_LATER)) {
    store<u32>(target + (count++ << 2), reference);
  }
  return <u32>count;
}

/** Takes the first buckets off the list; their rows were removed. */
export function bucketsDrop(rows: usize, count: u32): void {
  const list = rows + L.STORE_BUCKETS;
  for (let at: u32 = 0; at < count; at++) free(listAddress(list, at));
  L.grown(rows, -<i64>(<usize>count * (L.BUCKET_BYTES + BLOCK_HEADER)));
  listDrop(list, count);
}

export function rowsBuckets(rows: usize): u32 {
  return listCount(rows + L.STORE_BUCKETS);
}

export function rowsBucketNumber(rows: usize, at: u32): i64 {
  return listNumber(rows + L.STORE_BUCKETS, at);
}

/** Address of a bucket's first, last and number of rows. */
export function rowsBucketAddress(rows: usize, at: u32): usize {
  return listAddress(rows + L.STORE_BUCKETS, at);
}

/** A bucket that a snapshot names. */
export function rowsRestoreBucket(rows: usize, number: i64, first: u32, last: u32, count: u32): void {
  const bucket = makeBucket(rows, number);
  store<u32>(bucket, first);
  store<u32>(bucket, last, L.BUCKET_LAST);
  store<u32>(bucket, count, L.BUCKET_ROWS);
}

/** Forgets the buckets, before those of a snapshot of changes take their place. */
export function rowsRestoreNoBuckets(rows: usize): void {
  bucketsDrop(rows, listCount(rows + L.STORE_BUCKETS));
}

export function bucketsFree(rows: usize): void {
  const list = rows + L.STORE_BUCKETS;
  for (let at: u32 = 0; at < listCount(list); at++) free(listAddress(list, at));
  listFree(list);
}
