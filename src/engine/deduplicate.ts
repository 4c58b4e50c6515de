import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { textOf, utf8 } from '../base/bytes.ts';
import type { DeduplicateNode } from '../plan/node.ts';
import { groupingKey } from '../plan/value-order.ts';
import { type Batch, later, WATERMARK_MIN } from './batch.ts';
import { forEachRow, selectionOf, type ValueReader, valueReader } from './column-access.ts';
import { byKeyGroup } from './key-group.ts';
import type { Operator, OperatorContext } from './operator.ts';

/**
 * Keeps the first row per key within the time-to-live, exactly. State is one set per bucket of event time as wide as the
 * time-to-live, so a bucket holds a key once at most, and a row looks into its own bucket and its two neighbours. A
 * bucket goes when no row that is still in time could look into it; a row that comes later than that is late.
 */
export class DeduplicateOperator implements Operator {
  readonly #node: DeduplicateNode;
  readonly #ttlUs: bigint;
  /** Without event time (receipt time only) nothing is late. */
  readonly #judgesLateness: boolean;
  readonly #buckets = new Map<bigint, Map<string, bigint>>();
  #readers: readonly ValueReader[] = [];
  #context: OperatorContext | undefined;
  #watermark = WATERMARK_MIN;
  #duplicates = 0;
  #bytes = 0;

  constructor(node: DeduplicateNode, judgesLateness: boolean) {
    this.#node = node;
    this.#ttlUs = BigInt(node.ttlMs) * 1000n;
    this.#judgesLateness = judgesLateness;
  }

  get duplicates(): number {
    return this.#duplicates;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const { columns } = this.#node.input;
    this.#readers = this.#node.keys.map((key) => valueReader(context.kernel, columns[key]!.type));
  }

  processBatch(batch: Batch): void {
    const { kernel, deadLetter, emit } = this.#context!;
    const kept: number[] = [];
    forEachRow(kernel, batch, (row) => {
      const time = kernel.i64()[batch.times / 8 + row]!;
      const own = batch.watermarks === 0 ? WATERMARK_MIN : kernel.i64()[batch.watermarks / 8 + row]!;
      const passed = later(own, this.#watermark);
      if (this.#judgesLateness && time + this.#ttlUs <= passed) {
        deadLetter({ reason: 'late', message: 'deduplicate: the row is older than the time-to-live', batch, row });
      } else if (this.#isFirst(this.#keyOf(batch, row), time)) kept.push(row);
      else this.#duplicates++;
    });
    if (kept.length === 0) return;
    if (kept.length === batch.selected) emit(batch);
    else emit({ ...batch, selection: selectionOf(kernel, kept), selected: kept.length });
  }

  #keyOf(batch: Batch, row: number): string {
    const { keys, input } = this.#node;
    if (keys.length === 1) return this.#keyPart(batch, row, 0, input.columns[keys[0]!]!.type);
    return JSON.stringify(keys.map((key, i) => this.#keyPart(batch, row, i, input.columns[key]!.type)));
  }

  #keyPart(batch: Batch, row: number, i: number, type: Parameters<typeof groupingKey>[1]): string {
    return groupingKey(this.#readers[i]!(batch.columns[this.#node.keys[i]!]!, row), type);
  }

  #bucketOf(time: bigint): bigint {
    const rest = time % this.#ttlUs;
    return (time - (rest < 0n ? rest + this.#ttlUs : rest)) / this.#ttlUs;
  }

  #isFirst(key: string, time: bigint): boolean {
    const bucket = this.#bucketOf(time);
    for (let b = bucket - 1n; b <= bucket + 1n; b++) {
      const seen = this.#buckets.get(b)?.get(key);
      if (seen === undefined) continue;
      const apart = time > seen ? time - seen : seen - time;
      if (apart < this.#ttlUs) return false;
    }
    this.#put(bucket, key, time);
    return true;
  }

  #put(bucket: bigint, key: string, time: bigint): void {
    let keys = this.#buckets.get(bucket);
    if (keys === undefined) {
      keys = new Map();
      this.#buckets.set(bucket, keys);
    }
    keys.set(key, time);
    this.#bytes += entryBytes(key);
  }

  endEpoch(): void {}

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    for (const [bucket, keys] of this.#buckets) {
      // The youngest entry is just below (bucket + 1) * ttl; rows in time are above watermark - ttl.
      if ((bucket + 3n) * this.#ttlUs > watermark) continue;
      for (const key of keys.keys()) this.#bytes -= entryBytes(key);
      this.#buckets.delete(bucket);
    }
  }

  nextTimer(): bigint | undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    writer.i64(this.#watermark);
    writer.u64(this.#duplicates);
    const entries = [...this.#buckets].flatMap(([bucket, keys]) =>
      [...keys].map(([key, time]) => ({ bucket, key, time })),
    );
    const groups = byKeyGroup(entries, (entry) => entry.key);
    writer.varint(groups.size);
    for (const [group, members] of groups) {
      writer.varint(group);
      writer.varint(members.length);
      for (const { entry } of members) {
        writer.prefixed(utf8(entry.key));
        writer.i64(entry.time);
      }
    }
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#duplicates = reader.u64();
    let groups = reader.unsigned();
    while (groups-- > 0) {
      reader.unsigned();
      let members = reader.unsigned();
      while (members-- > 0) {
        const key = textOf(reader.prefixed());
        const time = reader.i64();
        this.#put(this.#bucketOf(time), key, time);
      }
    }
  }

  close(): void {
    this.#buckets.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    let keys = 0;
    for (const bucket of this.#buckets.values()) keys += bucket.size;
    return { keys, bytes: this.#bytes };
  }
}

/** A key as a JavaScript string, its time and its share of the table, about. */
function entryBytes(key: string): number {
  return key.length + 64;
}
