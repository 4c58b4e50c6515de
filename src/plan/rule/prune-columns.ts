import { matchNode, overNode, temporalJoinNode, topNNode } from '../analytic-factory.ts';
import { isAppendOnly, uniqueKey } from '../changelog.ts';
import type { Expression } from '../expression.ts';
import { columnReference } from '../expression-factory.ts';
import { isExpression, mapExpressionsIn } from '../expression-map.ts';
import {
  aggregateNode,
  deduplicateNode,
  filterNode,
  inputsOf,
  joinNode,
  projectNode,
  setOperationNode,
  windowNode,
} from '../factory.ts';
import type {
  AggregateNode,
  JoinNode,
  OverNode,
  PlanNode,
  SetOperationNode,
  SortKey,
  TemporalJoinNode,
  TopNNode,
} from '../node.ts';
import { columnsOf, moveColumns, withInputs } from '../optimizer/rewrite.ts';

/** A node that gives fewer columns, and for each that is still there its new position (-1 for the others). */
interface Pruned {
  readonly node: PlanNode;
  readonly position: (column: number) => number;
}

const SAME = (column: number): number => column;

/**
 * The same rows with nothing kept that nobody reads: joins, window functions and top-N keep whole rows, so that a projection is put
 * below them; and window functions without a reader are not computed. A node that several read keeps all of its columns.
 */
export class ColumnPruning {
  readonly #isShared: (node: PlanNode) => boolean;
  readonly #done = new Map<PlanNode, PlanNode>();

  constructor(isShared: (node: PlanNode) => boolean) {
    this.#isShared = isShared;
  }

  /** The node with all of its columns. */
  whole(node: PlanNode): PlanNode {
    const known = this.#done.get(node);
    if (known !== undefined) return known;
    const { node: made, position } = this.#pruned(node, new Set(node.columns.keys()));
    const result = rearranged({ node: made, position }, node, [...node.columns.keys()]);
    this.#done.set(node, result);
    return result;
  }

  /** At least the columns that are needed. */
  #prune(node: PlanNode, needed: ReadonlySet<number>): Pruned {
    if (this.#isShared(node)) return { node: this.whole(node), position: SAME };
    return this.#pruned(node, needed);
  }

