import type { Expression } from '../../plan/expression.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { someExpression } from '../../plan/expression-map.ts';
import { exchangeNode, inputsOf } from '../../plan/factory.ts';
import type { AggregateNode, OutputNode, Pipeline, PlanNode } from '../../plan/node.ts';
import { joinCondition } from '../../plan/optimizer/join-condition.ts';
import { columnsOf, withInputs } from '../../plan/optimizer/rewrite.ts';
import { shareNodes } from '../../plan/pipeline-text.ts';
import { typesEqual } from '../../plan/type-name.ts';
import { distributionOf, isTogether, keyText } from './distribution.ts';
import { isMadeOfPartials } from './partial-choice.ts';
import { stageOf } from './stage-plan.ts';

/** Two expressions that are equal where two rows meet, each over the columns of its side. */
interface Pair {
  readonly left: Expression;
  readonly right: Expression;
}

/**
 * The pipeline with exchanges below the operators that need rows together which are not: by the keys that say which. What has no keys
 * goes to one task. Pure.
 */
export function withExchanges(pipeline: Pipeline): Pipeline {
  const placement = new ExchangePlacement();
  return shareNodes({ ...pipeline, outputs: pipeline.outputs.map((output) => placement.output(output)) });
}

class ExchangePlacement {
  readonly #placed = new Map<PlanNode, PlanNode>();

  output(output: OutputNode): OutputNode {
    const input = this.#place(output.input);
    if (output.mode !== 'upsert') return Object.freeze({ ...output, input });
    // The last change of a key is its row: one task writes them all.
    const keys = output.numbered === true ? allColumns(input) : columnsAt(input, output.keys);
    return Object.freeze({ ...output, input: gathered(input, keys, keys) });
  }

  #place(node: PlanNode): PlanNode {
    const known = this.#placed.get(node);
    if (known !== undefined) return known;
    const inputs = inputsOf(node).map((input) => this.#place(input));
    const placed = withInputs(node, aligned(needed(node, inputs)));
    this.#placed.set(node, placed);
    return placed;
  }
}

/** The inputs of a node with exchanges where its rows must come together. */
function needed(node: PlanNode, inputs: readonly PlanNode[]): readonly PlanNode[] {
  const [input] = inputs;
  const together = (keys: readonly Expression[]): readonly PlanNode[] => [gathered(input!, keys, keys)];
  switch (node.kind) {
    case 'deduplicate':
      return together(columnsAt(input!, node.keys));
    case 'aggregate':
      return [aggregated(node, input!)];
    case 'window':
      return node.window.kind === 'session' ? together(columnsAt(input!, node.window.keys)) : inputs;
    case 'top-n':
    case 'match':
      return together(columnsAt(input!, node.partition));
    case 'over':
      return together(node.partition);
    case 'limit':
      return together([]);
    case 'distinct':
      return together(allColumns(input!));
    case 'set-operation':
      return node.operation === 'union' && node.all ? inputs : compared(inputs);
    case 'join': {
      const { keys } = joinCondition(node);
      return met(inputs, keys);
    }
    case 'temporal-join': {
      const pairs = node.leftKeys.map((key, at) => ({
        left: columnReference(inputs[0]!.columns, key),
        right: columnReference(inputs[1]!.columns, node.rightKeys[at]!),
      }));
      return met(inputs, pairs);
    }
    default:
      return inputs;
  }
}

/** Rows in which `keys` are equal in one task; exchanged by `preferred`, some of them, where they are not. */
function gathered(input: PlanNode, keys: readonly Expression[], preferred: readonly Expression[]): PlanNode {
  if (isTogether(distributionOf(input), keys)) return input;
  return exchanged(input, preferred.filter(isImmutable));
}

/** By the groups that are no bounds of windows, so that the windows of a key are in one task. */
function aggregated(node: AggregateNode, input: PlanNode): PlanNode {
  const { groups, windowGroups } = node;
  if (isTogether(distributionOf(input), groups)) return input;
  const bounds = [windowGroups?.start, windowGroups?.end];
  const own = groups.filter((group, at) => !bounds.includes(at) && isImmutable(group));
  const keys = own.length > 0 ? own : groups.filter(isImmutable);
  return isMadeOfPartials(node, input) ? exchangeNode(input, keys, true) : exchanged(input, keys);
}

