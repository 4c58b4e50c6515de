import { type TimestampMs, timestampMs } from '../base/brand.ts';
import { HeadraceError } from '../base/error.ts';
import { type ColumnVector, PHYSICAL_WIDTH } from './column.ts';
import type { Kernel } from './kernel.ts';

/** Bytes of one record batch, at most: larger appends are to be cut. */
export const RECORD_BATCH_BYTES_MAX = 512 * 1024 ** 2;

export interface EncodeRequest {
  /** Rows that `values` and `lengths` describe. */
  readonly rows: number;
  /** Address of the address of each row's value, and of its length (u32 each): `facts.valueStart` and `valueLength` of a decoded batch. */
  readonly values: number;
  readonly lengths: number;
  /** Address of the row numbers to encode (u32 each), or 0 for all rows. */
  readonly selection: number;
  readonly selected: number;
  /** Keys of the records; undefined for none. Their hash decides the partition. */
  readonly keys: ColumnVector | undefined;
  /** One timestamp for all, or the address of one for each row (i64, milliseconds). */
  readonly timestamp: TimestampMs | { readonly address: number };
  readonly partitions: number;
  /** Partition of the records without a key, modulo the number of partitions. */
  readonly stickyPartition: number;
  /** Where the partition of each selected row is noted (u32 each), for callers that want to know. */
  readonly assignment?: number;
  /** Memory for each batch of so many bytes. Default: new memory that can be transferred. */
  readonly allocate?: (bytes: number) => Uint8Array;
}

export interface EncodedBatch {
  readonly partition: number;
  /** A complete record batch with its CRC. */
  readonly batch: Uint8Array;
  readonly records: number;
  readonly maxTimestamp: TimestampMs;
}

/**
 * Frames rows as Kafka record batches, one per partition that gets any. Partitions are Kafka's default: murmur2 of the key
 * modulo their number. Rows keep their order within a partition.
 *
 * @throws HeadraceError `KERNEL_BATCH_TOO_LARGE`
 */
export function encodeRecordBatches(kernel: Kernel, request: EncodeRequest): EncodedBatch[] {
  const { exports } = kernel;
  const { selected, selection, partitions } = request;
  if (selected === 0) return [];
  const assignment = request.assignment ?? kernel.arenaAlloc(selected * 4);
  const keys = request.keys?.data ?? 0;
  const nulls = request.keys?.nulls ?? 0;
  exports.assignPartitions(
    keys,
    nulls,
    selection,
    selected,
    partitions,
    request.stickyPartition % partitions,
    assignment,
  );
  const times = typeof request.timestamp === 'number' ? 0 : request.timestamp.address;
  const time = typeof request.timestamp === 'number' ? BigInt(request.timestamp) : 0n;
  const batches: EncodedBatch[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const { values, lengths } = request;
    const at =
      exports.encodeBatch(values, lengths, keys, nulls, times, time, selection, selected, assignment, partition) >>> 0;
    const records = exports.encodedRecords();
    if (records === 0) continue;
    const bytes = exports.encodedBytes() >>> 0;
    if (bytes > RECORD_BATCH_BYTES_MAX) {
      throw new HeadraceError(`framing ${records} records: a batch of ${bytes} bytes is too large`, {
        code: 'KERNEL_BATCH_TOO_LARGE',
        domain: 'kernel',
        next: `send at most ${RECORD_BATCH_BYTES_MAX} bytes at once`,
      });
    }
    const batch = (request.allocate ?? newMemory)(bytes);
    batch.set(kernel.u8().subarray(at, at + bytes));
    batches.push({ partition, batch, records, maxTimestamp: timestampMs(Number(exports.encodedTimeMax())) });
  }
  return batches;
}

function newMemory(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** Values (and keys) that lie in JavaScript memory, as an {@link EncodeRequest} wants them: copied into the arena. */
export function placeRecords(
  kernel: Kernel,
  values: readonly Uint8Array[],
  keys: readonly (Uint8Array | undefined)[] | undefined,
): Pick<EncodeRequest, 'rows' | 'values' | 'lengths' | 'selection' | 'selected' | 'keys'> {
  const rows = values.length;
  const starts = kernel.arenaAlloc(rows * 4);
  const lengths = kernel.arenaAlloc(rows * 4);
  const references = keys === undefined ? 0 : kernel.arenaAlloc(rows * PHYSICAL_WIDTH.str);
  const nulls = keys === undefined ? 0 : kernel.arenaAlloc(rows);
  values.forEach((value, row) => {
    const pointer = kernel.arenaCopy(value);
    kernel.u32()[(starts >>> 2) + row] = pointer;
    kernel.u32()[(lengths >>> 2) + row] = value.length;
    if (keys === undefined) return;
    const key = keys[row];
    const at = key === undefined ? 0 : kernel.arenaCopy(key);
    kernel.u8()[nulls + row] = key === undefined ? 1 : 0;
    const words = kernel.u32();
    words.fill(0, (references >>> 2) + row * 4, (references >>> 2) + row * 4 + 4);
    if (key === undefined) return;
    words[(references >>> 2) + row * 4] = key.length;
    words[(references >>> 2) + row * 4 + 1] = prefixOf(key);
    words[(references >>> 2) + row * 4 + 2] = at;
  });
  const vector: ColumnVector | undefined =
    keys === undefined ? undefined : { physical: 'str', data: references, nulls };
  return { rows, values: starts, lengths, selection: 0, selected: rows, keys: vector };
}

/** The first four bytes, zero padded, as a string reference holds them. */
export function prefixOf(bytes: Uint8Array): number {
  let prefix = 0;
  for (let i = 0; i < Math.min(4, bytes.length); i++) prefix |= bytes[i]! << (i * 8);
  return prefix >>> 0;
}

/** CRC-32C (Castagnoli) of bytes in JavaScript memory. */
export function crc32c(kernel: Kernel, bytes: Uint8Array): number {
  return kernel.exports.crc32c(kernel.arenaCopy(bytes), bytes.length) >>> 0;
}