  /** Exactly the columns that are needed, in their order; at least one. */
  #narrow(node: PlanNode, needed: ReadonlySet<number>): Pruned {
    const columns = [...needed].sort((a, b) => a - b);
    if (columns.length === 0) columns.push(0);
    if (node.columns.length === 0) return { node: this.whole(node), position: SAME };
    const pruned = this.#prune(node, new Set(columns));
    return { node: rearranged(pruned, node, columns), position: (column) => columns.indexOf(column) };
  }

  #pruned(node: PlanNode, needed: ReadonlySet<number>): Pruned {
    switch (node.kind) {
      case 'filter': {
        const input = this.#prune(node.input, union(needed, columnsOf(node.predicate)));
        return { node: filterNode(input.node, moved(node.predicate, input)), position: input.position };
      }
      case 'project': {
        const kept = [...node.expressions.keys()].filter((column) => needed.has(column));
        if (kept.length === 0 && node.expressions.length > 0) kept.push(0);
        const input = this.#prune(node.input, columnsOf(...kept.map((column) => node.expressions[column]!)));
        const items = kept.map((column) => ({
          name: node.columns[column]!.name,
          expression: moved(node.expressions[column]!, input),
        }));
        return { node: projectNode(input.node, items), position: (column) => kept.indexOf(column) };
      }
      case 'deduplicate': {
        const input = this.#prune(node.input, union(union(needed, node.keys), identity(node.input)));
        return {
          node: deduplicateNode(input.node, node.keys.map(input.position), node.ttlMs),
          position: input.position,
        };
      }
      case 'window':
        return this.#window(node, needed);
      case 'aggregate':
        return this.#aggregate(node, needed);
      case 'join':
        return this.#join(node, needed);
      case 'temporal-join':
        return this.#temporalJoin(node, needed);
      case 'set-operation':
        if (node.operation === 'union' && node.all && node.columns.length > 0) return this.#unionAll(node, needed);
        return this.#untouched(node);
      case 'top-n':
        return this.#topN(node, needed);
      case 'over':
        return this.#over(node, needed);
      case 'match': {
        const reads = union(
          node.partition,
          columnsOf(...sortExpressions(node.keys), ...expressionsIn(node.navigations)),
        );
        const input = this.#narrow(node.input, reads);
        const spec = {
          ...node,
          input: input.node,
          partition: node.partition.map(input.position),
          keys: movedKeys(node.keys, input),
          navigations: mapExpressionsIn(node.navigations, (expression) => moved(expression, input)),
        };
        return {
          node: matchNode(
            spec,
            node.columns.slice(node.partition.length).map((column) => column.name),
          ),
          position: SAME,
        };
      }
      default:
        return this.#untouched(node);
    }
  }

  /** What needs all columns of its inputs. */
  #untouched(node: PlanNode): Pruned {
    const inputs = inputsOf(node).map((input) => this.whole(input));
    return { node: withInputs(node, inputs), position: SAME };
  }

  #window(node: PlanNode & { kind: 'window' }, needed: ReadonlySet<number>): Pruned {
    const width = node.input.columns.length;
    const keys = node.window.kind === 'session' ? node.window.keys : [];
    const wanted = [...needed].filter((column) => column < width);
    const input = this.#prune(node.input, union(wanted, [node.timeColumn, ...keys]));
    const window = node.window.kind === 'session' ? { ...node.window, keys: keys.map(input.position) } : node.window;
    const made = windowNode(input.node, window, input.position(node.timeColumn));
    const shift = input.node.columns.length - width;
    return { node: made, position: (column) => (column < width ? input.position(column) : column + shift) };
  }

  /** Aggregates that nobody reads are not computed; without groups one stays, since there is a row. */
  #aggregate(node: AggregateNode, needed: ReadonlySet<number>): Pruned {
    const width = node.groups.length;
    const kept = [...node.aggregates.keys()].filter((call) => needed.has(width + call));
    if (kept.length === 0 && width === 0) kept.push(0);
    const chosen = kept.map((call) => node.aggregates[call]!);
    const input = this.#prune(node.input, columnsOf(...node.groups, ...expressionsIn(chosen)));
    const groups = node.groups.map((group, index) => ({
      name: node.columns[index]!.name,
      expression: moved(group, input),
    }));
    const calls = kept.map((call, index) => ({
      name: node.columns[width + call]!.name,
      call: mapExpressionsIn(chosen[index]!, (expression) => moved(expression, input)),
    }));
    const position = (column: number): number => {
      if (column < width) return column;
      const at = kept.indexOf(column - width);
      return at < 0 ? -1 : width + at;
    };
    return { node: aggregateNode(input.node, groups, calls), position };
  }

  #unionAll(node: SetOperationNode, needed: ReadonlySet<number>): Pruned {
    const inputs = node.inputs.map((input) => this.#narrow(input, needed));
    return {
      node: setOperationNode(
        'union',
        true,
        inputs.map((input) => input.node),
      ),
      position: inputs[0]!.position,
    };
  }

  #join(node: JoinNode, needed: ReadonlySet<number>): Pruned {
    const width = node.left.columns.length;
    const reads = union(needed, columnsOf(node.condition));
    const left = this.#narrow(node.left, new Set([...reads].filter((column) => column < width)));
    const right = this.#narrow(node.right, new Set([...reads].flatMap((at) => (at < width ? [] : [at - width]))));
    const shift = left.node.columns.length;
    const position = (column: number): number => {
      if (column < width) return left.position(column);
      const at = right.position(column - width);
      return at < 0 ? -1 : at + shift;
    };
    const columns = [...left.node.columns, ...right.node.columns];
    const condition = node.condition && moveColumns(node.condition, columns, position);
    return { node: joinNode(node.join, left.node, right.node, condition, node.ttlMs), position };
  }

  #temporalJoin(node: TemporalJoinNode, needed: ReadonlySet<number>): Pruned {
    const width = node.left.columns.length;
    const reads = union(needed, columnsOf(node.condition));
    const times =
      node.times === undefined ? { left: [], right: [] } : { left: [node.times.left], right: [node.times.right] };
    const ofLeft = [...reads].filter((column) => column < width);
    const ofRight = [...reads].flatMap((column) => (column < width ? [] : [column - width]));
    const own = union(identity(node.left), [...node.leftKeys, ...times.left]);
    const left = this.#narrow(node.left, union(ofLeft, own));
    const right = this.#narrow(node.right, union(ofRight, [...node.rightKeys, ...times.right]));
    const shift = left.node.columns.length;
    const position = (column: number): number => {
      if (column < width) return left.position(column);
      const at = right.position(column - width);
      return at < 0 ? -1 : at + shift;
    };
    const columns = [...left.node.columns, ...right.node.columns];
    const made = temporalJoinNode({
      join: node.join,
      left: left.node,
      right: right.node,
      leftKeys: node.leftKeys.map(left.position),
      rightKeys: node.rightKeys.map(right.position),
      times: node.times && { left: left.position(node.times.left), right: right.position(node.times.right) },
      condition: node.condition && moveColumns(node.condition, columns, position),
    });
    return { node: made, position };
  }

  #topN(node: TopNNode, needed: ReadonlySet<number>): Pruned {
    const width = node.input.columns.length;
    const wanted = [...needed].filter((column) => column < width);
    const input = this.#narrow(
      node.input,
      union(wanted, [...node.partition, ...columnsOf(...sortExpressions(node.keys))]),
    );
    const { limit, offset, rank } = node;
    const withRank = node.withRank && needed.has(width);
    const partition = node.partition.map(input.position);
    const spec = { input: input.node, partition, keys: movedKeys(node.keys, input), limit, offset, rank, withRank };
    const made = topNNode(spec, node.columns[width]?.name);
    const rankAt = input.node.columns.length;
    return { node: made, position: (column) => (column < width ? input.position(column) : rankAt) };
  }

  #over(node: OverNode, needed: ReadonlySet<number>): Pruned {
    const width = node.input.columns.length;
    const kept = [...node.calls.keys()].filter((call) => needed.has(width + call));
    const wanted = [...needed].filter((column) => column < width);
    if (kept.length === 0) return this.#prune(node.input, new Set(wanted));
    const calls = kept.map((call) => node.calls[call]!);
    const own = columnsOf(...node.partition, ...sortExpressions(node.keys), ...expressionsIn(calls));
    const input = this.#narrow(node.input, union(wanted, own));
    const spec = {
      input: input.node,
      partition: node.partition.map((key) => moved(key, input)),
      keys: movedKeys(node.keys, input),
      calls: mapExpressionsIn(calls, (expression) => moved(expression, input)),
    };
    const made = overNode(
      spec,
      kept.map((call) => node.columns[width + call]!.name),
    );
    const first = input.node.columns.length;
    const position = (column: number): number =>
      column < width
        ? input.position(column)
        : kept.includes(column - width)
          ? first + kept.indexOf(column - width)
          : -1;
    return { node: made, position };
  }
}

