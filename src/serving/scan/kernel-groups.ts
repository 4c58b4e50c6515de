import type { AggregateOptions } from '../../engine/operator/aggregate/aggregate-options.ts';
import { planGroups } from '../../engine/operator/aggregate/group-plan.ts';
import type { Batch } from '../../engine/operator/batch.ts';
import { valueReader } from '../../engine/operator/column-access.ts';
import type { ExpressionContext } from '../../engine/operator/row-evaluator.ts';
import { type ColumnVector, physicalOf } from '../../kernel/column.ts';
import type { GroupLayout } from '../../kernel/group-layout.ts';
import { GroupState } from '../../kernel/group-state.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { GroupOutput } from '../../kernel/keyed-records.ts';
import type { AggregateCall, AggregateNode } from '../../plan/node.ts';
import { TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { valueToText } from '../../plan/value/value-text.ts';
import type { AggregatePartial } from './scan-aggregate.ts';
import type { ScanPartial } from './scan-partial.ts';

/** Groups whose results are read at a time. */
const READ_GROUPS = 16_384;

/** What the kernel keeps for one aggregate of the query: a sum, and for the average of doubles their number. */
function parts(call: AggregateCall): readonly AggregateCall[] {
  if (call.function !== 'sum' && call.function !== 'avg') return [call];
  const isFloat = call.argument !== undefined && physicalOf(call.argument.type) === 'f64';
  const sum: AggregateCall = { ...call, function: 'sum', type: isFloat ? TYPE.float8 : TYPE.numeric };
  if (!isFloat) return [sum];
  return [sum, { ...call, function: 'count', type: TYPE.int8 }];
}

/** The groups of a scan in the kernel's memory. */
export class KernelGroups {
  readonly #kernel: Kernel;
  readonly #aggregate: AggregateNode;
  readonly #state: GroupState;

  private constructor(kernel: Kernel, aggregate: AggregateNode, layout: GroupLayout) {
    this.#kernel = kernel;
    this.#aggregate = aggregate;
    this.#state = new GroupState(kernel, layout);
  }

  /** Undefined when the kernel cannot keep groups or aggregates of these types. */
  static create(kernel: Kernel, aggregate: AggregateNode, expressions: ExpressionContext): KernelGroups | undefined {
    const aggregates = aggregate.aggregates.flatMap(parts);
    const node: AggregateNode = { ...aggregate, aggregates, windowGroups: undefined };
    const options: AggregateOptions = { node, appendOnly: true, retracts: false, emit: 'updates', expressions };
    const layout = planGroups(options);
    return layout === undefined ? undefined : new KernelGroups(kernel, aggregate, layout);
  }

  get size(): number {
    return this.#state.groups;
  }

  /** `columns`: groups, then arguments, then filters. */
  add(batch: Batch, columns: readonly ColumnVector[]): void {
    const { groups, aggregates } = this.#aggregate;
    const state = this.#state;
    const found = state.assign(
      {
        keys: columns.slice(0, groups.length),
        ends: 0,
        endAdd: 0n,
        watermarks: 0,
        selection: batch.selection,
        selected: batch.selected,
        weights: 0,
      },
      0n,
    );
    let argumentAt = groups.length;
    let filterAt = argumentAt + aggregates.filter((call) => call.argument !== undefined).length;
    let part = 0;
    for (const call of aggregates) {
      const argument = call.argument === undefined ? undefined : columns[argumentAt++];
      const rows = call.filter === undefined ? found : state.filter(columns[filterAt++]!, found);
      for (const _ of parts(call)) state.add(part++, argument, 0, rows);
    }
  }

  partial(): ScanPartial {
    const { groups, aggregates } = this.#aggregate;
    const keys = groups.map((): (string | null)[] => []);
    const found = aggregates.map((call) => new PartResults(this.#kernel, this.#state, call));
    const { changes } = this.#state;
    for (let from = 0; from < changes; from += READ_GROUPS) {
      this.#kernel.arenaReset();
      const output = this.#state.takeChanges(from, Math.min(READ_GROUPS, changes - from));
      groups.forEach(({ type }, at) => {
        const column = this.#state.keyColumn(at, output.records, output.count);
        readTexts(this.#kernel, column, type, output.count, keys[at]!);
      });
      let part = 0;
      aggregates.forEach((call, at) => {
        found[at]!.read(part, output);
        part += parts(call).length;
      });
    }
    return { groups: changes, keys, aggregates: found.map((results) => results.partial()) };
  }
}

function readTexts(
  kernel: Kernel,
  column: ColumnVector,
  type: AggregateCall['type'],
  rows: number,
  into: (string | null)[],
): void {
  const read = valueReader(kernel, type);
  for (let row = 0; row < rows; row++) {
    const value = read(column, row);
    into.push(value === null ? null : valueToText(value, type));
  }
}

/** The results of one aggregate in the form in which parts of a scan are put together. */
class PartResults {
  readonly #kernel: Kernel;
  readonly #state: GroupState;
  readonly #call: AggregateCall;
  readonly #texts: (string | null)[] = [];
  readonly #counts: number[] = [];
  readonly #sums: number[] = [];

  constructor(kernel: Kernel, state: GroupState, call: AggregateCall) {
    this.#kernel = kernel;
    this.#state = state;
    this.#call = call;
  }

  read(part: number, output: GroupOutput): void {
    const { argument, function: name } = this.#call;
    if (argument === undefined || name === 'count') this.#readCounts(part, output);
    else if (name === 'min' || name === 'max') {
      const column = this.#state.resultColumn(part, physicalOf(argument.type), false, output);
      readTexts(this.#kernel, column, argument.type, output.count, this.#texts);
    } else if (physicalOf(argument.type) === 'f64') {
      this.#readDoubles(part, output);
      this.#readCounts(part + 1, output);
    } else this.#readSums(part, output);
  }

  partial(): AggregatePartial {
    const { argument, function: name } = this.#call;
    const counts = Float64Array.from(this.#counts);
    if (argument === undefined || name === 'count') return [counts];
    if (name === 'min' || name === 'max') return [this.#texts];
    if (physicalOf(argument.type) !== 'f64') return [counts, this.#texts];
    return [Float64Array.from(this.#sums), new Float64Array(counts.length), counts];
  }

  #readCounts(part: number, output: GroupOutput): void {
    const { data } = this.#state.resultColumn(part, 'i64', false, output);
    const longs = this.#kernel.i64();
    for (let row = 0; row < output.count; row++) this.#counts.push(Number(longs[data / 8 + row]));
  }

  #readDoubles(part: number, output: GroupOutput): void {
    const { data } = this.#state.resultColumn(part, 'f64', false, output);
    const doubles = this.#kernel.f64();
    for (let row = 0; row < output.count; row++) this.#sums.push(doubles[data / 8 + row]!);
  }

  #readSums(part: number, output: GroupOutput): void {
    const { type } = this.#call.argument!;
    const scale = type.kind === 'numeric' ? (type.scale ?? 0) : 0;
    for (let row = 0; row < output.count; row++) {
      const { sum, count } = this.#state.integerResult(part, row, output);
      this.#counts.push(Number(count));
      this.#texts.push(count === 0n ? null : new Decimal(sum, scale).toString());
    }
  }
}
