import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/error.ts';
import type { ColumnVector } from '../../../kernel/column.ts';
import type { GroupLayout } from '../../../kernel/group-layout.ts';
import { GroupState } from '../../../kernel/group-state.ts';
import type { GroupOutput } from '../../../kernel/keyed-records.ts';
import { outOfRange } from '../../../plan/evaluation-error.ts';
import { SNAPSHOT_PART_BYTES } from '../../limits.ts';
import { type Batch, WATERMARK_MIN } from '../batch.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import type { WindowEnd } from '../window/window-end.ts';
import { type AggregateOptions, windowEndOf } from './aggregate-options.ts';
import type { GroupFeed } from './group-feed.ts';
import { PartialFeed } from './partial-feed.ts';
import { ResultColumns } from './result-columns.ts';
import { RowFeed } from './row-feed.ts';

/** Groups that are emitted in one batch. */
export const EMITTED_GROUPS_MAX = 16_384;

/** An aggregate in the kernel: groups are found, and aggregates added, a batch at a time. */
export class ColumnAggregate implements Operator {
  readonly #options: AggregateOptions;
  readonly #layout: GroupLayout;
  readonly #windowEnd: WindowEnd | undefined;
  #context: OperatorContext | undefined;
  #feed: GroupFeed | undefined;
  #state: GroupState | undefined;
  #results: ResultColumns | undefined;
  #watermark = WATERMARK_MIN;

  constructor(options: AggregateOptions, layout: GroupLayout) {
    this.#options = options;
    this.#layout = layout;
    this.#windowEnd = windowEndOf(options.node);
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const state = new GroupState(context.kernel, this.#layout);
    this.#state = state;
    const { merges, node } = this.#options;
    this.#results = new ResultColumns(context.kernel, node.aggregates, this.#layout, state);
    this.#feed =
      merges === undefined
        ? new RowFeed(this.#options, this.#layout, state, context)
        : new PartialFeed(this.#options, merges, state, context);
  }

  processBatch(batch: Batch): void {
    this.#feed!.take(batch, this.#watermark);
  }

  endEpoch(): void {
    const state = this.#state!;
    const { changes } = state;
    for (let from = 0; from < changes; from += EMITTED_GROUPS_MAX) {
      if (from > 0) this.#context!.kernel.arenaReset();
      this.#emit(state.takeChanges(from, Math.min(EMITTED_GROUPS_MAX, changes - from)));
    }
    if (changes > 0) state.forgetChanges();
  }

  #emit(output: GroupOutput): void {
    if (output.failedCount > 0) this.#reportFailed(output);
    if (output.count === 0) return;
    this.#context!.emit(this.#batchOf(output.records, output.count, output.weights, this.#results!.of(output)));
  }

  #batchOf(records: number, rows: number, weights: number, results: readonly ColumnVector[]): Batch {
    const keys = this.#layout.keys.map((_, i) => this.#state!.keyColumn(i, records, rows));
    const columns = [...keys, ...results];
    return { rows, columns, selection: 0, selected: rows, weights, origin: undefined, times: 0, watermarks: 0 };
  }

  /** A sum beyond int8 is reported and left out. */
  #reportFailed({ failed, failedCount }: GroupOutput): void {
    const { deadLetter } = this.#context!;
    const batch = this.#batchOf(failed, failedCount, 0, this.#results!.nulls(failedCount));
    const message = `aggregate: ${messageOf(outOfRange('bigint'))}`;
    for (let row = 0; row < failedCount; row++) deadLetter({ reason: 'expression', message, batch, row });
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    if (this.#windowEnd === undefined) return;
    const state = this.#state!;
    const closing = state.closing(watermark);
    if (closing === 0) return;
    if (this.#options.emit === 'final') for (let window = 0; window < closing; window++) this.#emitWindow(window);
    state.dropWindows(closing);
  }

  #emitWindow(window: number): void {
    const { kernel } = this.#context!;
    const { records, count } = this.#state!.windowRecords(window);
    for (let from = 0; from < count; from += EMITTED_GROUPS_MAX) {
      if (from > 0) kernel.arenaReset();
      this.#emit(this.#state!.takeResults(records + from * 4, Math.min(EMITTED_GROUPS_MAX, count - from)));
    }
    kernel.free(records);
  }

  nextTimer(): bigint | undefined {
    return this.#windowEnd === undefined ? undefined : this.#state!.nextEnd();
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
    const groups = this.#state!.beginSnapshot(delta);
    return {
      isDelta: groups.isDelta,
      next: (writer) => {
        writer.i64(watermark);
        return groups.next(writer, partBytes);
      },
      end: () => groups.end(),
    };
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#state!.restore(reader);
  }

  close(): void {
    this.#state?.close();
    this.#state = undefined;
    this.#feed?.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#state?.groups ?? 0, bytes: this.#state?.bytes ?? 0 };
  }
}