/** What tells apart the rows of a node that may be taken back: for who must know which of them it is that goes. */
function identity(node: PlanNode): Iterable<number> {
  return isAppendOnly(node, 'updates') ? [] : (uniqueKey(node) ?? node.columns.keys());
}

function union(a: Iterable<number>, b: Iterable<number>): Set<number> {
  return new Set([...a, ...b]);
}

function moved(expression: Expression, input: Pruned): Expression {
  return moveColumns(expression, input.node.columns, input.position);
}

function movedKeys(keys: readonly SortKey[], input: Pruned): readonly SortKey[] {
  return keys.map((key) => ({ ...key, expression: moved(key.expression, input) }));
}

function sortExpressions(keys: readonly SortKey[]): readonly Expression[] {
  return keys.map((key) => key.expression);
}

/** Every expression in a value of a plan. */
function expressionsIn(value: unknown): readonly Expression[] {
  const found: Expression[] = [];
  const visit = (item: unknown): void => {
    if (isExpression(item)) found.push(item);
    else if (typeof item === 'object' && item !== null) Object.values(item).forEach(visit);
  };
  visit(value);
  return found;
}

/** The columns of `was`, from where they are now. */
function rearranged({ node, position }: Pruned, was: PlanNode, columns: readonly number[]): PlanNode {
  return projectNode(
    node,
    columns.map((column) => ({
      name: was.columns[column]!.name,
      expression: columnReference(node.columns, position(column)),
    })),
  );
}
