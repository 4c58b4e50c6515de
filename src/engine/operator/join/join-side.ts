import { messageOf } from '../../../base/error.ts';
import { type ColumnVector, physicalOf } from '../../../kernel/column.ts';
import { type RowInput, type RowList, RowStore } from '../../../kernel/row-store.ts';
import type { Column } from '../../../plan/data-type.ts';
import type { Expression } from '../../../plan/expression.ts';
import { expressionText } from '../../../plan/expression-text.ts';
import type { Batch } from '../batch.ts';
import { ColumnEvaluator } from '../column-evaluator.ts';
import type { OperatorContext } from '../operator.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import { isCanonical, type KeyColumn, keyColumn } from '../state-key.ts';
import type { SideShape } from './join-shape.ts';

export interface SideOptions {
  readonly columns: readonly Column[];
  readonly keys: readonly { readonly expression: Expression; readonly meetsNull: boolean }[];
  /** Columns that the result, or the rest of the condition, reads. */
  readonly read: ReadonlySet<number>;
  readonly shape: SideShape;
  /** For errors. */
  readonly owner: string;
  readonly expressions: ExpressionContext;
}

/** Rows of a batch of one side, with their keys. */
export interface SideRows {
  readonly batch: Batch;
  /** In the order of the keys. */
  readonly keys: readonly ColumnVector[];
  /** As the store has them. */
  readonly kept: readonly ColumnVector[];
  /** Address of the times (i64) by which rows are forgotten, 0 when they are not. */
  readonly times: number;
}

/** One input of a join: the rows that it keeps, by key. */
export class JoinSide {
  readonly columns: readonly Column[];
  readonly shape: SideShape;
  readonly store: RowStore;
  readonly #options: SideOptions;
  readonly #context: OperatorContext;
  readonly #evaluator: ColumnEvaluator;
  readonly #keyColumns: readonly KeyColumn[];
  /** Columns of the input that are kept, and where. */
  readonly #places: ReadonlyMap<number, number>;
  /** Keys that are kept beside the columns, by position among the keys. */
  readonly #extraKeys: readonly number[];
  readonly #keyPlaces: readonly number[];

  constructor(context: OperatorContext, options: SideOptions) {
    const { columns, keys, read, shape, owner, expressions } = options;
    this.columns = columns;
    this.shape = shape;
    this.#options = options;
    this.#context = context;
    const { kernel } = context;
    const computed = keys.map((key) => key.expression);
    this.#evaluator = new ColumnEvaluator(kernel, columns, computed, expressions);
    this.#keyColumns = computed.map((expression) => keyColumn(kernel, expression.type));
    const isPlain = (expression: Expression): boolean => expression.kind === 'column' && isCanonical(expression.type);
    const kept = new Set([...read].sort((a, b) => a - b));
    for (const expression of computed)
      if (expression.kind === 'column' && isPlain(expression)) kept.add(expression.index);
    this.#places = new Map([...kept].map((column, at) => [column, at]));
    this.#extraKeys = [...computed.keys()].filter((at) => !isPlain(computed[at]!));
    const physical = [...kept].map((column) => physicalOf(columns[column]!.type));
    const extra = this.#extraKeys.map((at) => keyPhysical(computed[at]!));
    const places = computed.map((expression, at) =>
      expression.kind === 'column' && isPlain(expression)
        ? this.#places.get(expression.index)!
        : physical.length + this.#extraKeys.indexOf(at),
    );
    this.#keyPlaces = places;
    const layout = { columns: [...physical, ...extra], keys: places, bucketUs: shape.expiry?.bucketUs };
    this.store = new RowStore(kernel, layout, owner);
  }

  /** The keys of a batch. Rows whose key cannot be computed go to dead letters. */
  rowsOf(batch: Batch, input: number): SideRows {
    const { kernel, deadLetter } = this.#context;
    const { columns, selection, selected, failures } = this.#evaluator.evaluate(batch);
    for (const { row, reason, error, expression } of failures) {
      const key = expressionText(this.#options.keys[expression]!.expression);
      deadLetter({ reason, message: `join: ${messageOf(error)}, in its key ${key}`, batch, row, input });
    }
    const alive = selected === batch.selected ? batch : { ...batch, selection, selected };
    const keys = columns.map((column, at) => this.#keyColumns[at]!(alive, column));
    const kept = [...this.#places.keys()].map((column) => batch.columns[column]!);
    for (const at of this.#extraKeys) kept.push(keys[at]!);
    return { batch: alive, keys, kept, times: this.#times(kernel, batch) };
  }

  #times(kernel: OperatorContext['kernel'], batch: Batch): number {
    const { expiry } = this.shape;
    if (expiry === undefined) return 0;
    if (expiry.column !== undefined) return batch.columns[expiry.column]!.data;
    const nulls = batch.timeNulls ?? 0;
    if (batch.times !== 0 && nulls === 0) return batch.times;
    // Rows without event time count from when they came.
    const now = BigInt(this.#context.clockMs()) * 1000n;
    const times = kernel.arenaAlloc(batch.rows * 8);
    const target = kernel.i64();
    const flags = kernel.u8();
    for (let row = 0; row < batch.rows; row++) {
      const known = batch.times !== 0 && flags[nulls + row] === 0;
      target[times / 8 + row] = known ? target[batch.times / 8 + row]! : now;
    }
    return times;
  }

  /** Columns in which a null means that the row meets nothing. */
  strict({ batch, keys }: SideRows): readonly ColumnVector[] {
    const strict = keys.filter((_, at) => !this.#options.keys[at]!.meetsNull);
    const { timeColumn } = this.shape;
    if (timeColumn !== undefined) strict.push(batch.columns[timeColumn]!);
    return strict.filter((column) => column.nulls !== 0);
  }

  input(rows: SideRows, selection: number, selected: number): RowInput {
    return { columns: rows.kept, selection, selected };
  }

  /** One column of kept rows; undefined when it is not kept. */
  gather(list: RowList, column: number): ColumnVector | undefined {
    const place = this.#places.get(column);
    return place === undefined ? undefined : this.store.gather(list, place);
  }

  /** The keys of kept rows. */
  keysOf(list: RowList): ColumnVector[] {
    return this.#keyPlaces.map((place) => this.store.gather(list, place));
  }

  close(): void {
    this.store.close();
    this.#evaluator.close();
  }
}

/** Keys that have no canonical form in a column are kept as text: state-key.ts. */
function keyPhysical({ type }: Expression): ReturnType<typeof physicalOf> {
  return isCanonical(type) ? physicalOf(type) : 'str';
}
