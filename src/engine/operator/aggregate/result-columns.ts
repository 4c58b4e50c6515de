import type { ColumnVector } from '../../../kernel/column.ts';
import type { GroupLayout } from '../../../kernel/group-layout.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import type { GroupOutput, KeyedRecords } from '../../../kernel/keyed-records.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { columnOfValues } from '../column-access.ts';

/** The results of aggregates in the kernel, as columns of the types that the plan says. */
export class ResultColumns {
  readonly #kernel: Kernel;
  readonly #calls: readonly AggregateCall[];
  readonly #layout: GroupLayout;
  readonly #state: KeyedRecords;

  constructor(kernel: Kernel, calls: readonly AggregateCall[], layout: GroupLayout, state: KeyedRecords) {
    this.#kernel = kernel;
    this.#calls = calls;
    this.#layout = layout;
    this.#state = state;
  }

  of(output: GroupOutput): readonly ColumnVector[] {
    return this.#calls.map((_, at) => this.#column(at, output));
  }

  /** For records whose results do not fit. */
  nulls(rows: number): readonly ColumnVector[] {
    const nothing = new Array<null>(rows).fill(null);
    return this.#calls.map((call) => columnOfValues(this.#kernel, call.type, nothing, rows));
  }

  #column(at: number, output: GroupOutput): ColumnVector {
    const { type } = this.#calls[at]!;
    const planned = this.#layout.aggregates[at]!;
    const state = this.#state;
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
    const { function: name, type } = this.#calls[at]!;
    const values: (boolean | null)[] = [];
    for (let row = 0; row < output.count; row++) {
      const { sum, count } = this.#state.integerResult(at, row, output);
      values.push(count === 0n ? null : name === 'bool_and' ? sum === count : sum > 0n);
    }
    return columnOfValues(this.#kernel, type, values, output.count);
  }

  #decimalColumn(at: number, output: GroupOutput): ColumnVector {
    const { function: name, type, argument } = this.#calls[at]!;
    const scale = argument!.type.kind === 'numeric' ? (argument!.type.scale ?? 0) : 0;
    // Other types than numerics of any precision are stored otherwise.
    if (type.kind === 'numeric' && type.precision === undefined) {
      const column = this.#state.decimalColumn(at, scale, name === 'avg', output);
      if (column !== undefined) return column;
    }
    const values: (Decimal | null)[] = [];
    for (let row = 0; row < output.count; row++) {
      const { sum, count } = this.#state.integerResult(at, row, output);
      const total = new Decimal(sum, scale);
      values.push(count === 0n ? null : name === 'avg' ? total.divide(Decimal.of(count)) : total);
    }
    return columnOfValues(this.#kernel, type, values, output.count);
  }
}
