import { messageOf } from '../../../base/error.ts';
import type { ColumnVector } from '../../../kernel/column.ts';
import type { GroupFunction, GroupLayout } from '../../../kernel/group-layout.ts';
import type { GroupInput, GroupState } from '../../../kernel/group-state.ts';
import type { GroupedRows } from '../../../kernel/keyed-records.ts';
import type { Taken } from '../../../kernel/partial-rows.ts';
import type { Expression } from '../../../plan/expression.ts';
import type { Batch } from '../batch.ts';
import { ColumnEvaluator } from '../column-evaluator.ts';
import type { OperatorContext } from '../operator.ts';
import type { WindowEnd } from '../window/window-end.ts';
import { type AggregateOptions, windowEndOf } from './aggregate-options.ts';
import { findPartial, sharePartial } from './batch-partial.ts';
import { type GroupFeed, reportLate } from './group-feed.ts';

/** A batch with more keys than this, and than a quarter of its rows, is not worth a partial. */
const PARTIAL_KEYS_MIN = 32;
const PARTIALS_SKIPPED = 15;

/** Takes rows into groups: groups are found, and aggregates added, a batch at a time. */
export class RowFeed implements GroupFeed {
  readonly #context: OperatorContext;
  readonly #state: GroupState;
  readonly #evaluator: ColumnEvaluator;
  readonly #layout: GroupLayout;
  readonly #windowEnd: WindowEnd | undefined;
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

  constructor(
    { node, expressions: services }: AggregateOptions,
    layout: GroupLayout,
    state: GroupState,
    context: OperatorContext,
  ) {
    this.#context = context;
    this.#state = state;
    this.#layout = layout;
    this.#windowEnd = windowEndOf(node);
    // Groups, then arguments and filters.
    const expressions: Expression[] = [...node.groups];
    const place = (expression: Expression | undefined): number | undefined =>
      expression === undefined ? undefined : expressions.push(expression) - 1;
    this.#argumentAt = node.aggregates.map((call) => place(call.argument));
    this.#filterAt = node.aggregates.map((call) => place(call.filter));
    this.#evaluator = new ColumnEvaluator(context.kernel, node.input.columns, expressions, services);
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

  take(batch: Batch, watermark: bigint): void {
    const state = this.#state;
    const evaluated = this.evaluate(batch);
    if (evaluated === undefined) return;
    const { input, columns } = evaluated;
    if (this.#mergePartial(input, columns, watermark)) return;
    const found = state.assign(input, watermark);
    if (found.lateCount > 0) reportLate(this.#context, batch, found.late, found.lateCount);
    for (let i = 0; i < this.#layout.aggregates.length; i++) {
      if (this.#layout.aggregates[i]!.set === undefined) this.#add(i, columns, batch, found);
    }
    for (const members of this.#sets) this.#countDistinct(members, columns, found);
  }

  /** Computes keys, arguments and filters; rows for which one fails go to dead letters. Undefined when none are left. */
  evaluate(
    batch: Batch,
  ):
    | { readonly input: GroupInput; readonly columns: readonly ColumnVector[]; readonly taken: readonly Taken[] }
    | undefined {
    const { columns, selection, selected, failures } = this.#evaluator.evaluate(batch);
    for (const { row, reason, error } of failures) {
      this.#context.deadLetter({ reason, message: `aggregate: ${messageOf(error)}`, batch, row });
    }
    if (selected === 0) return undefined;
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
    const column = (at: number | undefined): ColumnVector | undefined => (at === undefined ? undefined : columns[at]!);
    const taken = this.#argumentAt.map((argument, i) => ({
      argument: column(argument),
      filter: column(this.#filterAt[i]),
    }));
    return { input, columns, taken };
  }

  #countDistinct(members: readonly number[], columns: readonly ColumnVector[], found: GroupedRows): void {
    const filters = members.map((at) => this.#filterAt[at]).map((at) => (at === undefined ? undefined : columns[at]!));
    this.#state.countDistinct(members, columns[this.#argumentAt[members[0]!]!]!, filters, found);
  }

  /** Where all rows fall into one window: by key first, which other windows over the same rows share. */
  #mergePartial(input: GroupInput, columns: readonly ColumnVector[], watermark: bigint): boolean {
    if (!this.#isMergeable) return false;
    if (this.#skippedPartials > 0) {
      this.#skippedPartials--;
      return false;
    }
    const state = this.#state;
    if (!state.isOneWindow(input, watermark)) return false;
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
    const state = this.#state;
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

  close(): void {
    this.#evaluator.close();
  }
}

/** The order of rows shows in it. */
function isEnd(name: GroupFunction): boolean {
  return name === 'first' || name === 'last';
}

function isExtreme(name: GroupFunction): boolean {
  return name === 'min' || name === 'max';
}
