import { HeadraceError } from '../base/error.ts';
import { tableFunctionNode } from '../plan/analytic-factory.ts';
import { coerce } from '../plan/coercion.ts';
import type { Column } from '../plan/data-type.ts';
import type { Expression } from '../plan/expression.ts';
import type { PlanNode, TableFunctionNode } from '../plan/node.ts';
import { type CallSpec, callOptionsOf } from './call-spec.ts';
import type { ColumnType } from './column-type.ts';
import { type Arguments, type Operands, OWN_MODULE } from './user-function.ts';
import { type AnyOperand, operandOf, Value } from './value.ts';

type ColumnTypes = Readonly<Record<string, ColumnType>>;

/** A call of a function that gives rows: for `stream.expand`. */
export class TableCall<Columns extends ColumnTypes> {
  readonly args: readonly Expression[];
  readonly columns: readonly Column[];
  readonly user: NonNullable<TableFunctionNode['user']>;
  /** Exists for the compiler only. */
  declare readonly types: Columns;

  constructor(args: readonly Expression[], columns: readonly Column[], user: NonNullable<TableFunctionNode['user']>) {
    this.args = args;
    this.columns = columns;
    this.user = user;
  }
}

/** Used in a pipeline with expressions, and by the engine with values. */
export interface UserTableFunction<Types extends readonly ColumnType[], Columns extends ColumnTypes> {
  (...operands: Operands<Types>): TableCall<Columns>;
  /** The function itself, on values; null for NULL. */
  readonly run: (...values: Arguments<Types>) => unknown;
}

/**
 * A function in TypeScript that gives rows: an array or a generator of objects by column. Export it from the pipeline's file under `name`.
 *
 * @example
 * ```ts
 * export const words = udtf('words', [t.text()], { word: t.text() }, function* (line) {
 *   for (const word of (line ?? '').split(' ')) yield { word };
 * });
 * ```
 */
export function udtf<const Types extends readonly [ColumnType, ...ColumnType[]], const Columns extends ColumnTypes>(
  name: string,
  types: Types,
  columns: Columns,
  run: (...values: Arguments<Types>) => unknown,
  spec: Pick<CallSpec, 'timeout' | 'onError'> = {},
): UserTableFunction<Types, Columns> {
  const options = callOptionsOf(spec, undefined);
  const made = Object.entries(columns).map(([column, { type }]) => ({ name: column, type, nullable: true }));
  const user = { name, module: OWN_MODULE, exportName: name, ...(options !== undefined && { options }) };
  const called = (...operands: readonly AnyOperand[]): unknown => {
    if (!operands.some((operand) => operand instanceof Value)) return run(...(operands as unknown as Arguments<Types>));
    if (operands.length !== types.length) {
      throw new HeadraceError(`calling ${name}: it takes ${types.length} arguments, not ${operands.length}`, {
        code: 'PLAN_TYPE_MISMATCH',
        domain: 'plan',
      });
    }
    const args = operands.map((operand, index) => coerce(operandOf(operand), types[index]!.type));
    return new TableCall(args, made, user);
  };
  return Object.assign(called, { run }) as unknown as UserTableFunction<Types, Columns>;
}

/** The rows of the input, each with the rows that the call gives for it. */
export function expandPlan(input: PlanNode, call: TableCall<ColumnTypes>, outer: boolean): PlanNode {
  const { args, user, columns } = call;
  return tableFunctionNode({ input, function: 'user', user, args, ordinality: false, outer }, columns);
}
