import type { Node } from 'libpg-query';
import { temporalJoinNode } from '../../plan/analytic-factory.ts';
import type { Expression } from '../../plan/expression.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { projectNode } from '../../plan/factory.ts';
import type { PlanNode, TemporalJoinNode } from '../../plan/node.ts';
import { columnsOf, conjunctsOf, mapColumns } from '../../plan/optimizer/rewrite.ts';
import { allColumns, conjunction } from '../../plan/pushed-plan.ts';
import { eventTimeOf } from '../../plan/view-source.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import type { Scope } from '../scope.ts';
import { type FromResult, joinedScope } from './join-clause.ts';
import type { AsOf } from './temporal-clause.ts';

export interface TemporalSpec {
  readonly context: BindContext;
  readonly left: FromResult;
  readonly right: FromResult;
  readonly join: TemporalJoinNode['join'];
  /** The ON clause, or the equality that USING means. */
  readonly condition: Node | Expression;
  /** Undefined for an ASOF join, whose condition compares the times. */
  readonly asOf: AsOf | undefined;
  readonly at: number;
}

/**
 * `left JOIN right FOR SYSTEM_TIME AS OF left.time ON keys`, and `left ASOF JOIN right ON keys AND left.time >= right.time`: of each
 * left row the newest right row with its keys that is not newer than it.
 */
export function bindTemporalJoin(spec: TemporalSpec): FromResult {
  const { left, right } = spec;
  const scope = joinedScope(spec.context, left, right, spec.at);
  const parts = conditionParts(spec, scope);
  const width = left.node.columns.length;
  const keys: { readonly left: Expression; readonly right: Expression }[] = [];
  const rest: Expression[] = [];
  let times: TemporalJoinNode['times'] = spec.asOf?.time === undefined ? undefined : systemTimes(spec);
  for (const part of parts) {
    const key = equalSides(part, width);
    const compared = spec.asOf === undefined && times === undefined ? comparedTimes(spec, part, width) : undefined;
    if (key !== undefined) keys.push(key);
    else if (compared !== undefined) times = compared;
    else rest.push(part);
  }
  requireParts(spec, keys.length, times, rest);
  return { node: temporalNode(spec, keys, rest, times), scope };
}

function refuse({ context, at }: TemporalSpec, message: string, next: string, place = at): Error {
  return context.source.error(place, message, { code: 'SQL_NOT_SUPPORTED', next });
}

function conditionParts(spec: TemporalSpec, scope: Scope): readonly Expression[] {
  const { condition } = spec;
  if ('kind' in condition) return conjunctsOf(condition as Expression);
  return conjunctsOf(new ExpressionBinder(spec.context, scope).boolean(condition as Node, 'JOIN/ON'));
}

function requireParts(
  spec: TemporalSpec,
  keys: number,
  times: TemporalJoinNode['times'],
  rest: readonly Expression[],
): void {
  if (spec.asOf === undefined && times === undefined) {
    throw refuse(spec, 'an ASOF join compares a time of each side', 'add left.time >= right.time to ON');
  }
  if (spec.asOf === undefined && rest.length > 0) {
    throw refuse(spec, 'an ASOF join has equalities and one comparison of times', 'move the rest to WHERE');
  }
  if (keys === 0) throw refuse(spec, 'a temporal join needs an equality between its sides', 'add left.key = right.key');
}

/** An expression over the left columns and one over the right columns that must be equal. */
function equalSides(
  part: Expression,
  width: number,
): { readonly left: Expression; readonly right: Expression } | undefined {
  if (part.kind !== 'call' || part.function !== 'eq') return undefined;
  const [a, b] = part.args as readonly [Expression, Expression];
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (isOf(one, (column) => column < width) && isOf(other, (column) => column >= width)) {
      return { left: one, right: moveLeft(other, width) };
    }
  }
  return undefined;
}

function isOf(expression: Expression, belongs: (column: number) => boolean): boolean {
  const columns = [...columnsOf(expression)];
  return columns.length > 0 && columns.every(belongs);
}

