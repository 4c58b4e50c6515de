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
}
