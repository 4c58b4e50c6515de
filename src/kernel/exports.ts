import type { FunctionExports } from './function-exports.ts';
import type { RowExports } from './row-exports.ts';
import type { StateExports } from './state-exports.ts';

/**
 * Functions that the WebAssembly module exports, as JavaScript sees them: addresses and u32 arrive as signed numbers
 * (`>>> 0` makes them unsigned), 64-bit integers as bigint.
 */
export interface MemoryExports {
  alloc(bytes: number): number;
  allocZeroed(bytes: number): number;
  free(pointer: number): void;
  realloc(pointer: number, keep: number, bytes: number): number;
  arenaAlloc(bytes: number): number;
  arenaTrim(pointer: number, bytes: number): void;
  arenaPosition(): number;
  arenaRewind(position: number): void;
  arenaReset(keepBytes: number): void;
  arenaBytes(): number;
  allocatedBytes(): number;
}

export interface HashExports {
  mix64(value: bigint): bigint;
  hash64(value: bigint, seed: bigint): bigint;
  hashBytes(pointer: number, length: number, seed: bigint): bigint;
  hashStr(reference: number, seed: bigint): bigint;
  equalStr(a: number, b: number): number;
  equalBytes(a: number, b: number, length: number): number;
}

export interface DecoderExports {
  makeEntry(node: number, key: number, length: number, child: number): number;
  decodeLines(context: number, start: number, end: number): number;
  decodeArray(context: number, start: number, end: number): number;
  decodeOne(context: number, start: number, end: number): number;
  decodeRecords(context: number, start: number, end: number): number;
  validate(start: number, end: number, depthMax: number): number;
  lastFailureCode(): number;
  lastFailureAt(): number;
}

export interface RecordBatchExports {
  crc32c(pointer: number, length: number): number;
  murmur2(pointer: number, length: number): number;
  assignPartitions(
    keys: number,
    nulls: number,
    selection: number,
    count: number,
    partitions: number,
    sticky: number,
    out: number,
  ): void;
  encodeBatch(
    values: number,
    lengths: number,
    keys: number,
    keyNulls: number,
    times: number,
    time: bigint,
    selection: number,
    count: number,
    assignment: number,
    partition: number,
  ): number;
  encodedBytes(): number;
  encodedRecords(): number;
  encodedTimeMax(): bigint;
}

export interface ExchangeExports {
  routeRows(
    columns: number,
    columnCount: number,
    selection: number,
    count: number,
    tasks: number,
    rows: number,
    counts: number,
  ): void;
  gatherValues(source: number, width: number, rows: number, count: number, target: number): void;
  gatherFlags(source: number, rows: number, count: number, target: number): number;
  textBytes(references: number, rows: number, count: number): number;
  gatherTexts(references: number, rows: number, count: number, lengths: number, bytes: number): void;
  referTexts(lengths: number, count: number, bytes: number, references: number): void;
}

export interface OutputExports {
  jsonTexts(
    form: number,
    data: number,
    nulls: number,
    selection: number,
    count: number,
    references: number,
    hard: number,
  ): number;
  changesCreate(): number;
  changesFree(table: number): void;
  changesClear(table: number): void;
  changesBytes(table: number): bigint;
  changesCount(table: number): number;
  changesAdd(
    table: number,
    columns: number,
    columnCount: number,
    keys: number,
    keyCount: number,
    weights: number,
    selection: number,
    count: number,
  ): void;
  changesAppend(
    table: number,
    columns: number,
    columnCount: number,
    weights: number,
    selection: number,
    count: number,
  ): number;
  changesTake(table: number, keys: number, values: number, lengths: number): number;
}

export interface KernelExports
  extends MemoryExports,
    HashExports,
    DecoderExports,
    RecordBatchExports,
    StateExports,
    ExchangeExports,
    OutputExports,
    RowExports,
    FunctionExports {}