function moveLeft(expression: Expression, by: number): Expression {
  return mapColumns(expression, (column) => Object.freeze({ ...column, index: column.index - by }));
}

function isTime({ type }: { readonly type: { readonly kind: string } }): boolean {
  return type.kind === 'timestamp' || type.kind === 'timestamptz';
}

/** `left.time >= right.time`, or the same the other way round. */
function comparedTimes(spec: TemporalSpec, part: Expression, width: number): TemporalJoinNode['times'] {
  if (part.kind !== 'call' || !['ge', 'le', 'gt', 'lt'].includes(part.function)) return undefined;
  const [a, b] = part.args as readonly [Expression, Expression];
  if (a.kind !== 'column' || b.kind !== 'column' || !isTime(a) || !isTime(b)) return undefined;
  const isLeftFirst = a.index < width && b.index >= width;
  if (!isLeftFirst && !(b.index < width && a.index >= width)) return undefined;
  const operator = isLeftFirst ? part.function : { ge: 'le', le: 'ge', gt: 'lt', lt: 'gt' }[part.function];
  if (operator !== 'ge') {
    throw refuse(spec, 'an ASOF join takes the newest row that is not later', 'write left.time >= right.time');
  }
  const [left, right] = isLeftFirst ? [a, b] : [b, a];
  return { left: left.index, right: right.index - width };
}

/** The time of the left row, and the event time of the right relation, from which each of its rows holds. */
function systemTimes(spec: TemporalSpec): TemporalJoinNode['times'] {
  const { context, left, right } = spec;
  const { time, timeAt } = spec.asOf!;
  const parts = time!;
  const column = left.scope.resolve(context.source, timeAt, parts.at(-1)!, parts.at(-2));
  if (!isTime(column)) throw refuse(spec, `"${column.name}" is not a time`, 'name a timestamp column', timeAt);
  const version = eventTimeOf(right.node);
  if (version === undefined) {
    throw refuse(
      spec,
      `"${right.scope.relations[0]?.name ?? ''}" has no event time: nothing says from when its rows hold`,
      'declare WATERMARK FOR in it, or write FOR SYSTEM_TIME AS OF PROCTIME()',
      spec.asOf!.at,
    );
  }
  return { left: column.index, right: version.columnIndex };
}

function temporalNode(
  spec: TemporalSpec,
  keys: readonly { readonly left: Expression; readonly right: Expression }[],
  rest: readonly Expression[],
  times: TemporalJoinNode['times'],
): PlanNode {
  const left = withKeys(
    spec.left.node,
    keys.map((key) => key.left),
  );
  const right = withKeys(
    spec.right.node,
    keys.map((key) => key.right),
  );
  const width = spec.left.node.columns.length;
  const by = left.node.columns.length - width;
  const moved = (expression: Expression): Expression =>
    mapColumns(expression, (column) =>
      column.index < width ? column : Object.freeze({ ...column, index: column.index + by }),
    );
  const node = spec.context.source.locate(spec.at, () =>
    temporalJoinNode({
      join: spec.join,
      left: left.node,
      right: right.node,
      leftKeys: left.keys,
      rightKeys: right.keys,
      times,
      condition: rest.length === 0 ? undefined : moved(conjunction(rest)),
    }),
  );
  const rightColumns = spec.right.node.columns.map((_, at) => width + by + at);
  return projectNode(
    node,
    [...spec.left.node.columns.keys(), ...rightColumns].map((at) => ({
      name: node.columns[at]!.name,
      expression: columnReference(node.columns, at),
    })),
  );
}

/** The node with a column for each key: its own, or one that is computed. */
function withKeys(
  node: PlanNode,
  keys: readonly Expression[],
): { readonly node: PlanNode; readonly keys: readonly number[] } {
  const computed = keys.filter((key) => key.kind !== 'column');
  const added = computed.map((expression, at) => ({ name: `key${at + 1}`, expression }));
  const made = computed.length === 0 ? node : projectNode(node, [...allColumns(node), ...added]);
  const positions = keys.map((key) =>
    key.kind === 'column' ? key.index : node.columns.length + computed.indexOf(key),
  );
  return { node: made, keys: positions };
}
