import { type ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { HeadraceError, messageOf } from '../../../base/error.ts';
import type { Expression } from '../../../plan/expression.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { type Batch, later, WATERMARK_MIN } from '../batch.ts';
import { forEachRow, weightOf } from '../column-access.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { batchOfValues } from '../row-batch.ts';
import { RowEvaluator } from '../row-evaluator.ts';
import type { WindowEnd } from '../window/window-end.ts';
import { type Accumulator, accumulatorInputs, NO_MORE } from './accumulator.ts';
import { accumulatorFactory } from './accumulator-factory.ts';
import { type AggregateOptions, windowEndOf } from './aggregate-options.ts';
import { type Group, GroupTable } from './group-table.ts';
import { RefusedRows } from './refused-rows.ts';

/** An aggregate row by row, with JavaScript's values: for types and aggregates that have no kernel, and the reference for those that have. */
export class RowAggregate implements Operator {
  readonly #options: AggregateOptions;
  readonly #windowEnd: WindowEnd | undefined;
  readonly #table: GroupTable;
  /** Where the inputs of each aggregate begin and end. */
  readonly #inputsAt: readonly { readonly from: number; readonly end: number }[];
  readonly #filterAt: readonly (number | undefined)[];
  readonly #expressions: readonly Expression[];
  /** Aggregates whose `add` may throw, and the others. */
  readonly #mayFail: readonly number[];
  readonly #neverFail: readonly number[];
  readonly #refused: RefusedRows;
  #changed: { readonly end: bigint; readonly group: Group }[] = [];
  #context: OperatorContext | undefined;
  #evaluator: RowEvaluator | undefined;
  #watermark = WATERMARK_MIN;

  constructor(options: AggregateOptions) {
    this.#options = options;
    const { node } = options;
    this.#windowEnd = windowEndOf(node);
    const { appendOnly, expressions: context } = options;
    const factories = node.aggregates.map((call) => accumulatorFactory(call, appendOnly, context.userFunction));
    // What may fail goes first, so that little is to be undone.
    const places = [...node.aggregates.keys()];
    this.#mayFail = places.filter((at) => mayFail(node.aggregates[at]!));
    this.#neverFail = places.filter((at) => !mayFail(node.aggregates[at]!));
    this.#table = new GroupTable(
      node.groups.map((group) => group.type),
      node.columns.map((column) => column.type),
      (): readonly Accumulator[] => factories.map((make) => make()),
    );
    const expressions = [...node.groups];
    this.#inputsAt = node.aggregates.map((call) => {
      const from = expressions.length;
      return { from, end: expressions.push(...accumulatorInputs(call)) };
    });
    this.#filterAt = node.aggregates.map((call) =>
      call.filter === undefined ? undefined : expressions.push(call.filter) - 1,
    );
    this.#expressions = expressions;
    this.#refused = new RefusedRows(expressions.map((expression) => expression.type));
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const { node, expressions } = this.#options;
    this.#evaluator = new RowEvaluator(context.kernel, node.input.columns, this.#expressions, expressions);
  }

  processBatch(batch: Batch): void {
    forEachRow(this.#context!.kernel, batch, (row) => this.#processRow(batch, row));
  }

  #processRow(batch: Batch, row: number): void {
    const { kernel, deadLetter } = this.#context!;
    const evaluator = this.#evaluator!;
    let at = 0;
    const results: unknown[] = [];
    try {
      evaluator.load(batch, row);
      for (; at < this.#expressions.length; at++) results.push(evaluator.value(at));
    } catch (error) {
      deadLetter({ reason: evaluator.reason(at), message: `aggregate: ${messageOf(error)}`, batch, row });
      return;
    }
    const values = results.slice(0, this.#options.node.groups.length);
    const end = this.#endOf(values);
    const own = batch.watermarks === 0 ? WATERMARK_MIN : kernel.i64()[batch.watermarks / 8 + row]!;
    if (this.#windowEnd !== undefined && end <= later(own, this.#watermark)) {
      deadLetter({ reason: 'late', message: 'aggregate: the window of the row was closed', batch, row });
      return;
    }
    const weight = weightOf(kernel, batch, row);
    if (weight < 0 && this.#refused.take(results)) return;
    const group = this.#table.get(end, values);
    const error = this.#applyFallible(group, results, weight);
    if (error === undefined) {
      this.#apply(group, end, results, weight);
      return;
    }
    if (weight > 0 && !this.#options.appendOnly) this.#refused.add(results);
    if (group.rows === 0 && !group.changed) this.#table.remove(end, group);
    const isUser = error instanceof HeadraceError && error.domain === 'engine';
    const reason = isUser ? 'user-function' : 'expression';
    deadLetter({ reason, message: `aggregate: ${messageOf(error)}`, batch, row });
  }

  /** Gives the row to the aggregates that may refuse it; when one does, to none. */
  #applyFallible(group: Group, results: readonly unknown[], weight: number): unknown {
    const undone: (() => void)[] = [];
    try {
      for (const at of this.#mayFail) {
        const { checkpoint } = group.accumulators[at]!;
        if (this.#mayFail.length > 1 && checkpoint !== undefined) undone.push(checkpoint.call(group.accumulators[at]));
        this.#add(group, at, results, weight);
      }
    } catch (error) {
      for (const undo of undone.reverse()) undo();
      return error;
    }
    return undefined;
  }

  #add(group: Group, at: number, results: readonly unknown[], weight: number): void {
    const filter = this.#filterAt[at];
    if (filter !== undefined && results[filter] !== true) return;
    const { from, end } = this.#inputsAt[at]!;
    const more = end - from > 1 ? results.slice(from + 1, end) : NO_MORE;
    group.accumulators[at]!.add(end === from ? true : results[from], weight, more);
  }

  #endOf(values: readonly unknown[]): bigint {
    if (this.#windowEnd === undefined) return 0n;
    return (values[this.#windowEnd.position] as bigint) + this.#windowEnd.add;
  }

  #apply(group: Group, end: bigint, results: readonly unknown[], weight: number): void {
    group.rows += weight;
    for (const at of this.#neverFail) this.#add(group, at, results, weight);
    if (group.changed || this.#options.emit === 'final') return;
    group.changed = true;
    this.#changed.push({ end, group });
  }

  endEpoch(): void {
    if (this.#changed.length === 0) return;
    const rows: { values: readonly unknown[]; weight: number }[] = [];
    const { retracts } = this.#options;
    for (const { end, group } of this.#changed) {
      group.changed = false;
      const standing = group.emitted;
      if (group.rows <= 0) {
        if (standing !== undefined) rows.push({ values: standing, weight: -1 });
        this.#table.remove(end, group);
        continue;
      }
      const result = this.#resultOf(group);
      // Whoever takes no retractions has the new row replace the old one; a result that fails leaves none.
      if (standing !== undefined && (retracts || result === undefined)) rows.push({ values: standing, weight: -1 });
      if (result !== undefined) rows.push({ values: result, weight: 1 });
      group.emitted = result;
    }
    this.#changed = [];
    this.#emit(rows);
  }

  /** Undefined when the result does not fit its type: the group is reported and left out. */
  #resultOf(group: Group): readonly unknown[] | undefined {
    try {
      return [...group.values, ...group.accumulators.map((accumulator) => accumulator.value())];
    } catch (error) {
      const { node } = this.#options;
      const nulls = node.aggregates.map(() => null);
      const batch = this.#batchOf([{ values: [...group.values, ...nulls], weight: 1 }]);
      this.#context!.deadLetter({ reason: 'expression', message: `aggregate: ${messageOf(error)}`, batch, row: 0 });
      return undefined;
    }
  }

  #emit(rows: readonly { values: readonly unknown[]; weight: number }[]): void {
    if (rows.length > 0) this.#context!.emit(this.#batchOf(rows));
  }

  #batchOf(rows: readonly { values: readonly unknown[]; weight: number }[]): Batch {
    const weights = rows.some((row) => row.weight < 0) ? rows.map((row) => row.weight) : undefined;
    const types = this.#options.node.columns.map((column) => column.type);
    return batchOfValues(this.#context!.kernel, types, { values: rows.map((row) => row.values), weights });
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    if (this.#windowEnd === undefined) return;
    const closed = this.#table.close(watermark);
    if (this.#options.emit !== 'final' || closed.length === 0) return;
    const rows: { values: readonly unknown[]; weight: number }[] = [];
    for (const group of closed) {
      const result = group.rows > 0 ? this.#resultOf(group) : undefined;
      if (result !== undefined) rows.push({ values: result, weight: 1 });
    }
    this.#emit(rows);
  }

  nextTimer(): bigint | undefined {
    return this.#windowEnd === undefined ? undefined : this.#table.nextEnd();
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.stageSnapshot();
    while (staged.next(writer));
    staged.end();
  }

  stageSnapshot(): StagedSnapshot {
    const watermark = this.#watermark;
    const refused = new ByteWriter();
    this.#refused.snapshot(refused);
    return this.#table.stage((writer, isFirst) => {
      writer.i64(watermark);
      if (isFirst) writer.raw(refused.written());
      else writer.varint(0);
    });
  }

  restore(reader: ByteReader): void {
    while (reader.remaining > 0) {
      this.#watermark = reader.i64();
      this.#refused.restore(reader);
      this.#table.restore(reader);
    }
  }

  close(): void {
    this.#table.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#table.size, bytes: this.#table.bytes };
  }
}

function mayFail({ function: name }: AggregateCall): boolean {
  return name === 'user' || name === 'jsonb_object_agg';
}
