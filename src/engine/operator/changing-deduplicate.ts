import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { DeduplicateNode } from '../../plan/node.ts';
import { type Batch, later, WATERMARK_MIN } from './batch.ts';
import { datedRows } from './dated-rows.ts';
import type { Operator, OperatorContext } from './operator.ts';
import { RowEmitter, RowReader, rowKey, type StreamRow } from './row-batch.ts';
import { readRow, writeRow } from './state-value.ts';
import { type Timed, TimeHeap } from './window/time-heap.ts';

interface KeptRow {
  readonly values: readonly unknown[];
  /** Equal for equal rows. */
  readonly text: string;
  readonly time: bigint;
  /** It is the first of its key within the time-to-live. */
  stands: boolean;
  /** Undefined: it has just come. */
  shown: boolean | undefined;
}

interface KeyRows extends Timed {
  readonly key: string;
  /** In the order in which they came. */
  rows: KeptRow[];
  oldest: bigint;
  /** The first row whose standing is to be looked at again; the number of rows for none. */
  from: number;
  gone: boolean;
}

/** Bytes of a row beside its values, and of a value, about. */
const ROW_BYTES = 120;
const VALUE_BYTES = 24;

/**
 * Keeps the first row per key within the time-to-live, of rows that may be taken back: then the next one of the key takes its place, so
 * the rows that do not stand are kept too. Whether a row that is two times-to-live behind event time stands is settled; three behind, it
 * is forgotten. Row by row: deduplicate.ts is for rows that stay.
 */
export class ChangingDeduplicateOperator implements Operator {
  readonly #node: DeduplicateNode;
  readonly #ttlUs: bigint;
  readonly #judgesLateness: boolean;
  readonly #types: readonly DataType[];
  readonly #keyTypes: readonly DataType[];
  readonly #keys = new Map<string, KeyRows>();
  readonly #heap = new TimeHeap<KeyRows>();
  readonly #changed = new Set<KeyRows>();
  /** Rows that were taken back in this epoch before they came. */
  readonly #owed = new Map<string, number>();
  #gone: KeptRow[] = [];
  #context: OperatorContext | undefined;
  #reader: RowReader | undefined;
  #emitter: RowEmitter | undefined;
  #watermark = WATERMARK_MIN;
  #nextId = 0;
  #rows = 0;

  constructor(node: DeduplicateNode, judgesLateness: boolean) {
    this.#node = node;
    this.#ttlUs = BigInt(node.ttlMs) * 1000n;
    this.#judgesLateness = judgesLateness;
    this.#types = node.input.columns.map((column) => column.type);
    this.#keyTypes = node.keys.map((key) => this.#types[key]!);
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#reader = new RowReader(context.kernel, this.#node.input.columns);
    this.#emitter = new RowEmitter(context.kernel, this.#node.columns, context.emit);
  }

  processBatch(received: Batch): void {
    const batch = datedRows(received, received.timeNulls ?? 0, this.#context!, 'deduplicate');
    this.#reader!.forEach(batch, (row, at) => {
      const values = this.#node.keys.map((key) => row.values[key]);
      const key = rowKey(values, this.#keyTypes);
      // Rows without an event time count from when they came.
      const time = row.time ?? BigInt(this.#context!.clockMs()) * 1000n;
      if (row.weight < 0) this.#goes(key, { ...row, time }, batch, at);
      else this.#comes(key, { ...row, time }, batch, at);
    });
  }

  #isLate({ time, watermark }: StreamRow): boolean {
    if (!this.#judgesLateness) return false;
    const passed = later(watermark ?? WATERMARK_MIN, this.#watermark);
    return passed !== WATERMARK_MIN && time! + this.#ttlUs <= passed;
  }

  #reportLate(batch: Batch, row: number): void {
    const message = 'deduplicate: the row is older than the time-to-live';
    this.#context!.deadLetter({ reason: 'late', message, batch, row });
  }

  #comes(key: string, row: StreamRow, batch: Batch, at: number): void {
    const text = rowKey(row.values, this.#types);
    const owed = this.#owed.get(text);
    if (owed !== undefined) {
      this.#owe(text, owed - 1);
      return;
    }
    if (this.#isLate(row)) {
      this.#reportLate(batch, at);
      return;
    }
    const known = this.#keys.get(key) ?? this.#addKey(key, row.time!);
    if (row.time! < known.oldest) known.oldest = row.time!;
    known.from = Math.min(known.from, known.rows.length);
    known.rows.push({ values: row.values, text, time: row.time!, stands: false, shown: undefined });
    this.#rows++;
    this.#heap.add(known);
    this.#changed.add(known);
  }

  #addKey(key: string, oldest: bigint): KeyRows {
    const keepUs = 3n * this.#ttlUs;
    const made: KeyRows = {
      id: this.#nextId++,
      key,
      rows: [],
      oldest,
      from: 0,
      gone: false,
      waits: undefined,
      due() {
        return this.oldest + keepUs;
      },
    };
    this.#keys.set(key, made);
    return made;
  }

