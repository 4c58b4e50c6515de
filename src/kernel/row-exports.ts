/** Functions of assembly/rows, as JavaScript sees them (see exports.ts). */
export interface RowExports {
  rowsCreate(layout: number): number;
  rowsAppend(
    rows: number,
    columns: number,
    keys: number,
    selection: number,
    count: number,
    times: number,
    counters: number,
    references: number,
  ): void;
  rowsTake(rows: number, columns: number, keys: number, selection: number, count: number, references: number): number;
  rowsUnlink(rows: number, references: number, count: number): void;
  rowsFree(rows: number, references: number, count: number): void;
  rowsProbe(
    rows: number,
    keys: number,
    selection: number,
    count: number,
    cursor: number,
    numbers: number,
    references: number,
    room: number,
  ): number;
  rowsGather(rows: number, references: number, count: number, column: number, data: number, nulls: number): number;
  rowsTimes(rows: number, references: number, count: number, target: number): void;
  rowsUncounted(rows: number, references: number, count: number, target: number): number;
  rowsPassed(rows: number, horizon: bigint): number;
  rowsOfBucket(rows: number, at: number): number;
  rowsInBucket(rows: number, at: number, target: number): number;
  rowsDropBuckets(rows: number, count: number): number;
  rowsBuckets(rows: number): number;
  rowsBucketNumber(rows: number, at: number): bigint;
  rowsBucketAddress(rows: number, at: number): number;
  rowsRestoreBucket(rows: number, number: bigint, first: number, last: number, count: number): void;
  rowsRestoreNoBuckets(rows: number): void;
  rowsHaveFewChanges(rows: number): number;
  rowsSlabs(rows: number): number;
  rowsSlabBytes(rows: number, number: number): number;
  rowsChangesNext(rows: number, target: number, room: number): number;
  rowsChangesNeeded(): number;
  rowsSnapshotBegin(rows: number, changes: number): void;
  rowsSnapshotSlab(rows: number): number;
  rowsSnapshotBytes(rows: number): number;
  rowsSnapshotNext(rows: number, target: number): void;
  rowsSnapshotEnd(rows: number): void;
  rowsRestoreSlab(rows: number, number: number, from: number, bytes: number): void;
  rowsRestoreSlabBytes(rows: number, number: number, bytes: number): void;
  rowsRestoreChanges(rows: number, from: number, bytes: number): void;
  rowsRestored(rows: number): void;
  rowsDestroy(rows: number): void;
  takeColumn(column: number, numbers: number, count: number, data: number, nulls: number): number;
  joinPairs(
    rows: number,
    numbers: number,
    references: number,
    count: number,
    weight: number,
    flags: number,
    counts: number,
    outNumbers: number,
    outReferences: number,
    outCauses: number,
    outWeights: number,
  ): number;
  joinByCount(counts: number, selection: number, count: number, zero: number, more: number): number;
  joinByWeight(weights: number, selection: number, count: number, plus: number, minus: number): number;
  joinByNulls(
    columns: number,
    columnCount: number,
    selection: number,
    count: number,
    kept: number,
    missing: number,
  ): number;
  joinByTime(
    times: number,
    nulls: number,
    watermarks: number,
    watermark: bigint,
    lag: bigint,
    selection: number,
    count: number,
    kept: number,
    late: number,
  ): number;
  joinByFound(
    rows: number,
    references: number,
    counts: number,
    selection: number,
    count: number,
    found: number,
    missing: number,
  ): number;
  takeWords(words: number, positions: number, count: number, target: number): void;
  rowsAsOf(rows: number, keys: number, selection: number, count: number, times: number, references: number): void;
  rowsGoing(rows: number, columns: number, keys: number, selection: number, count: number, references: number): void;
  rowsGone(rows: number, references: number, count: number, time: bigint): void;
  rowsSettle(rows: number, horizon: bigint): void;
  scatterWords(words: number, positions: number, count: number, target: number): void;
  topTake(rows: number, top: number, columns: number, keys: number, selection: number, count: number): void;
  topFlush(rows: number, top: number): number;
  topChanges(top: number): number;
  topEnd(rows: number, top: number): void;
  topFree(top: number): void;
}
