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
  scaleTimes(millis: number, rows: number, target: number): void;
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
  deduplicateExportBytes(bucket: number, group: number): number;
  deduplicateExport(bucket: number, group: number, target: number): void;
  deduplicateImport(set: number, number: bigint, from: number, bytes: number): void;
  deduplicateFree(set: number): void;
}
