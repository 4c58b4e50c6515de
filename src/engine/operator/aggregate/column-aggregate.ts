import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/error.ts';
import type { ColumnVector } from '../../../kernel/column.ts';
import type { GroupFunction, GroupLayout } from '../../../kernel/group-layout.ts';
import { type GroupedRows, type GroupInput, type GroupOutput, GroupState } from '../../../kernel/group-state.ts';
import { outOfRange } from '../../../plan/evaluation-error.ts';
import type { Expression } from '../../../plan/expression.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { SNAPSHOT_PART_BYTES } from '../../limits.ts';
import { type Batch, WATERMARK_MIN } from '../batch.ts';
import { columnOfValues } from '../column-access.ts';
import { ColumnEvaluator } from '../column-evaluator.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import type { WindowEnd } from '../window/window-end.ts';
import { type AggregateOptions, windowEndOf } from './aggregate-options.ts';
import { findPartial, sharePartial } from './batch-partial.ts';

/** A batch with more keys than this, and than a quarter of its rows, is not worth a partial. */
const PARTIAL_KEYS_MIN = 32;
const PARTIALS_SKIPPED = 15;
/** Groups that are emitted in one batch. */
const EMITTED_GROUPS_MAX = 16_384;

/** An aggregate in the kernel: groups are found, and aggregates added, a batch at a time. */
export class ColumnAggregate implements Operator {
  readonly #options: AggregateOptions;
  readonly #layout: GroupLayout;
  readonly #windowEnd: WindowEnd | undefined;
  /** Groups, then arguments and filters. */
  readonly #expressions: readonly Expression[];
  readonly #argumentAt: readonly (number | undefined)[];
  readonly #filterAt: readonly (number | undefined)[];
  /** Keys but for the bounds of windows, then arguments: among the expressions. */
  readonly #partialColumns: readonly number[];
  readonly #layoutText: string;
  /** Aggregates that count distinct values in one set, the one that has it first. */
  readonly #sets: readonly (readonly number[])[];
  readonly #isMergeable: boolean;
  /** Batches that are not tried after one with too many keys. */
  #skippedPartials = 0;
  #context: OperatorContext | undefined;
  #evaluator: ColumnEvaluator | undefined;
  #state: GroupState | undefined;
  #watermark = WATERMARK_MIN;

  constructor(options: AggregateOptions, layout: GroupLayout) {
    this.#options = options;
    this.#layout = layout;
    const { node } = options;
    this.#windowEnd = windowEndOf(node);
    const expressions = [...node.groups];
    const place = (expression: Expression | undefined): number | undefined =>
      expression === undefined ? undefined : expressions.push(expression) - 1;
    this.#argumentAt = node.aggregates.map((call) => place(call.argument));
    this.#filterAt = node.aggregates.map((call) => place(call.filter));
    this.#expressions = expressions;
    const keys = layout.keys.flatMap((key, i) => (key.isBound ? [] : [i]));
    this.#partialColumns = [...keys, ...this.#argumentAt.filter((argument) => argument !== undefined)];
    this.#layoutText = JSON.stringify(layout);
    this.#isMergeable =
      this.#filterAt.every((filter) => filter === undefined) &&
      layout.aggregates.every(
        ({ function: name, argument, distinct, set }) =>
          !distinct && set === undefined && !isEnd(name) && !(isExtreme(name) && argument === 'str'),
      );
    const places = [...layout.aggregates.keys()];
    const owners = places.filter((at) => layout.aggregates[at]!.set === at);
    this.#sets = owners.map((owner) => places.filter((at) => layout.aggregates[at]!.set === owner));
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const { node, expressions } = this.#options;
    this.#evaluator = new ColumnEvaluator(context.kernel, node.input.columns, this.#expressions, expressions);
    this.#state = new GroupState(context.kernel, this.#layout);
  }

