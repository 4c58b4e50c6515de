import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { ColumnVector } from '../../../kernel/column.ts';
import { GroupState } from '../../../kernel/group-state.ts';
import { type AliveRows, PartialRows, type Taken } from '../../../kernel/partial-rows.ts';
import { PARTIAL_GROUPS_MAX } from '../../limits.ts';
import { type Batch, WATERMARK_MIN } from '../batch.ts';
import type { Operator, OperatorContext } from '../operator.ts';
import type { AggregateOptions } from './aggregate-options.ts';
import { EMITTED_GROUPS_MAX } from './column-aggregate.ts';
import { reportLate } from './group-feed.ts';
import type { PartialPlan, PartialState } from './partial-row.ts';
import { RowFeed } from './row-feed.ts';

/** Fewer rows in an epoch than this say nothing about the next. */
const JUDGED_ROWS_MIN = 4_096;
/** With more groups than this part of its rows, an epoch was not worth it. */
const GROUPS_PART_MAX = 0.6;
/** After one that was not, so many times its rows are passed on before it is tried again. */
const PASSED_TIMES = 15;

/**
 * The first step of an aggregate in two: one partial row for each group that the rows of an epoch fall into, in the order of their
 * first rows, at its end (several, when it has very many groups). While keys are so many that this saves little, each row becomes a
 * partial row of its own, at once. Nothing is kept from one epoch to the next but the watermark, and which of the two it is. A row whose window is closed, by the watermark of its own partition or the operator's, is late here: nothing that is
 * emitted is late for those that merge it, as long as they are told no watermark before this operator is.
 */
export class PartialAggregateOperator implements Operator {
  readonly #options: AggregateOptions;
  readonly #plan: PartialPlan;
  #context: OperatorContext | undefined;
  #state: GroupState | undefined;
  #feed: RowFeed | undefined;
  #partials: PartialRows | undefined;
  #watermark = WATERMARK_MIN;
  readonly #judgedRowsMin: number;
  /** Rows that are still to be passed on as they are; it is an epoch of these when there were some at its beginning. */
  #toPass = 0;
  #isPassing = false;
  /** Rows and groups of the epoch. */
  #rows = 0;
  #groups = 0;

  constructor(options: AggregateOptions, plan: PartialPlan, judgedRowsMin = JUDGED_ROWS_MIN) {
    this.#options = options;
    this.#plan = plan;
    this.#judgedRowsMin = judgedRowsMin;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#state = new GroupState(context.kernel, this.#plan.layout);
    this.#feed = new RowFeed(this.#options, this.#plan.layout, this.#state, context);
    this.#partials = new PartialRows(context.kernel);
  }

  processBatch(batch: Batch): void {
    if (this.#rows === 0) this.#isPassing = this.#toPass > 0;
    this.#rows += batch.selected;
    if (this.#isPassing) {
      this.#pass(batch);
      return;
    }
    this.#feed!.take(batch, this.#watermark);
    if (this.#state!.changes >= PARTIAL_GROUPS_MAX) this.#emitGroups(() => {});
  }

  /** Makes each row a partial row. */
  #pass(batch: Batch): void {
    const evaluated = this.#feed!.evaluate(batch);
    if (evaluated === undefined) return;
    const { input, taken } = evaluated;
    const { ends, endAdd, watermarks, selection, selected } = input;
    const partials = this.#partials!;
    let alive: AliveRows = { rows: batch.rows, selection, selected };
    if (ends !== 0) {
      const found = partials.inTime(alive, { ends, endAdd, watermarks, watermark: this.#watermark });
      if (found.lateCount > 0) reportLate(this.#context!, batch, found.late, found.lateCount);
      if (found.selected === 0) return;
      alive = found;
    }
    const states = this.#plan.states.flatMap(({ kind }, at) => this.#passedColumns(kind, taken[at]!, alive));
    const columns = [...input.keys, ...states];
    const { rows } = alive;
    this.#context!.emit({
      rows,
      columns,
      selection: alive.selection,
      selected: alive.selected,
      weights: 0,
      origin: undefined,
      times: 0,
      watermarks: 0,
    });
  }

  #passedColumns(kind: PartialState['kind'], taken: Taken, alive: AliveRows): readonly ColumnVector[] {
    const partials = this.#partials!;
    switch (kind) {
      case 'count':
        return [partials.counts(taken, alive)];
      case 'integers':
      case 'wide-integers':
        return [...partials.integers(taken, alive, kind === 'wide-integers'), partials.counts(taken, alive)];
      case 'floats':
        return [partials.floats(taken, alive)];
      case 'extreme':
        return [partials.extremes(taken, alive)];
    }
  }

  endEpoch(): void {
    const { kernel } = this.#context!;
    this.#emitGroups(() => kernel.arenaReset());
    this.#judge();
  }

  /** Decides how the next epoch goes, by what this one was. */
  #judge(): void {
    const [rows, groups] = [this.#rows, this.#groups];
    this.#rows = 0;
    this.#groups = 0;
    if (this.#isPassing) this.#toPass = Math.max(0, this.#toPass - rows);
    else if (rows >= this.#judgedRowsMin && groups > rows * GROUPS_PART_MAX) this.#toPass = rows * PASSED_TIMES;
    this.#isPassing = false;
  }

  #emitGroups(between: () => void): void {
    const state = this.#state!;
    const { changes } = state;
    if (changes === 0) return;
    this.#groups += changes;
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
    writer.varint(this.#toPass);
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#toPass = reader.unsigned();
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
