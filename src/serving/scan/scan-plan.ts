import { accumulatorInputs } from '../../engine/operator/aggregate/accumulator.ts';
import { columnsRead } from '../../engine/operator/row-evaluator.ts';
import type { Expression } from '../../plan/expression.ts';
import { columnOf, tableScanNode } from '../../plan/factory.ts';
import type {
  AggregateCall,
  AggregateNode,
  DistinctNode,
  FilterNode,
  PlanNode,
  ProjectNode,
  WindowNode,
} from '../../plan/node.ts';
import { serializeExpression } from '../../plan/pipeline-text.ts';
import type { TumblingWindow } from '../../plan/window-shape.ts';

/** No topic and no view has it in its name. */
export const SCAN_RELATION_PREFIX = 'scan:';

/** A part of a query that is answered by one pass over the segments of a topic. */
export interface AggregateScan {
  /** The relation that stands for its result in the rest of the query. */
  readonly name: string;
  /** The topic, as the query names it. */
  readonly relation: string;
  readonly aggregate: AggregateNode;
}

export interface ScannedPlan {
  readonly plan: PlanNode;
  readonly scans: readonly AggregateScan[];
}

/**
 * Takes the aggregates out of a query that read a single topic through filters, projections and windows: what remains has
 * their results as relations. Of distinct values, the scan finds the values, and what remains counts them; where that cannot
 * be, the aggregate stays.
 */
export function takeAggregateScans(
  plan: PlanNode,
  scannable: (aggregate: AggregateNode, relation: string) => boolean,
): ScannedPlan {
  const scans = new Map<AggregateNode, AggregateScan>();
  const take = (aggregate: AggregateNode): PlanNode | undefined => {
    const relation = scannedTopic(aggregate);
    if (relation === undefined || !scannable(aggregate, relation)) return undefined;
    const scan = scans.get(aggregate) ?? { name: `${SCAN_RELATION_PREFIX}${scans.size}`, relation, aggregate };
    scans.set(aggregate, scan);
    return tableScanNode(scan.name, aggregate.columns);
  };
  const rewrite = (node: PlanNode): PlanNode => {
    if (node.kind === 'aggregate') {
      const split = splitDistinct(node);
      const scan = take(split?.inner ?? node);
      if (scan !== undefined) return split?.outer(scan) ?? scan;
    } else if (node.kind === 'distinct') {
      const scan = take(groupedByAll(node));
      if (scan !== undefined) return scan;
    }
    if (node.kind === 'join') return { ...node, left: rewrite(node.left), right: rewrite(node.right) };
    if (node.kind === 'set-operation') return { ...node, inputs: node.inputs.map(rewrite) };
    return 'input' in node ? { ...node, input: rewrite(node.input) } : node;
  };
  return { plan: rewrite(plan), scans: [...scans.values()] };
}

/** DISTINCT is a grouping by everything. */
function groupedByAll({ input, columns }: DistinctNode): AggregateNode {
  const groups = columns.map((_, index) => columnOf(input, index));
  return { kind: 'aggregate', input, columns, groups, aggregates: [], windowGroups: undefined };
}

/** Aggregates over the distinct values of one expression, as a grouping by it and aggregates over its groups. */
function splitDistinct(
  node: AggregateNode,
): { readonly inner: AggregateNode; readonly outer: (input: PlanNode) => AggregateNode } | undefined {
  const argument = node.aggregates[0]?.argument;
  if (argument === undefined) return undefined;
  const text = serializeExpression(argument);
  const splits = ({ function: name, distinct, filter, argument: own }: AggregateCall): boolean =>
    distinct && COUNTED.has(name) && filter === undefined && own !== undefined && serializeExpression(own) === text;
  if (!node.aggregates.every(splits)) return undefined;
  const { groups, columns } = node;
  const value = { name: 'value', type: argument.type, nullable: true };
  const inner: AggregateNode = {
    ...node,
    groups: [...groups, argument],
    aggregates: [],
    columns: [...columns.slice(0, groups.length), value],
    windowGroups: undefined,
  };
  return {
    inner,
    outer: (input) => ({
      ...node,
      input,
      groups: groups.map((_, index) => columnOf(input, index)),
      aggregates: node.aggregates.map((call) => ({
        ...call,
        distinct: false,
        argument: columnOf(input, groups.length),
      })),
      windowGroups: undefined,
    }),
  };
}

