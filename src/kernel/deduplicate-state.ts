import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import type { ColumnVector } from './column.ts';
import { INPUT_PADDING_BYTES, type Kernel } from './kernel.ts';
import { COLUMN_BYTES, putColumns } from './state-column.ts';

const KEY_GROUPS = 128;
/** Above 128: earlier formats began with a count of key groups. */
const STATE_FORMAT = 0xa1;
/** Offsets as in assembly/state/deduplicate.ts. */
const SET = { list: 8, count: 12, late: 24, duplicates: 28, keys: 32, size: 40 } as const;
const LISTED_BYTES = 16;

/** Rows of a batch, as {@link DeduplicateState.process} needs them: addresses as in column.ts. */
export interface DeduplicateInput {
  /** The key columns. Values that are equal have equal bytes: numerics and documents come in a canonical text. */
  readonly keys: readonly ColumnVector[];
  /** i64, µs. */
  readonly times: number;
  /** Watermark of each row's own partition (i64, µs), or 0. */
  readonly watermarks: number;
  readonly selection: number;
  readonly selected: number;
}

/** Selection vectors in the arena. */
export interface DeduplicateResult {
  readonly kept: number;
  readonly keptCount: number;
  readonly late: number;
  readonly lateCount: number;
  readonly duplicates: number;
}

/**
 * The keys seen within a time-to-live, in the kernel's memory: exact, 30 to 50 bytes a key (UUIDs as 16 bytes, strings of more
 * than 15 bytes with their bytes). Nothing is allocated per row.
 */
export class DeduplicateState {
  readonly #kernel: Kernel;
  readonly #set: number;
  readonly #columns: number;

  /** @param keyColumns how many columns make the key */
  constructor(kernel: Kernel, ttlUs: bigint, keyColumns: number) {
    this.#kernel = kernel;
    this.#set = kernel.exports.deduplicateCreate(ttlUs) >>> 0;
    this.#columns = kernel.alloc(keyColumns * COLUMN_BYTES);
  }

  #word(at: number): number {
    return this.#kernel.u32()[(this.#set + at) >>> 2]!;
  }

  get keys(): number {
    return Number(this.#kernel.i64()[(this.#set + SET.keys) / 8]);
  }

  /** Bytes allocated. */
  get bytes(): number {
    return Number(this.#kernel.i64()[(this.#set + SET.size) / 8]);
  }

  /** `judge`: rows a time-to-live behind the later of their own watermark and `watermark` are late, and not looked at. */
  process(input: DeduplicateInput, watermark: bigint, judge: boolean): DeduplicateResult {
    const kernel = this.#kernel;
    const { keys, times, watermarks, selection, selected } = input;
    const kept = kernel.arenaAlloc(selected * 4);
    const late = kernel.arenaAlloc(selected * 4);
    putColumns(kernel, this.#columns, keys);
    const keptCount = kernel.exports.deduplicate(
      this.#set,
      this.#columns,
      keys.length,
      times,
      watermarks,
      watermark,
      judge ? 1 : 0,
      selection,
      selected,
      kept,
      late,
    );
    return { kept, keptCount, late, lateCount: this.#word(SET.late), duplicates: this.#word(SET.duplicates) };
  }

  /** Forgets the keys that no row in time can meet any more. */
  expire(watermark: bigint): void {
    this.#kernel.exports.deduplicateExpire(this.#set, watermark);
  }

  /** Bucket numbers and addresses, in their order. */
  #buckets(): { readonly number: bigint; readonly address: number }[] {
    const kernel = this.#kernel;
    const list = this.#word(SET.list);
    return Array.from({ length: this.#word(SET.count) }, (_, i) => ({
      number: kernel.i64()[(list + i * LISTED_BYTES) / 8]!,
      address: kernel.u32()[(list + i * LISTED_BYTES + 8) >>> 2]!,
    }));
  }

  /** By key group: its number, then its part of each bucket, an empty part ends it. */
  snapshot(writer: ByteWriter): void {
    const { exports } = this.#kernel;
    writer.u8(STATE_FORMAT);
    const buckets = this.#buckets();
    for (let group = 0; group < KEY_GROUPS; group++) {
      for (const { number, address } of buckets) {
        const bytes = exports.deduplicateExportBytes(address, group) >>> 0;
        if (bytes > 0) this.#writeShard(writer, group, number, address, bytes);
      }
    }
    writer.varint(KEY_GROUPS);
  }

  #writeShard(writer: ByteWriter, group: number, number: bigint, address: number, bytes: number): void {
    const kernel = this.#kernel;
    const target = kernel.alloc(bytes);
    kernel.exports.deduplicateExport(address, group, target);
    writer.varint(group);
    writer.i64(number);
    writer.prefixed(kernel.u8().subarray(target, target + bytes));
    kernel.free(target);
  }

  /** @throws HeadraceError `KERNEL_STATE_INVALID` when another version wrote it */
  restore(reader: ByteReader): void {
    if (reader.u8() !== STATE_FORMAT) throw unknownFormat();
    const kernel = this.#kernel;
    while (reader.unsigned() < KEY_GROUPS) {
      const number = reader.i64();
      const bytes = reader.prefixed();
      const from = kernel.alloc(bytes.length + INPUT_PADDING_BYTES);
      kernel.u8().set(bytes, from);
      kernel.exports.deduplicateImport(this.#set, number, from, bytes.length);
      kernel.free(from);
    }
  }

  close(): void {
    this.#kernel.exports.deduplicateFree(this.#set);
    this.#kernel.free(this.#columns);
  }
}

function unknownFormat(): HeadraceError {
  return new HeadraceError('reading the state of a deduplication: its format is not known', {
    code: 'KERNEL_STATE_INVALID',
    domain: 'kernel',
    next: 'rebuild the pipeline from its inputs',
  });
}
