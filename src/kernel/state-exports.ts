/** Functions of assembly/state, as JavaScript sees them (see exports.ts). */
export interface StateExports {
  sourceTimes(
    times: number,
    nulls: number,
    receipts: number,
    selection: number,
    count: number,
    delay: bigint,
    futureLimit: bigint,
    watermarks: number,
    kept: number,
    future: number,
    state: number,
  ): number;
  tumble(times: number, rows: number, size: bigint, offset: bigint, starts: number, ends: number): void;
  hop(
    times: number,
    selection: number,
    count: number,
    size: bigint,
    slide: bigint,
    offset: bigint,
    back: number,
    starts: number,
    ends: number,
    kept: number,
  ): number;
  scaleTimes(millis: number, rows: number, target: number): void;
  partitionNulls(nulls: number, selection: number, count: number, kept: number, missing: number): number;
  deduplicateCreate(ttl: bigint): number;
  deduplicate(
    set: number,
    columns: number,
    columnCount: number,
    times: number,
    watermarks: number,
    watermark: bigint,
    judge: number,
    selection: number,
    count: number,
    kept: number,
    late: number,
  ): number;
  deduplicateExpire(set: number, watermark: bigint): void;
  deduplicateMark(set: number, at: number, target: number): void;
  deduplicateExportBytes(mark: number, since: number): number;
  deduplicateExport(mark: number, since: number, target: number): void;
  deduplicateDrop(set: number, number: bigint): void;
  deduplicateIndex(set: number): void;
  deduplicateImport(set: number, number: bigint, group: number, from: number, bytes: number): void;
  deduplicateFree(set: number): void;
  groupCreate(layout: number): number;
  groupRows(
    table: number,
    columns: number,
    ends: number,
    endAdd: bigint,
    watermarks: number,
    watermark: bigint,
    selection: number,
    count: number,
    weights: number,
    records: number,
    rows: number,
    late: number,
  ): number;
  groupFilter(
    column: number,
    records: number,
    rows: number,
    count: number,
    keptRecords: number,
    keptRows: number,
  ): number;
  groupAdd(
    table: number,
    aggregate: number,
    column: number,
    weights: number,
    records: number,
    rows: number,
    count: number,
  ): void;
  groupPartial(
    table: number,
    columns: number,
    selection: number,
    count: number,
    weights: number,
    limit: number,
    first: number,
    records: number,
    rows: number,
    base: number,
  ): number;
  groupPartialIsPlain(table: number, partial: number, keys: number): number;
  groupIsOneWindow(
    ends: number,
    endAdd: bigint,
    watermarks: number,
    watermark: bigint,
    selection: number,
    count: number,
  ): number;
  groupMerge(
    table: number,
    columns: number,
    ends: number,
    endAdd: bigint,
    partial: number,
    first: number,
    keys: number,
  ): void;
  groupDistinct(
    table: number,
    aggregate: number,
    column: number,
    weights: number,
    records: number,
    rows: number,
    count: number,
    keptRecords: number,
    keptRows: number,
    changes: number,
  ): number;
  groupFilterBits(column: number, rows: number, count: number, bit: number, masks: number): void;
  groupDistinctCounts(
    table: number,
    owner: number,
    column: number,
    records: number,
    rows: number,
    count: number,
    masks: number,
    members: number,
    memberCount: number,
  ): void;
  groupChanges(
    table: number,
    from: number,
    count: number,
    records: number,
    weights: number,
    results: number,
    failed: number,
  ): number;
  groupForget(table: number): void;
  groupResults(table: number, from: number, count: number, records: number, results: number, failed: number): number;
  groupKeyColumn(table: number, key: number, records: number, count: number, data: number, nulls: number): number;
  sessionKeyColumn(table: number, key: number, records: number, count: number, data: number, nulls: number): number;
  groupResultColumn(
    table: number,
    aggregate: number,
    shape: number,
    results: number,
    count: number,
    data: number,
    nulls: number,
  ): number;
  groupStateWord(table: number, aggregate: number, word: number, records: number, count: number, data: number): void;
  groupExactSums(table: number, aggregate: number, records: number, count: number, data: number): void;
  groupExtremes(table: number, aggregate: number, records: number, count: number, data: number, nulls: number): number;
  groupAddStates(
    table: number,
    aggregate: number,
    columns: number,
    columnCount: number,
    records: number,
    rows: number,
    count: number,
  ): void;
  groupDecimalColumn(
    table: number,
    aggregate: number,
    scale: number,
    average: number,
    results: number,
    count: number,
    data: number,
    nulls: number,
  ): number;
  partialInTime(
    ends: number,
    endAdd: bigint,
    watermarks: number,
    watermark: bigint,
    selection: number,
    count: number,
    kept: number,
    late: number,
  ): number;
  partialCounts(column: number, filter: number, selection: number, count: number, target: number): void;
  partialIntegers(column: number, filter: number, selection: number, count: number, sums: number, highs: number): void;
  partialFloats(column: number, filter: number, selection: number, count: number, target: number): void;
  partialNulls(column: number, filter: number, selection: number, count: number, target: number): void;
  groupWindows(table: number): number;
  groupWindowEnd(table: number, at: number): bigint;
  groupWindowGroups(table: number, at: number): number;
  groupWindowRecords(table: number, at: number, target: number): number;
  groupDropWindows(table: number, count: number): void;
  groupHasFewChanges(table: number): number;
  groupTrack(table: number, tracks: number): void;
  groupSnapshotBegin(table: number, delta: number): void;
  groupSnapshotPassed(table: number): bigint;
  groupSnapshotNext(table: number, target: number, room: number): number;
  groupSnapshotNeeded(table: number): number;
  groupSnapshotEnd(table: number): void;
  groupImport(table: number, from: number, bytes: number, delta: number): void;
  groupImport02(table: number, from: number, bytes: number, delta: number): void;
  groupImportPassed(table: number, passed: bigint): void;
  groupFree(table: number): void;
  sessionCreate(layout: number, gap: bigint): number;
  sessionRows(
    table: number,
    columns: number,
    times: number,
    watermarks: number,
    watermark: bigint,
    selection: number,
    count: number,
    records: number,
    rows: number,
    late: number,
  ): number;
  sessionChanges(
    table: number,
    from: number,
    count: number,
    records: number,
    weights: number,
    results: number,
    firsts: number,
    ends: number,
    failed: number,
  ): number;
  sessionForgetChanges(table: number): void;
  sessionIsOpen(table: number): number;
  sessionFirstEnd(table: number): bigint;
  sessionClose(table: number, watermark: bigint, target: number, room: number): number;
  sessionForget(table: number, watermark: bigint): void;
  sessionResults(table: number, from: number, count: number, records: number, results: number, failed: number): number;
  sessionBounds(table: number, records: number, count: number, firsts: number, ends: number): void;
  sessionSnapshotBegin(table: number, delta?: number): void;
  sessionSnapshotNext(table: number, target: number, room: number): number;
  sessionSnapshotNeeded(table: number): number;
  sessionSnapshotEnd(table: number): void;
  sessionImport(table: number, from: number, bytes: number, delta?: number): void;
  sessionFree(table: number): void;
}
