import type { DuckDBValue } from '@duckdb/node-api';
import { accumulatorInputs, NO_MORE } from '../engine/operator/aggregate/accumulator.ts';
import { accumulatorFactory } from '../engine/operator/aggregate/accumulator-factory.ts';
import { decimalDeviation, deviationOf } from '../engine/operator/aggregate/deviation-accumulator.ts';
import type { DataType } from '../plan/data-type.ts';
import type { AggregateCall } from '../plan/node.ts';
import { Decimal } from '../plan/value/decimal.ts';
import { compileToDuckdb } from './duckdb-expression.ts';
import { decimalRatio } from './duckdb-function.ts';
import {
  type CompiledExpression,
  duckdbType,
  type ExpressionEvaluation,
  type ExpressionScope,
  QUOTIENT_SCALE,
  unsupported,
} from './duckdb-type.ts';
import { fromDuckdbValue } from './duckdb-value.ts';

/** Digits that leave room, of DuckDB's 38, for the mean of the largest int8, and for the variance of the largest int4. */
const INT8_MEAN_SCALE = 19;
const VARIANCE_SCALE = 18;

/** An aggregate as DuckDB's; `window` follows the call: ` OVER (...)`. */
interface Writing {
  readonly call: AggregateCall;
  readonly scope: ExpressionScope;
  readonly argument: CompiledExpression;
  /** The condition and the window. */
  readonly suffix: string;
  readonly evaluation: ExpressionEvaluation | undefined;
}

/**
 * Writes an aggregate with PostgreSQL's result. What DuckDB does not have, or does otherwise, is computed by the accumulators of
 * streams: DuckDB gathers the rows of each group in a list.
 *
 * @throws HeadraceError `SERVING_QUERY_UNSUPPORTED`
 */
export function aggregateToDuckdb(call: AggregateCall, scope: ExpressionScope, window = ''): CompiledExpression {
  const { type, argument: first, filter } = call;
  if (call.function === 'user') throw unsupported(`user-defined aggregates (${call.user?.name})`);
  const condition = filter === undefined ? '' : ` FILTER (WHERE ${compileToDuckdb(filter, scope).sql})`;
  const suffix = condition + window;
  if (first === undefined) return { sql: `count(*)${suffix}`, type, scale: 0 };
  const argument = compileToDuckdb(first, scope);
  const { evaluation } = scope;
  const writing: Writing = { call, scope, argument, suffix, evaluation };
  return native(writing) ?? gathered(writing);
}

function distinctOf({ call, argument, suffix }: Writing, name: string): string {
  return `${name}(${call.distinct ? 'DISTINCT ' : ''}${argument.sql})${suffix}`;
}

/** Undefined when DuckDB's own would not do. */
function native(writing: Writing): CompiledExpression | undefined {
  const { call, argument } = writing;
  const { type } = call;
  const plain = (name: string = call.function): string => distinctOf(writing, name);
  switch (call.function) {
    case 'count':
      return { sql: plain(), type, scale: 0 };
    case 'sum': {
      if (type.kind === 'interval') return undefined;
      const scale = argument.type.kind === 'numeric' ? argument.scale : 0;
      return { sql: `CAST(${plain()} AS ${duckdbType(type, scale)})`, type, scale };
    }
    case 'avg':
      return average(writing);
    case 'min':
    case 'max':
      return type.kind === 'array' || type.kind === 'interval'
        ? undefined
        : { sql: plain(), type, scale: argument.scale };
    case 'bool_and':
    case 'bool_or':
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
      return { sql: plain(), type, scale: 0 };
    case 'var_pop':
    case 'var_samp':
    case 'stddev_pop':
    case 'stddev_samp':
      return integerDeviation(writing);
    default:
      return undefined;
  }
}

/** The average of integers and numerics is exact, with the digits that PostgreSQL gives: DuckDB's own would be a double. */
function average(writing: Writing): CompiledExpression | undefined {
  const { call, argument, evaluation } = writing;
  const { type } = call;
  if (type.kind === 'interval') return undefined;
  if (type.kind !== 'numeric') return { sql: distinctOf(writing, 'avg'), type, scale: 0 };
  if (evaluation === undefined) return plainAverage(writing);
  const scale = argument.type.kind === 'int8' ? INT8_MEAN_SCALE : Math.max(QUOTIENT_SCALE, argument.scale);
  const compute = ([sum, count]: readonly DuckDBValue[]): unknown =>
    sum === null ? null : Decimal.parse(String(sum)).divide(Decimal.of(BigInt(count as bigint)));
  return evaluation.compute({ type, scale, compute }, [
    `CAST(${distinctOf(writing, 'sum')} AS VARCHAR)`,
    distinctOf(writing, 'count'),
  ]);
}