/** Aggregates that a scan computes, of arguments of any type that they take but for intervals. */
const COUNTED: ReadonlySet<AggregateCall['function']> = new Set(['count', 'sum', 'avg']);

function isCounted({ function: name, distinct, argument }: AggregateCall): boolean {
  if (distinct) return false;
  if (name === 'min' || name === 'max') return true;
  return name === 'count' || (COUNTED.has(name) && argument?.type.kind !== 'interval');
}

function scannedTopic(aggregate: AggregateNode): string | undefined {
  if (!aggregate.aggregates.every(isCounted)) return undefined;
  let node = aggregate.input;
  while (isScanned(node)) node = node.input;
  return node.kind === 'table-scan' ? node.name : undefined;
}

/** Whether a scan computes the node itself, row by row. */
export function isScanned(node: PlanNode): node is FilterNode | ProjectNode | WindowNode {
  if (node.kind === 'window') return node.window.kind === 'tumbling';
  return node.kind === 'filter' || node.kind === 'project';
}

/** The window of a node that {@link isScanned}. */
export function tumblingOf(node: WindowNode): TumblingWindow {
  if (node.window.kind !== 'tumbling') throw new Error(`a scan has no step for a ${node.window.kind} window`);
  return node.window;
}

/** The nodes from the scan up to `top`. */
export function chainOf(top: PlanNode): readonly PlanNode[] {
  const chain: PlanNode[] = [];
  for (let node: PlanNode | undefined = top; node !== undefined; ) {
    chain.unshift(node);
    node = 'input' in node ? node.input : undefined;
  }
  return chain;
}

/** Of each node of a chain, the positions of the columns that are read above it. */
export function columnsNeeded(top: PlanNode, wanted: ReadonlySet<number>): ReadonlyMap<PlanNode, ReadonlySet<number>> {
  const needed = new Map<PlanNode, ReadonlySet<number>>();
  let read = wanted;
  for (const node of [...chainOf(top)].reverse()) {
    needed.set(node, read);
    read = readBelow(node, read);
  }
  return needed;
}

/** The columns of its input that an aggregate reads. */
export function columnsAggregated(aggregate: AggregateNode): ReadonlySet<number> {
  const { groups, aggregates } = aggregate;
  const filters = aggregates.flatMap(({ filter }) => filter ?? []);
  return readBy([...groups, ...aggregates.flatMap(accumulatorInputs), ...filters]);
}

/** What an aggregate evaluates for each row: groups, then arguments, then filters. */
export function expressionsOf({ groups, aggregates }: AggregateNode): readonly Expression[] {
  return [
    ...groups,
    ...aggregates.flatMap(({ argument }) => argument ?? []),
    ...aggregates.flatMap(({ filter }) => filter ?? []),
  ];
}

/** What the expressions read, and `also`. */
export function readBy(expressions: readonly Expression[], also: ReadonlySet<number> = new Set()): ReadonlySet<number> {
  const read = new Set(also);
  for (const expression of expressions) columnsRead(expression, read);
  return read;
}

function readBelow(node: PlanNode, read: ReadonlySet<number>): ReadonlySet<number> {
  switch (node.kind) {
    case 'filter':
      return readBy([node.predicate], read);
    case 'project':
      return readBy(node.expressions.filter((_, at) => read.has(at)));
    case 'window': {
      const { length } = node.input.columns;
      return new Set([...[...read].filter((at) => at < length), node.timeColumn]);
    }
    default:
      return read;
  }
}
