import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { DeduplicateState } from '../../kernel/deduplicate-state.ts';
import type { DeduplicateNode } from '../../plan/node.ts';
import { SNAPSHOT_PART_BYTES } from '../limits.ts';
import { type Batch, WATERMARK_MIN } from './batch.ts';
import { datedRows } from './dated-rows.ts';
import type { Operator, OperatorContext, StagedSnapshot } from './operator.ts';
import { type KeyColumn, keyColumn } from './state-key.ts';

/**
 * Keeps the first row per key within the time-to-live, exactly. A key is forgotten when no row that is still in time could
 * meet it; a row that comes later than that is late. The keys live in the kernel's memory; no row becomes an object.
 */
export class DeduplicateOperator implements Operator {
  readonly #node: DeduplicateNode;
  readonly #ttlUs: bigint;
  /** Without event time (receipt time only) nothing is late. */
  readonly #judgesLateness: boolean;
  #keyColumns: readonly KeyColumn[] = [];
  #context: OperatorContext | undefined;
  #state: DeduplicateState | undefined;
  #watermark = WATERMARK_MIN;
  #duplicates = 0;

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
    const { keys, input } = this.#node;
    this.#state = new DeduplicateState(context.kernel, this.#ttlUs, keys.length);
    this.#keyColumns = keys.map((key) => keyColumn(context.kernel, input.columns[key]!.type));
  }

  processBatch(received: Batch): void {
    const { emit } = this.#context!;
    const batch = datedRows(received, received.timeNulls ?? 0, this.#context!, 'deduplicate');
    if (batch.selected === 0) return;
    const keys = this.#node.keys.map((key, i) => this.#keyColumns[i]!(batch, batch.columns[key]!));
    const { times, watermarks, selection, selected } = batch;
    const input = { keys, times, watermarks, selection, selected };
    const result = this.#state!.process(input, this.#watermark, this.#judgesLateness);
    this.#duplicates += result.duplicates;
    if (result.lateCount > 0) this.#reportLate(batch, result.late, result.lateCount);
    if (result.keptCount === 0) return;
    if (result.keptCount === selected) emit(batch);
    else emit({ ...batch, selection: result.kept, selected: result.keptCount });
  }

  #reportLate(batch: Batch, late: number, count: number): void {
    const { kernel, deadLetter } = this.#context!;
    for (let i = 0; i < count; i++) {
      const row = kernel.u32()[(late >>> 2) + i]!;
      deadLetter({ reason: 'late', message: 'deduplicate: the row is older than the time-to-live', batch, row });
    }
  }

  endEpoch(): void {}

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    this.#state!.expire(watermark);
  }

  nextTimer(): bigint | undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.#stage(false, Number.POSITIVE_INFINITY);
    staged.next(writer);
    staged.end();
  }

  stageSnapshot(delta: boolean): StagedSnapshot {
    return this.#stage(delta, SNAPSHOT_PART_BYTES);
  }

  #stage(delta: boolean, partBytes: number): StagedSnapshot {
    const watermark = this.#watermark;
    const duplicates = this.#duplicates;
    const keys = this.#state!.beginSnapshot(delta);
    return {
      isDelta: keys.isDelta,
      next: (writer) => {
        writer.i64(watermark);
        writer.u64(duplicates);
        return keys.next(writer, partBytes);
      },
      end: () => keys.end(),
    };
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#duplicates = reader.u64();
    this.#state!.restore(reader);
  }

  close(): void {
    this.#state?.close();
    this.#state = undefined;
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#state?.keys ?? 0, bytes: this.#state?.bytes ?? 0 };
  }
}
