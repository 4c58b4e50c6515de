// Event time over columns: the watermark of a partition at each of its rows, and tumbling windows.

const NONE: i64 = i64.MIN_VALUE;

/**
 * Walks the `count` alive rows of a source batch in offset order. Writes, for each, the watermark of its partition just
 * before it (`largest - delay`, or the least i64 before any event time), and raises `largest`. A row more than `futureLimit`
 * ahead of its receipt (`receipts`, ms) does not raise it; its number is put to `future`. Kept rows go to `kept`.
 * `state` holds `largest` (i64) and, on return, the number of future rows (u32 at 8). Returns the number of kept rows.
 */
export function sourceTimes(
  times: usize, nulls: usize, receipts: usize, selection: usize, count: u32,
  delay: i64, futureLimit: i64, watermarks: usize, kept: usize, future: usize, state: usize,
): u32 {
  let largest = load<i64>(state);
  let keptCount: u32 = 0;
  let futureCount: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i;
    const at = <usize>row << 3;
    store<i64>(watermarks + at, largest == NONE ? NONE : largest - delay);
    const known = nulls == 0 || load<u8>(nulls + row) == 0;
    if (known) {
      const time = load<i64>(times + at);
      if (futureLimit >= 0 && time > load<i64>(receipts + at) * 1000 + futureLimit) {
        store<u32>(future + (<usize>futureCount << 2), row);
        futureCount++;
        continue;
      }
      if (time > largest) largest = time;
    }
    store<u32>(kept + (<usize>keptCount << 2), row);
    keptCount++;
  }
  store<i64>(state, largest);
  store<u32>(state, futureCount, 8);
  return keptCount;
}

/** Start and end of the tumbling window of each of the `rows` times. Rows that are not alive get values without meaning. */
export function tumble(times: usize, rows: u32, size: i64, offset: i64, starts: usize, ends: usize): void {
  let start: i64 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 3;
    const time = load<i64>(times + at);
    // Most rows are in the window of the row before: a division costs more than all else here.
    if (row == 0 || <u64>(time - start) >= <u64>size) {
      const shifted = time - offset;
      let rest = shifted % size;
      if (rest < 0) rest += size;
      start = shifted - rest + offset;
    }
    store<i64>(starts + at, start);
    store<i64>(ends + at, start + size);
  }
}

/**
 * Start and end of one of the hopping windows of each of the `count` alive rows: `back` windows before the last that begins at or
 * before its time. Rows that this window still holds go to `kept`. Returns their number.
 */
export function hop(
  times: usize, selection: usize, count: u32, size: i64, slide: i64, offset: i64, back: u32, starts: usize, ends: usize, kept: usize,
): u32 {
  let last: i64 = 0;
  let keptCount: u32 = 0;
  const shift = <i64>back * slide;
  for (let i: u32 = 0; i < count; i++) {
    const row = selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i;
    const at = <usize>row << 3;
    const time = load<i64>(times + at);
    if (i == 0 || <u64>(time - last) >= <u64>slide) {
      const shifted = time - offset;
      let rest = shifted % slide;
      if (rest < 0) rest += slide;
      last = shifted - rest + offset;
    }
    const start = last - shift;
    if (time >= start + size) continue;
    store<i64>(starts + at, start);
    store<i64>(ends + at, start + size);
    store<u32>(kept + (<usize>keptCount << 2), row);
    keptCount++;
  }
  return keptCount;
}

/** Milliseconds to microseconds, for sources without event time. */
export function scaleTimes(millis: usize, rows: u32, target: usize): void {
  for (let row: u32 = 0; row < rows; row++) {
    store<i64>(target + (<usize>row << 3), load<i64>(millis + (<usize>row << 3)) * 1000);
  }
}

/** Divides rows by whether they have a value: those that have go to `kept`, the others to `missing`. Returns the number of kept rows. */
export function partitionNulls(nulls: usize, selection: usize, count: u32, kept: usize, missing: usize): u32 {
  let keptCount: u32 = 0;
  let missingCount: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = selection != 0 ? load<u32>(selection + (<usize>i << 2)) : i;
    if (load<u8>(nulls + row) == 0) {
      store<u32>(kept + (<usize>keptCount << 2), row);
      keptCount++;
    } else {
      store<u32>(missing + (<usize>missingCount << 2), row);
      missingCount++;
    }
  }
  return keptCount;
}