  #owe(row: string, count: number): void {
    if (count === 0) this.#owed.delete(row);
    else this.#owed.set(row, count);
  }

  #goes(key: string, row: StreamRow, batch: Batch, at: number): void {
    const text = rowKey(row.values, this.#types);
    const known = this.#keys.get(key);
    const place = known?.rows.findIndex((kept) => kept.text === text) ?? -1;
    if (known === undefined || place < 0) {
      if (this.#isLate(row)) this.#reportLate(batch, at);
      else this.#owe(text, (this.#owed.get(text) ?? 0) + 1);
      return;
    }
    const [gone] = known.rows.splice(place, 1);
    this.#rows--;
    if (gone!.shown === true) this.#gone.push(gone!);
    if (gone!.stands) known.from = Math.min(known.from, place);
    else if (place < known.from) known.from--;
    this.#changed.add(known);
  }

  endEpoch(): void {
    const emitter = this.#emitter!;
    for (const { values, time } of this.#gone) emitter.add(values, -1, time);
    this.#gone = [];
    for (const known of this.#changed) {
      this.#stand(known);
      for (const row of known.rows) {
        if (row.stands !== (row.shown ?? false)) emitter.add(row.values, row.stands ? 1 : -1, row.time);
        row.shown = row.stands;
      }
      if (known.rows.length === 0) this.#drop(known);
    }
    this.#changed.clear();
    // What was taken back and never came had been forgotten.
    this.#owed.clear();
    emitter.flush();
  }

  /** Decides anew which rows stand, from the first on that is in doubt. */
  #stand(known: KeyRows): void {
    const settled = this.#watermark === WATERMARK_MIN ? undefined : this.#watermark - 2n * this.#ttlUs;
    const standing: bigint[] = [];
    for (const [at, row] of known.rows.entries()) {
      const isOpen = row.shown === undefined || (at >= known.from && (settled === undefined || row.time > settled));
      if (isOpen) row.stands = !this.#isNear(standing, row.time);
      if (row.stands) standing.splice(firstNotBefore(standing, row.time), 0, row.time);
    }
    known.from = known.rows.length;
  }

  #isNear(standing: readonly bigint[], time: bigint): boolean {
    const at = firstNotBefore(standing, time);
    const [before, after] = [standing[at - 1], standing[at]];
    return (after !== undefined && after - time < this.#ttlUs) || (before !== undefined && time - before < this.#ttlUs);
  }

  #drop(known: KeyRows): void {
    known.gone = true;
    this.#keys.delete(known.key);
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    const horizon = watermark - 3n * this.#ttlUs;
    for (const known of this.#heap.takeBefore(watermark)) {
      const before = known.rows.length;
      known.rows = known.rows.filter(({ time }) => time >= horizon);
      known.from = known.rows.length;
      this.#rows -= before - known.rows.length;
      if (known.rows.length === 0) {
        this.#drop(known);
        continue;
      }
      known.oldest = oldestOf(known.rows);
      this.#heap.add(known);
    }
  }

  nextTimer(): undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    writer.i64(this.#watermark);
    writer.varint(this.#keys.size);
    for (const { rows } of this.#keys.values()) {
      writer.varint(rows.length);
      for (const { values, time, stands } of rows) {
        writeRow(writer, values, this.#types);
        writer.i64(time);
        writer.u8(stands ? 1 : 0);
      }
    }
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    for (let keys = reader.unsigned(); keys > 0; keys--) {
      const rows = Array.from({ length: reader.unsigned() }, (): KeptRow => {
        const values = readRow(reader, this.#types);
        const time = reader.i64();
        const stands = reader.u8() === 1;
        return { values, text: rowKey(values, this.#types), time, stands, shown: stands };
      });
      const [first] = rows;
      const key = rowKey(
        this.#node.keys.map((column) => first!.values[column]),
        this.#keyTypes,
      );
      const known = this.#addKey(key, oldestOf(rows));
      known.rows = rows;
      known.from = rows.length;
      this.#rows += rows.length;
      this.#heap.add(known);
    }
  }

  close(): void {
    this.#keys.clear();
    this.#heap.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#rows, bytes: this.#rows * (ROW_BYTES + VALUE_BYTES * this.#types.length) };
  }
}

function oldestOf(rows: readonly KeptRow[]): bigint {
  let oldest = rows[0]!.time;
  for (const { time } of rows) if (time < oldest) oldest = time;
  return oldest;
}

function firstNotBefore(times: readonly bigint[], time: bigint): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
