import type { DataType } from '../plan/data-type.ts';
import { literal } from '../plan/expression-factory.ts';
import type { AggregateCall, OverNode, SortKey, TopNNode, WindowCall } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import type { FrameBound, WindowFrame } from '../plan/window-shape.ts';
import { compileToDuckdb } from './duckdb-expression.ts';
import { type CompiledExpression, type ExpressionScope, rescaled } from './duckdb-type.ts';

/** Writes an aggregate call; `over` is what follows it. */
type AggregateWriter = (call: AggregateCall, scope: ExpressionScope, over: string) => CompiledExpression;

/** `a DESC NULLS LAST, b`. */
export function orderToDuckdb(keys: readonly SortKey[], scope: ExpressionScope): string {
  return keys
    .map((key) => {
      const { sql } = compileToDuckdb(key.expression, scope);
      return `${sql} ${key.descending ? 'DESC' : 'ASC'} NULLS ${key.nullsFirst ? 'FIRST' : 'LAST'}`;
    })
    .join(', ');
}

/** A column for each call of a window node. */
export function overToDuckdb(
  node: OverNode,
  scope: ExpressionScope,
  aggregate: AggregateWriter,
): readonly CompiledExpression[] {
  const partition = node.partition.map((key) => compileToDuckdb(key, scope).sql);
  const order = orderToDuckdb(node.keys, scope);
  const window = [
    ...(partition.length === 0 ? [] : [`PARTITION BY ${partition.join(', ')}`]),
    ...(order === '' ? [] : [`ORDER BY ${order}`]),
  ];
  return node.calls.map((call) => {
    const frame = frameToDuckdb(call.frame, node.keys[0], scope);
    const over = ` OVER (${[...window, frame].join(' ')})`;
    return call.aggregate === undefined ? windowCall(call, scope, over) : aggregate(call.aggregate, scope, over);
  });
}

function windowCall(call: WindowCall, scope: ExpressionScope, over: string): CompiledExpression {
  const args = call.args.map((arg) => compileToDuckdb(arg, scope));
  const isShifted = call.function === 'lag' || call.function === 'lead';
  const [value, count, otherwise] = args;
  const scale = call.type.kind === 'numeric' ? Math.max(value?.scale ?? 0, otherwise?.scale ?? 0) : 0;
  const typed = (arg: CompiledExpression): string =>
    call.type.kind === 'numeric' ? rescaled(arg, scale).sql : arg.sql;
  const texts = isShifted
    ? [
        typed(value!),
        ...(count === undefined ? [] : [count.sql]),
        ...(otherwise === undefined ? [] : [typed(otherwise)]),
      ]
    : args.map((arg) => arg.sql);
  const sql = `${call.function}(${texts.join(', ')})${over}`;
  return { sql: call.function === 'ntile' ? `CAST(${sql} AS INTEGER)` : sql, type: call.type, scale };
}

function frameToDuckdb(frame: WindowFrame, key: SortKey | undefined, scope: ExpressionScope): string {
  const type = frame.unit === 'range' && key !== undefined ? distanceType(key.expression.type) : TYPE.int8;
  const bound = (at: FrameBound, side: 'PRECEDING' | 'FOLLOWING'): string => {
    if (at.kind === 'unbounded') return `UNBOUNDED ${side}`;
    if (at.kind === 'current-row') return 'CURRENT ROW';
    const value = frame.unit === 'range' ? at.distance : BigInt(at.distance as number);
    return `${compileToDuckdb(literal(value, type), scope).sql} ${at.kind.toUpperCase()}`;
  };
  return `${frame.unit.toUpperCase()} BETWEEN ${bound(frame.start, 'PRECEDING')} AND ${bound(frame.end, 'FOLLOWING')}`;
}

function distanceType(key: DataType): DataType {
  return /^(?:int|float|numeric)/.test(key.kind) && key.kind !== 'interval' ? key : TYPE.interval;
}

/** The rank of each row of a top-N, and the condition on it (as column `rank`) that keeps the row. */
export function topNToDuckdb(
  node: TopNNode,
  scope: ExpressionScope,
): { readonly rank: CompiledExpression; readonly keeps: (rank: string) => string } {
  const partition = node.partition.map((at) => scope.columns[at]!.sql);
  const order = orderToDuckdb(node.keys, scope);
  const window = [
    ...(partition.length === 0 ? [] : [`PARTITION BY ${partition.join(', ')}`]),
    ...(order === '' ? [] : [`ORDER BY ${order}`]),
  ].join(' ');
  const rank = { sql: `${node.rank}() OVER (${window})`, type: TYPE.int8, scale: 0 };
  const keeps = (column: string): string => {
    const last = node.limit === undefined ? '' : ` AND ${column} <= ${node.offset + node.limit}`;
    return `${column} > ${node.offset}${last}`;
  };
  return { rank, keeps };
}
