import type { Expression } from '../../plan/expression.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { inputsOf } from '../../plan/factory.ts';
import type { PlanNode } from '../../plan/node.ts';
import { mapColumns, moveColumns } from '../../plan/optimizer/rewrite.ts';
import { serializeExpression } from '../../plan/pipeline-text.ts';

/**
 * Which task has a row of a node: rows in which these expressions, over the columns of the node, are equal are in the same task. None at
 * all: every row is in the first task. Undefined: nothing is known, a row may be anywhere.
 */
export type Distribution = readonly Expression[] | undefined;

const known = new WeakMap<PlanNode, { readonly distribution: Distribution }>();

/** Of a node whose inputs lie as it needs them: with exchanges where they must be. Pure. */
export function distributionOf(node: PlanNode): Distribution {
  const found = known.get(node);
  if (found !== undefined) return found.distribution;
  const distribution = derived(node);
  known.set(node, { distribution });
  return distribution;
}

/** Everything is in the first task. */
export function isSingle(node: PlanNode): boolean {
  return distributionOf(node)?.length === 0;
}

function derived(node: PlanNode): Distribution {
  switch (node.kind) {
    case 'source':
      // A change takes back a row that another partition may have brought: one task reads them all.
      return node.changes?.mode === 'upsert' ? [] : undefined;
    case 'table-scan':
    case 'values':
    case 'limit':
      return [];
    case 'exchange':
      return node.keys;
    case 'project':
      return moved(distributionOf(node.input), node.expressions, node);
    case 'aggregate':
      return moved(distributionOf(node.input), node.groups, node);
    case 'match':
      return moved(
        distributionOf(node.input),
        node.partition.map((at) => columnReference(node.input.columns, at)),
        node,
      );
    case 'join':
    case 'temporal-join':
      return joined(node);
    case 'set-operation':
      return common(node);
    default:
      return distributionOf(node.input);
  }
}

/** The expressions as columns of a node that has each of `made`, in order; unknown when one is not among them. */
function moved(distribution: Distribution, made: readonly Expression[], node: PlanNode): Distribution {
  if (distribution === undefined) return undefined;
  const texts = made.map(keyText);
  const places = distribution.map((expression) => texts.indexOf(keyText(expression)));
  return places.includes(-1) ? undefined : places.map((at) => columnReference(node.columns, at));
}

function joined(node: PlanNode & { kind: 'join' | 'temporal-join' }): Distribution {
  const left = distributionOf(node.left);
  const right = distributionOf(node.right);
  if (left?.length === 0 && right?.length === 0) return [];
  // A row that met nothing has nulls for the other side.
  if (node.join === 'full') return undefined;
  if (node.join !== 'right') return left;
  const shift = node.left.columns.length;
  return right?.map((expression) => moveColumns(expression, node.columns, (at) => at + shift));
}

function common(node: PlanNode): Distribution {
  const [first, ...others] = inputsOf(node).map(distributionOf);
  if (first === undefined) return undefined;
  const own = first.map((expression) => moveColumns(expression, node.columns, (at) => at));
  const texts = own.map(keyText).join();
  const isCommon = others.every((other) => other !== undefined && other.map(keyText).join() === texts);
  return isCommon ? own : undefined;
}

/** Equal for expressions that are equal but for the names of columns. */
export function keyText(expression: Expression): string {
  return serializeExpression(mapColumns(expression, (column) => ({ ...column, name: '' })));
}

/** Rows that are equal in all of `keys` are together. */
export function isTogether(distribution: Distribution, keys: readonly Expression[]): boolean {
  if (distribution === undefined) return false;
  const texts = new Set(keys.map(keyText));
  return distribution.every((expression) => texts.has(keyText(expression)));
}
