import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/error.ts';
import type { ColumnVector } from '../../../kernel/column.ts';
import type { GroupLayout } from '../../../kernel/group-layout.ts';
import type { GroupedRows } from '../../../kernel/keyed-records.ts';
import { type SessionOutput, SessionState } from '../../../kernel/session-state.ts';
import { outOfRange } from '../../../plan/evaluation-error.ts';
import type { Expression } from '../../../plan/expression.ts';
import { SNAPSHOT_PART_BYTES } from '../../limits.ts';
import { EMITTED_GROUPS_MAX } from '../aggregate/column-aggregate.ts';
import { ResultColumns } from '../aggregate/result-columns.ts';
import { type Batch, WATERMARK_MIN } from '../batch.ts';
import { ColumnEvaluator } from '../column-evaluator.ts';
import { datedRows } from '../dated-rows.ts';
import type { EmitMoment, Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import { beforeEnd, SessionAggregateOperator, type SessionAggregatePlan } from './session-aggregate.ts';
import { planSessions } from './session-plan.ts';

/** Aggregates of sessions in the kernel: sessions are found, and aggregates added, a batch at a time. Rows only come. */
export class KernelSessions implements Operator {
  readonly #plan: SessionAggregatePlan;
  readonly #layout: GroupLayout;
  readonly #isFinal: boolean;
  readonly #services: ExpressionContext;
  /** Arguments and filters. */
  readonly #expressions: readonly Expression[];
  readonly #argumentAt: readonly (number | undefined)[];
  readonly #filterAt: readonly (number | undefined)[];
  #context: OperatorContext | undefined;
  #evaluator: ColumnEvaluator | undefined;
  #state: SessionState | undefined;
  #results: ResultColumns | undefined;
  #watermark = WATERMARK_MIN;

  constructor(
    plan: SessionAggregatePlan,
    layout: GroupLayout,
    options: { readonly emit: EmitMoment; readonly expressions: ExpressionContext },
  ) {
    this.#plan = plan;
    this.#layout = layout;
    this.#isFinal = options.emit === 'final';
    this.#services = options.expressions;
    const expressions: Expression[] = [];
    const place = (expression: Expression | undefined): number | undefined =>
      expression === undefined ? undefined : expressions.push(expression) - 1;
    this.#argumentAt = plan.node.aggregates.map((call) => place(call.argument));
    this.#filterAt = plan.node.aggregates.map((call) => place(call.filter));
    this.#expressions = expressions;
  }

  open(context: OperatorContext): void {
    const { kernel } = context;
    const { node, session } = this.#plan;
    this.#context = context;
    this.#evaluator = new ColumnEvaluator(kernel, node.input.columns, this.#expressions, this.#services);
    this.#state = new SessionState(kernel, this.#layout, session.gapUs);
    this.#results = new ResultColumns(kernel, node.aggregates, this.#layout, this.#state);
  }

  processBatch(received: Batch): void {
    const context = this.#context!;
    const { window, session, columns: pickedFrom } = this.#plan;
    const time = received.columns[window.timeColumn]!;
    const batch = datedRows(received, time.nulls, context, 'session');
    if (batch.selected === 0) return;
    const picked = { ...batch, columns: pickedFrom.map((at) => batch.columns[at ?? 0]!) };
    const { columns, selection, selected, failures } = this.#evaluator!.evaluate(picked);
    for (const { row, reason, error } of failures) {
      context.deadLetter({ reason, message: `aggregate: ${messageOf(error)}`, batch, row });
    }
    if (selected === 0) return;
    const keys = session.keys.map((key) => batch.columns[key]!);
    const { watermarks } = batch;
    const input = { keys, times: time.data, watermarks, selection, selected };
    const found = this.#state!.assign(input, this.#watermark);
    if (found.lateCount > 0) this.#reportLate(batch, found.late, found.lateCount);
    for (let i = 0; i < this.#layout.aggregates.length; i++) this.#add(i, columns, found);
  }

  #add(at: number, columns: readonly ColumnVector[], found: GroupedRows): void {
    const state = this.#state!;
    const filter = this.#filterAt[at];
    const argument = this.#argumentAt[at];
    const rows = filter === undefined ? found : state.filter(columns[filter]!, found);
    state.add(at, argument === undefined ? undefined : columns[argument]!, 0, rows);
  }

  #reportLate(batch: Batch, late: number, count: number): void {
    const { kernel, deadLetter } = this.#context!;
    for (let i = 0; i < count; i++) {
      const row = kernel.u32()[(late >>> 2) + i]!;
      deadLetter({ reason: 'late', message: 'session: the session of the row was closed', batch, row });
    }
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

  #emit(output: SessionOutput): void {
    if (output.failedCount > 0) this.#reportFailed(output);
    if (output.count === 0) return;
    const { records, count, weights, starts, ends } = output;
    this.#context!.emit(this.#batchOf({ records, count, weights, starts, ends }, this.#results!.of(output)));
  }

  #batchOf(
    rows: Pick<SessionOutput, 'records' | 'count' | 'weights' | 'starts' | 'ends'>,
    results: readonly ColumnVector[],
  ): Batch {
    const { records, count, weights, starts, ends } = rows;
    const groups = this.#plan.groups.map((group) => {
      if (group === 'start') return starts;
      return group === 'end' ? ends : this.#state!.keyColumn(group, records, count);
    });
    const columns = [...groups, ...results];
    return { rows: count, columns, selection: 0, selected: count, weights, origin: undefined, times: 0, watermarks: 0 };
  }

  /** A sum beyond int8 is reported and left out. */
  #reportFailed({ failed, failedCount }: SessionOutput): void {
    const [starts, ends] = this.#state!.bounds(failed, failedCount);
    const rows = { records: failed, count: failedCount, weights: 0, starts, ends };
    const batch = this.#batchOf(rows, this.#results!.nulls(failedCount));
    const message = `aggregate: ${messageOf(outOfRange('bigint'))}`;
    for (let row = 0; row < failedCount; row++) {
      this.#context!.deadLetter({ reason: 'expression', message, batch, row });
    }
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    const state = this.#state!;
    for (let more = true; more; ) {
      const { records, count } = state.close(watermark, EMITTED_GROUPS_MAX);
      more = count === EMITTED_GROUPS_MAX;
      if (count > 0 && this.#isFinal) this.#emit(state.takeResults(records, count));
      if (more) this.#context!.kernel.arenaReset();
    }
    state.forget(watermark);
  }

  /** A session is open until the watermark is past its end. */
  outputWatermark(watermark: bigint): bigint {
    return beforeEnd(watermark);
  }

  nextTimer(): bigint | undefined {
    const end = this.#state!.nextEnd();
    return end === undefined ? undefined : end + 1n;
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.#stage(Number.POSITIVE_INFINITY);
    staged.next(writer);
    staged.end();
  }

  stageSnapshot(): StagedSnapshot {
    return this.#stage(SNAPSHOT_PART_BYTES);
  }

  #stage(partBytes: number): StagedSnapshot {
    const watermark = this.#watermark;
    const sessions = this.#state!.beginSnapshot();
    return {
      next: (writer) => {
        writer.i64(watermark);
        return sessions.next(writer, partBytes);
      },
      end: () => sessions.end(),
    };
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#state!.restore(reader);
  }

  close(): void {
    this.#state?.free();
    this.#state = undefined;
    this.#evaluator?.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#state?.open ?? 0, bytes: this.#state?.bytes ?? 0 };
  }
}

/** Aggregates of sessions: in the kernel where the plan allows it, else row by row. */
export function sessionAggregate(
  plan: SessionAggregatePlan,
  options: { readonly emit: EmitMoment; readonly appendOnly: boolean; readonly expressions: ExpressionContext },
): Operator {
  const layout = planSessions(plan, options);
  return layout === undefined ? new SessionAggregateOperator(plan, options) : new KernelSessions(plan, layout, options);
}
