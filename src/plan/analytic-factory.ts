import { HeadraceError } from '../base/error.ts';
import type { Column } from './data-type.ts';
import type { Expression } from './expression.ts';
import type {
  LookupNode,
  MatchNode,
  OverNode,
  PlanNode,
  SortKey,
  TableFunctionNode,
  TemporalJoinNode,
  TopNNode,
  UserCallNode,
  WindowCall,
} from './node.ts';
import { TYPE, typeName } from './type-name.ts';

/** A spec of a node: without its kind and its output columns, which follow from the rest. */
type Spec<Node extends PlanNode> = Omit<Node, 'kind' | 'columns'>;

export const RANK_COLUMN = 'rank';
export const ORDINALITY_COLUMN = 'ordinality';

function invalid(message: string): HeadraceError {
  return new HeadraceError(`making a plan: ${message}`, { code: 'PLAN_INVALID_NODE', domain: 'plan' });
}

function columns(...parts: readonly (readonly Column[])[]): readonly Column[] {
  return Object.freeze(parts.flat().map((column) => Object.freeze({ ...column })));
}

function sortKeys(keys: readonly SortKey[]): readonly SortKey[] {
  return Object.freeze(keys.map((key) => Object.freeze({ ...key })));
}

function requireColumns(node: PlanNode, positions: readonly number[], what: string): void {
  if (positions.some((at) => node.columns[at] === undefined)) throw invalid(`${what} is not a column of the input`);
}

/** @throws HeadraceError `PLAN_INVALID_NODE` */
export function topNNode(spec: Spec<TopNNode>, rankName = RANK_COLUMN): TopNNode {
  const { input, partition, limit, offset } = spec;
  requireColumns(input, partition, 'a partition key of a top-N');
  if ((limit !== undefined && limit < 0) || offset < 0) throw invalid('a limit and an offset are zero or more');
  const rank = spec.withRank ? [{ name: rankName, type: TYPE.int8, nullable: false }] : [];
  return Object.freeze({
    ...spec,
    kind: 'top-n',
    partition: Object.freeze([...partition]),
    keys: sortKeys(spec.keys),
    columns: columns(input.columns, rank),
  });
}

/** `names` are those of the calls' columns. */
export function overNode(spec: Spec<OverNode>, names: readonly string[]): OverNode {
  const made = spec.calls.map((call, index) => ({ name: names[index]!, type: call.type, nullable: mayBeNull(call) }));
  return Object.freeze({
    kind: 'over',
    input: spec.input,
    partition: Object.freeze([...spec.partition]),
    keys: sortKeys(spec.keys),
    calls: Object.freeze(spec.calls.map((call) => Object.freeze({ ...call }))),
    columns: columns(spec.input.columns, made),
  });
}

const NEVER_NULL: ReadonlySet<WindowCall['function']> = new Set([
  'row_number',
  'rank',
  'dense_rank',
  'percent_rank',
  'cume_dist',
]);

function mayBeNull(call: WindowCall): boolean {
  return !NEVER_NULL.has(call.function) && call.aggregate?.function !== 'count';
}

/** `made` are the function's columns. */
export function tableFunctionNode(
  spec: Spec<TableFunctionNode>,
  made: readonly Column[],
  ordinalityName = ORDINALITY_COLUMN,
): TableFunctionNode {
  const ordinal = spec.ordinality ? [{ name: ordinalityName, type: TYPE.int8, nullable: spec.outer }] : [];
  const own = made.map((column) => ({ ...column, nullable: spec.outer || column.nullable }));
  return Object.freeze({
    ...spec,
    kind: 'table-function',
    args: Object.freeze([...spec.args]),
    columns: columns(spec.input.columns, own, ordinal),
  });
}

/** @throws HeadraceError `PLAN_INVALID_NODE` */
export function temporalJoinNode(spec: Spec<TemporalJoinNode>): TemporalJoinNode {
  const { left, right, leftKeys, rightKeys, times } = spec;
  if (leftKeys.length !== rightKeys.length)
    throw invalid('a temporal join has as many keys on the left as on the right');
  requireColumns(left, leftKeys, 'a left key of a temporal join');
  requireColumns(right, rightKeys, 'a right key of a temporal join');
  if (times !== undefined) {
    const types = [left.columns[times.left]?.type, right.columns[times.right]?.type];
    if (types[0]?.kind !== types[1]?.kind) {
      const shown = types.map((type) => (type === undefined ? 'none' : typeName(type)));
      throw invalid(`the times of a temporal join must have one type, not ${shown.join(' and ')}`);
    }
  }
  const optional = right.columns.map((column) => ({ ...column, nullable: column.nullable || spec.join === 'left' }));
  return Object.freeze({
    ...spec,
    kind: 'temporal-join',
    leftKeys: Object.freeze([...leftKeys]),
    rightKeys: Object.freeze([...rightKeys]),
    times: times === undefined ? undefined : Object.freeze({ ...times }),
    columns: columns(left.columns, optional),
  });
}

/** One row per match: the partition columns, then the measures, which have these names. */
export function matchNode(spec: Spec<MatchNode>, names: readonly string[]): MatchNode {
  requireColumns(spec.input, spec.partition, 'a partition key of a pattern');
  const measures = spec.measures.map((measure: Expression, index) => ({
    name: names[index]!,
    type: measure.type,
    nullable: true,
  }));
  return Object.freeze({
    ...spec,
    kind: 'match',
    columns: columns(
      spec.partition.map((at) => spec.input.columns[at]!),
      measures,
    ),
  });
}

export function lookupNode(spec: Spec<LookupNode>): LookupNode {
  const found = spec.found.map((column) => ({ ...column, nullable: column.nullable || spec.join === 'left' }));
  return Object.freeze({ ...spec, kind: 'lookup', columns: columns(spec.input.columns, found) });
}

/** `names` are those of the calls' columns. */
export function userCallNode(spec: Spec<UserCallNode>, names: readonly string[]): UserCallNode {
  const made = spec.calls.map((call, index) => ({ name: names[index]!, type: call.type, nullable: true }));
  return Object.freeze({ ...spec, kind: 'user-call', columns: columns(spec.input.columns, made) });
}