  processBatch(batch: Batch): void {
    const state = this.#state!;
    const { columns, selection, selected, failures } = this.#evaluator!.evaluate(batch);
    for (const { row, reason, error } of failures) {
      this.#context!.deadLetter({ reason, message: `aggregate: ${messageOf(error)}`, batch, row });
    }
    if (selected === 0) return;
    const end = this.#windowEnd;
    const input: GroupInput = {
      keys: columns.slice(0, this.#layout.keys.length),
      ends: end === undefined ? 0 : columns[end.position]!.data,
      endAdd: end?.add ?? 0n,
      watermarks: batch.watermarks,
      selection,
      selected,
      weights: batch.weights,
    };
    if (this.#mergePartial(input, columns)) return;
    const found = state.assign(input, this.#watermark);
    if (found.lateCount > 0) this.#reportLate(batch, found.late, found.lateCount);
    for (let i = 0; i < this.#layout.aggregates.length; i++) {
      if (this.#layout.aggregates[i]!.set === undefined) this.#add(i, columns, batch, found);
    }
    for (const members of this.#sets) this.#countDistinct(members, columns, found);
  }

  #countDistinct(members: readonly number[], columns: readonly ColumnVector[], found: GroupedRows): void {
    const filters = members.map((at) => this.#filterAt[at]).map((at) => (at === undefined ? undefined : columns[at]!));
    this.#state!.countDistinct(members, columns[this.#argumentAt[members[0]!]!]!, filters, found);
  }

  /** Where all rows fall into one window: by key first, which other windows over the same rows share. */
  #mergePartial(input: GroupInput, columns: readonly ColumnVector[]): boolean {
    if (!this.#isMergeable) return false;
    if (this.#skippedPartials > 0) {
      this.#skippedPartials--;
      return false;
    }
    const state = this.#state!;
    if (!state.isOneWindow(input, this.#watermark)) return false;
    const { selection, selected, weights } = input;
    const shared = this.#partialColumns.map((at) => columns[at]!);
    const source = { layout: this.#layoutText, columns: shared, selection, selected, weights };
    const known = findPartial(source);
    if (known !== undefined) {
      state.merge(input, known);
      return true;
    }
    const made = state.partial(input, Math.max(PARTIAL_KEYS_MIN, selected >>> 2));
    if (made === undefined) {
      this.#skippedPartials = PARTIALS_SKIPPED;
      return false;
    }
    this.#argumentAt.forEach((argument, i) => {
      state.add(i, argument === undefined ? undefined : columns[argument], weights, made.found);
    });
    if (!state.isPlain(made.partial)) return false;
    sharePartial(source, made.partial);
    state.merge(input, made.partial);
    return true;
  }

  #add(at: number, columns: readonly ColumnVector[], batch: Batch, found: GroupedRows): void {
    const state = this.#state!;
    const filter = this.#filterAt[at];
    const argument = this.#argumentAt[at];
    const column = argument === undefined ? undefined : columns[argument]!;
    const rows = filter === undefined ? found : state.filter(columns[filter]!, found);
    if (column === undefined || !this.#layout.aggregates[at]!.distinct) {
      state.add(at, column, batch.weights, rows);
      return;
    }
    const once = state.distinct(at, column, batch.weights, batch.rows, rows);
    state.add(at, column, once.changes, once.found);
  }

  #reportLate(batch: Batch, late: number, count: number): void {
    const { kernel, deadLetter } = this.#context!;
    for (let i = 0; i < count; i++) {
      const row = kernel.u32()[(late >>> 2) + i]!;
      deadLetter({ reason: 'late', message: 'aggregate: the window of the row was closed', batch, row });
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

  #emit(output: GroupOutput): void {
    if (output.failedCount > 0) this.#reportFailed(output);
    if (output.count === 0) return;
    const { node } = this.#options;
    const results = node.aggregates.map((_, i) => this.#resultColumn(i, output));
    this.#context!.emit(this.#batchOf(output.records, output.count, output.weights, results));
  }

  #batchOf(records: number, rows: number, weights: number, results: readonly ColumnVector[]): Batch {
    const keys = this.#layout.keys.map((_, i) => this.#state!.keyColumn(i, records, rows));
    const columns = [...keys, ...results];
    return { rows, columns, selection: 0, selected: rows, weights, origin: undefined, times: 0, watermarks: 0 };
  }

  #resultColumn(at: number, output: GroupOutput): ColumnVector {
    const { type } = this.#options.node.aggregates[at]!;
    const planned = this.#layout.aggregates[at]!;
    const state = this.#state!;
    switch (planned.function) {
      case 'count':
        return state.resultColumn(at, 'i64', false, output);
      case 'sum-float':
        return state.resultColumn(at, 'f64', type.kind === 'float4', output);
      case 'sum-integer':
        if (type.kind === 'boolean') return this.#booleanColumn(at, output);
        return planned.fitsInt8 ? state.resultColumn(at, 'i64', false, output) : this.#decimalColumn(at, output);
      default:
        return state.resultColumn(at, planned.argument, false, output);
    }
  }

  /** How many are true is the sum. */
  #booleanColumn(at: number, output: GroupOutput): ColumnVector {
    const { function: name, type } = this.#options.node.aggregates[at]!;
    const values: (boolean | null)[] = [];
    for (let row = 0; row < output.count; row++) {
      const { sum, count } = this.#state!.integerResult(at, row, output);
      values.push(count === 0n ? null : name === 'bool_and' ? sum === count : sum > 0n);
    }
    return columnOfValues(this.#context!.kernel, type, values, output.count);
  }

  #decimalColumn(at: number, output: GroupOutput): ColumnVector {
    const { function: name, type, argument } = this.#options.node.aggregates[at]!;
    const scale = argument!.type.kind === 'numeric' ? (argument!.type.scale ?? 0) : 0;
    const values: (Decimal | null)[] = [];
    for (let row = 0; row < output.count; row++) {
      const { sum, count } = this.#state!.integerResult(at, row, output);
      const total = new Decimal(sum, scale);
      values.push(count === 0n ? null : name === 'avg' ? total.divide(Decimal.of(count)) : total);
    }
    return columnOfValues(this.#context!.kernel, type, values, output.count);
  }

  /** A sum beyond int8 is reported and left out. */
  #reportFailed({ failed, failedCount }: GroupOutput): void {
    const { kernel, deadLetter } = this.#context!;
    const { node } = this.#options;
    const nothing = new Array<null>(failedCount).fill(null);
    const results = node.aggregates.map((call) => columnOfValues(kernel, call.type, nothing, failedCount));
    const batch = this.#batchOf(failed, failedCount, 0, results);
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
    const staged = this.#stage(Number.POSITIVE_INFINITY);
    staged.next(writer);
    staged.end();
  }

  stageSnapshot(): StagedSnapshot {
    return this.#stage(SNAPSHOT_PART_BYTES);
  }

  #stage(partBytes: number): StagedSnapshot {
    const watermark = this.#watermark;
    const groups = this.#state!.beginSnapshot();
    return {
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
    this.#evaluator?.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#state?.groups ?? 0, bytes: this.#state?.bytes ?? 0 };
  }
}

/** The order of rows shows in it. */
function isEnd(name: GroupFunction): boolean {
  return name === 'first' || name === 'last';
}

function isExtreme(name: GroupFunction): boolean {
  return name === 'min' || name === 'max';
}
