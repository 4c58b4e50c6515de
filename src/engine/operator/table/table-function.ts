import { HeadraceError, messageOf } from '../../../base/error.ts';
import type { Column } from '../../../plan/data-type.ts';
import { evaluationError } from '../../../plan/evaluation-error.ts';
import type { TableFunctionNode } from '../../../plan/node.ts';
import { TABLE_FUNCTION_ROWS_MAX, tableFunction } from '../../../plan/table-function.ts';
import { typeName } from '../../../plan/type-name.ts';
import { acceptUserRows } from '../../../plan/value/user-rows.ts';
import type { Batch } from '../batch.ts';
import { type OperatorContext, StatelessOperator } from '../operator.ts';
import { RowEmitter, RowReader } from '../row-batch.ts';
import { type ExpressionContext, RowEvaluator } from '../row-evaluator.ts';

type RowsOf = (args: readonly unknown[]) => Iterable<readonly unknown[]>;

/**
 * The rows of a set-returning function beside each row of the input. A row that goes takes back what the function gave, which it gives
 * again: functions are deterministic. A row for which the function fails goes to dead letters.
 */
export class TableFunctionOperator extends StatelessOperator {
  readonly #node: TableFunctionNode;
  readonly #expressions: ExpressionContext;
  /** The function's own columns. */
  readonly #own: readonly Column[];
  readonly #rowsOf: RowsOf;
  #reader: RowReader | undefined;
  #args: RowEvaluator | undefined;
  #emitter: RowEmitter | undefined;

  constructor(node: TableFunctionNode, expressions: ExpressionContext) {
    super();
    this.#node = node;
    this.#expressions = expressions;
    this.#own = node.columns.slice(node.input.columns.length, node.ordinality ? -1 : undefined);
    this.#rowsOf = this.#function();
  }

  #function(): RowsOf {
    const { user, function: name, args } = this.#node;
    if (user !== undefined) {
      const apply = this.#expressions.userFunction(user.module, user.exportName, user.options);
      return (values) => limited(acceptUserRows(apply(...values), this.#own, user.name), user.name);
    }
    const types = args.map((arg) => arg.type);
    const found = tableFunction(name, types);
    if (found !== undefined) return (values) => found.rows(values);
    throw new HeadraceError(
      `planning a pipeline: there is no set-returning ${name}(${types.map(typeName).join(', ')})`,
      {
        code: 'PLAN_UNKNOWN_FUNCTION',
        domain: 'plan',
      },
    );
  }

  override open(context: OperatorContext): void {
    super.open(context);
    const { kernel, emit } = context;
    const { input, args, columns } = this.#node;
    this.#reader = new RowReader(kernel, input.columns);
    this.#args = new RowEvaluator(kernel, input.columns, args, this.#expressions);
    this.#emitter = new RowEmitter(kernel, columns, emit);
  }

  processBatch(batch: Batch): void {
    const { outer, ordinality } = this.#node;
    this.#reader!.forEach(batch, ({ values, weight, time }, at) => {
      const rows = this.#call(batch, at);
      if (rows === undefined) return;
      const add = (made: readonly unknown[], ordinal: bigint | null): void => {
        this.#emitter!.add([...values, ...made, ...(ordinality ? [ordinal] : [])], weight, time);
      };
      for (const [index, made] of rows.entries()) add(made, BigInt(index + 1));
      if (rows.length === 0 && outer) add(new Array<unknown>(this.#own.length).fill(null), null);
    });
    this.#emitter!.flush();
  }

  /** All rows of one call, so that it fails as a whole; undefined when it did. */
  #call(batch: Batch, row: number): (readonly unknown[])[] | undefined {
    const args: unknown[] = [];
    const { user, function: name } = this.#node;
    try {
      this.#args!.load(batch, row);
      for (let at = 0; at < this.#node.args.length; at++) args.push(this.#args!.value(at));
      return [...this.#rowsOf(args)];
    } catch (error) {
      const isCall = args.length === this.#node.args.length;
      const reason = isCall ? (user === undefined ? 'expression' : 'user-function') : this.#args!.reason(args.length);
      const message = `${user?.name ?? name}: ${messageOf(error)}`;
      this.context.deadLetter({ reason, message, batch, row });
      return undefined;
    }
  }
}

function* limited(rows: Iterable<readonly unknown[]>, name: string): Generator<readonly unknown[]> {
  let count = 0;
  for (const row of rows) {
    if (++count > TABLE_FUNCTION_ROWS_MAX) {
      throw evaluationError('PLAN_OUT_OF_RANGE', `${name} gives more than ${TABLE_FUNCTION_ROWS_MAX} rows`);
    }
    yield row;
  }
}
