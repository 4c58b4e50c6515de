import type { DuckDBConnection, DuckDBDataChunk, DuckDBType, DuckDBVector } from '@duckdb/node-api';
import type { DataType } from '../plan/data-type.ts';
import { compileExpression } from '../plan/evaluate.ts';
import type { Expression } from '../plan/expression.ts';
import { literal } from '../plan/expression-factory.ts';
import {
  type CompiledExpression,
  type Computation,
  DECIMAL_DIGITS_MAX,
  type DuckdbModule,
  duckdbLogicalType,
  duckdbType,
  type ExpressionEvaluation,
  QUOTIENT_SCALE,
} from './duckdb-type.ts';
import { fromDuckdbValue, toDuckdbValue } from './duckdb-value.ts';

/** Functions whose exact results have no more digits after the point than their arguments. */
const KEEPS_SCALE: ReadonlySet<string> = new Set(
  'abs negate ceil floor round trunc sign modulo gcd lcm coalesce greatest least nullif array_element'.split(' '),
);

/**
 * Expressions that DuckDB cannot compute, or not as PostgreSQL would: the evaluator of the plan computes them, called by DuckDB
 * for its rows through one function per type of result. The programs of a query are forgotten when it has ended.
 */
export class DuckdbEvaluation implements ExpressionEvaluation {
  readonly #duckdb: DuckdbModule;
  readonly #connection: DuckDBConnection;
  readonly #registered = new Set<string>();
  #programs: Computation[] = [];

  constructor(duckdb: DuckdbModule, connection: DuckDBConnection) {
    this.#duckdb = duckdb;
    this.#connection = connection;
  }

  call(expression: Expression, args: readonly CompiledExpression[], nowUs: bigint): CompiledExpression {
    const { type } = expression;
    const scale = type.kind === 'numeric' ? scaleOf(expression, args) : 0;
    const evaluator = compileExpression(expression, { nowUs });
    const types = args.map((arg) => arg.type);
    const compute: Computation['compute'] = (values) =>
      evaluator(types.map((argument, index) => fromDuckdbValue(values[index] ?? null, argument)));
    return this.compute(
      { type, scale, compute },
      args.map((arg) => arg.sql),
    );
  }

  compute(computation: Computation, args: readonly string[]): CompiledExpression {
    const { type, scale } = computation;
    const list = [String(this.#programs.push(computation) - 1), ...args];
    return { sql: `${this.#function(type, scale)}(${list.join(', ')})`, type, scale };
  }

  clear(): void {
    this.#programs = [];
  }

  #function(type: DataType, scale: number): string {
    const duckdbName = duckdbType(type, scale);
    const name = `hr_evaluate_${duckdbName.toLowerCase().replaceAll(/\W+/g, '_')}`;
    if (this.#registered.has(name)) return name;
    this.#register(name, duckdbLogicalType(this.#duckdb, type, scale));
    this.#registered.add(name);
    return name;
  }

  #register(name: string, returnType: DuckDBType): void {
    const { DuckDBScalarFunction, INTEGER, ANY } = this.#duckdb;
    this.#connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        returnType,
        parameterTypes: [INTEGER],
        varArgsType: ANY,
        specialHandling: true,
        mainFunction: (_info, input, output) => this.#evaluate(input, output),
      }),
    );
  }

  #evaluate(input: DuckDBDataChunk, output: DuckDBVector): void {
    const [numbers = [], ...columns] = input.getColumns();
    for (let at = 0; at < input.rowCount; at++) {
      const program = this.#programs[Number(numbers[at])];
      if (program === undefined) throw new RangeError(`program ${String(numbers[at])} of ${this.#programs.length}`);
      const value = program.compute(columns.map((column) => column[at] ?? null));
      output.setItem(at, toDuckdbValue(this.#duckdb, value, program.type, program.scale));
    }
    output.flush();
  }
}

function scaleOf(expression: Expression, args: readonly CompiledExpression[]): number {
  const { type } = expression;
  if (type.kind === 'numeric' && type.scale !== undefined) return type.scale;
  if (expression.kind === 'call' && KEEPS_SCALE.has(expression.function)) {
    return Math.min(Math.max(0, ...args.map((arg) => arg.scale)), DECIMAL_DIGITS_MAX);
  }
  return QUOTIENT_SCALE;
}

/** The value of an expression of constants, or undefined where it has none: the error then comes from the rows, if any. */
export function constantValue(expression: Expression, nowUs: bigint): Expression | undefined {
  try {
    return literal(compileExpression(expression, { nowUs })([]), expression.type);
  } catch {
    return undefined;
  }
}