/** Rows of several inputs that are equal are together. */
function compared(inputs: readonly PlanNode[]): readonly PlanNode[] {
  if (inputs.every((input) => distributionOf(input)?.length === 0)) return inputs;
  const [first, ...others] = inputs;
  const isAlike = others.every((other) =>
    other.columns.every(({ type }, at) => typesEqual(type, first!.columns[at]!.type)),
  );
  return inputs.map((input) => exchanged(input, isAlike ? allColumns(input) : []));
}

/** The sides of a join: rows that can meet are together. */
function met(inputs: readonly PlanNode[], pairs: readonly Pair[]): readonly PlanNode[] {
  const [left, right] = inputs as readonly [PlanNode, PlanNode];
  const usable = pairs.filter((pair) => isImmutable(pair.left) && isImmutable(pair.right) && alike(pair));
  const byLeft = partners(left, usable, 'left', 'right');
  if (byLeft !== undefined) return [left, lying(right, byLeft)];
  const byRight = partners(right, usable, 'right', 'left');
  if (byRight !== undefined) return [lying(left, byRight), right];
  return [
    lying(
      left,
      usable.map((pair) => pair.left),
    ),
    lying(
      right,
      usable.map((pair) => pair.right),
    ),
  ];
}

const alike = ({ left, right }: Pair): boolean => typesEqual(left.type, right.type);

/** What the rows of the other side must lie by to meet those of a side that stays where it is; undefined when it cannot. */
function partners(
  node: PlanNode,
  pairs: readonly Pair[],
  own: keyof Pair,
  other: keyof Pair,
): readonly Expression[] | undefined {
  const distribution = distributionOf(node);
  if (distribution === undefined || distribution.length === 0) return undefined;
  const found = distribution.map((expression) => pairs.find((pair) => keyText(pair[own]) === keyText(expression)));
  return found.includes(undefined) ? undefined : found.map((pair) => pair![other]);
}

/** The node, its rows lying by exactly these keys, in their order. */
function lying(node: PlanNode, keys: readonly Expression[]): PlanNode {
  const distribution = distributionOf(node);
  const isSo = distribution !== undefined && distribution.map(keyText).join() === keys.map(keyText).join();
  return isSo ? node : exchanged(node, keys);
}

/** Below what only orders rows, or gives each its windows: less goes over. */
function exchanged(input: PlanNode, keys: readonly Expression[]): PlanNode {
  if (input.kind === 'sort') return withInputs(input, [exchanged(input.input, keys)]);
  if (input.kind === 'window' && input.window.kind !== 'session') {
    const width = input.input.columns.length;
    if (keys.every((key) => [...columnsOf(key)].every((at) => at < width))) {
      return withInputs(input, [exchanged(input.input, keys)]);
    }
  }
  return exchangeNode(input, keys);
}

/** Inputs of one stage: those of an earlier one go on to it as they lie. */
function aligned(inputs: readonly PlanNode[]): readonly PlanNode[] {
  const stage = Math.max(...inputs.map(stageOf));
  return inputs.map((input) => {
    if (input.kind === 'exchange' || stageOf(input) === stage) return input;
    return exchangeNode(input, distributionOf(input) ?? allColumns(input).filter(isImmutable));
  });
}

function allColumns(node: PlanNode): readonly Expression[] {
  return node.columns.map((_, at) => columnReference(node.columns, at));
}

function columnsAt(node: PlanNode, positions: readonly number[]): readonly Expression[] {
  return positions.map((at) => columnReference(node.columns, at));
}

/** Its value is the same wherever and whenever it is computed. */
function isImmutable(expression: Expression): boolean {
  return !someExpression(expression, (inner) => inner.kind === 'call' && inner.function === 'now');
}
