import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { ColumnVector } from '../../../kernel/column.ts';
import { GroupState } from '../../../kernel/group-state.ts';
import { PARTIAL_GROUPS_MAX } from '../../limits.ts';
import { type Batch, WATERMARK_MIN } from '../batch.ts';
import type { Operator, OperatorContext } from '../operator.ts';
import type { AggregateOptions } from './aggregate-options.ts';
import { EMITTED_GROUPS_MAX } from './column-aggregate.ts';
import type { PartialPlan, PartialState } from './partial-plan.ts';
import { RowFeed } from './row-feed.ts';

/**
 * The first step of an aggregate in two: one partial row for each group that the rows of an epoch fall into, in the order of their
 * first rows, at its end (several, when it has very many groups). Nothing is kept from one epoch to the next but the watermark. A row whose window is closed, by the watermark of its own partition or the operator's, is late here: nothing that is
 * emitted is late for those that merge it, as long as they are told no watermark before this operator is.
 */
export class PartialAggregateOperator implements Operator {
  readonly #options: AggregateOptions;
  readonly #plan: PartialPlan;
  #context: OperatorContext | undefined;
  #state: GroupState | undefined;
  #feed: RowFeed | undefined;
  #watermark = WATERMARK_MIN;

  constructor(options: AggregateOptions, plan: PartialPlan) {
    this.#options = options;
    this.#plan = plan;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#state = new GroupState(context.kernel, this.#plan.layout);
    this.#feed = new RowFeed(this.#options, this.#plan.layout, this.#state, context);
  }

  processBatch(batch: Batch): void {
    this.#feed!.take(batch, this.#watermark);
    if (this.#state!.changes >= PARTIAL_GROUPS_MAX) this.#emitGroups(() => {});
  }

  endEpoch(): void {
    const { kernel } = this.#context!;
    this.#emitGroups(() => kernel.arenaReset());
  }

  #emitGroups(between: () => void): void {
    const state = this.#state!;
    const { changes } = state;
    if (changes === 0) return;
    for (let from = 0; from < changes; from += EMITTED_GROUPS_MAX) {
      if (from > 0) between();
      const rows = Math.min(EMITTED_GROUPS_MAX, changes - from);
      this.#context!.emit(this.#batchOf(state.changedRecords(from), rows));
    }
    state.clear();
  }

  #batchOf(records: number, rows: number): Batch {
    const state = this.#state!;
    const keys = this.#plan.layout.keys.map((_, i) => state.keyColumn(i, records, rows));
    const states = this.#plan.states.flatMap(({ kind }, at) => this.#stateColumns(kind, at, records, rows));
    const columns = [...keys, ...states];
    return { rows, columns, selection: 0, selected: rows, weights: 0, origin: undefined, times: 0, watermarks: 0 };
  }

  #stateColumns(kind: PartialState['kind'], at: number, records: number, rows: number): readonly ColumnVector[] {
    const state = this.#state!;
    switch (kind) {
      case 'count':
        return [state.stateWord(at, 0, records, rows)];
      case 'integers':
        return [state.stateWord(at, 0, records, rows), state.stateWord(at, 2, records, rows)];
      case 'wide-integers':
        return [0, 1, 2].map((word) => state.stateWord(at, word, records, rows));
      case 'floats':
        return [state.exactSums(at, records, rows)];
      case 'extreme':
        return [state.extremes(at, records, rows)];
    }
  }

  onWatermark(watermark: bigint): void {
    if (watermark > this.#watermark) this.#watermark = watermark;
  }

  nextTimer(): undefined {}

  snapshot(writer: ByteWriter): void {
    writer.i64(this.#watermark);
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
  }

  close(): void {
    this.#feed?.close();
    this.#state?.close();
    this.#state = undefined;
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#state?.groups ?? 0, bytes: this.#state?.bytes ?? 0 };
  }
}