/** The same with a fixed number of digits. */
function plainAverage(writing: Writing): CompiledExpression {
  const { call, argument } = writing;
  const sum = distinctOf(writing, 'sum');
  const digits =
    argument.scale === 0 ? `CAST(${sum} AS HUGEINT)` : `CAST(replace(CAST(${sum} AS VARCHAR), '.', '') AS HUGEINT)`;
  const count = `nullif(CAST(${distinctOf(writing, 'count')} AS HUGEINT), 0)`;
  return { sql: decimalRatio(digits, count, argument.scale, 0), type: call.type, scale: QUOTIENT_SCALE };
}

/** Of small integers, from sums that cannot overflow. */
function integerDeviation(writing: Writing): CompiledExpression | undefined {
  const { call, argument, suffix, evaluation } = writing;
  if (call.distinct || evaluation === undefined) return undefined;
  if (argument.type.kind !== 'int2' && argument.type.kind !== 'int4') return undefined;
  const wide = `CAST(${argument.sql} AS HUGEINT)`;
  const compute = ([count, sum, squares]: readonly DuckDBValue[]): unknown =>
    decimalDeviation(
      Number(count),
      Decimal.parse(String(sum ?? 0)),
      Decimal.parse(String(squares ?? 0)),
      deviationOf(call),
    );
  return evaluation.compute({ type: call.type, scale: scaleOf(call, argument), compute }, [
    `count(${argument.sql})${suffix}`,
    `CAST(sum(${wide})${suffix} AS VARCHAR)`,
    `CAST(sum(${wide} * ${wide})${suffix} AS VARCHAR)`,
  ]);
}

/** By the accumulator of streams, from a list of the inputs of each group's rows. */
function gathered({ call, scope, argument, suffix, evaluation }: Writing): CompiledExpression {
  if (evaluation === undefined) throw unsupported(call.function);
  const inputs = accumulatorInputs(call);
  const compiled = inputs.map((input) => compileToDuckdb(input, scope));
  const types = inputs.map((input) => input.type);
  const make = accumulatorFactory(call, true);
  const compute = ([list]: readonly DuckDBValue[]): unknown => {
    const accumulator = make();
    for (const item of itemsOf(list ?? null)) {
      const [value, ...more] = rowOf(item, types);
      accumulator.add(value, 1, types.length === 1 ? NO_MORE : more);
    }
    return accumulator.value();
  };
  const fields = compiled.map(({ sql }, index) => `'v${index}': ${sql}`);
  const row = compiled.length === 1 ? compiled[0]!.sql : `{${fields.join(', ')}}`;
  return evaluation.compute({ type: call.type, scale: scaleOf(call, argument), compute }, [`list(${row})${suffix}`]);
}

/** Of aggregates that give one of their values back, that of the values; of others what a quotient has. */
function scaleOf({ function: name, type }: AggregateCall, argument: CompiledExpression): number {
  if (type.kind !== 'numeric') return 0;
  if (name.startsWith('var')) return Math.max(VARIANCE_SCALE, argument.scale);
  if (!name.startsWith('stddev')) return argument.scale;
  return argument.type.kind === 'int8' ? INT8_MEAN_SCALE : Math.max(QUOTIENT_SCALE, argument.scale);
}

export function itemsOf(list: DuckDBValue): readonly DuckDBValue[] {
  return list === null ? [] : (list as unknown as { readonly items: readonly DuckDBValue[] }).items;
}

export function rowOf(item: DuckDBValue, types: readonly DataType[]): unknown[] {
  if (types.length === 1) return [fromDuckdbValue(item, types[0]!)];
  const { entries } = item as unknown as { readonly entries: Readonly<Record<string, DuckDBValue>> };
  return types.map((type, index) => fromDuckdbValue(entries[`v${index}`] ?? null, type));
}
