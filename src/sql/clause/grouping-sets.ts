import type { Node } from 'libpg-query';
import type { Operand } from '../../plan/coercion.ts';
import type { Expression } from '../../plan/expression.ts';
import { columnReference, literal, nullLiteral } from '../../plan/expression-factory.ts';
import { aggregateNode, type NamedExpression, projectNode, setOperationNode } from '../../plan/factory.ts';
import type { AggregateCall, PlanNode } from '../../plan/node.ts';
import { serializeExpression } from '../../plan/pipeline-text.ts';
import { TYPE } from '../../plan/type-name.ts';
import type { BindContext, ExpressionBinder } from '../expression-binder.ts';
import { GROUPING_ARGUMENTS_MAX, GROUPING_SETS_MAX } from '../limits.ts';
import { GROUPING_PLACEHOLDER } from '../placeholder.ts';
import { nodeLocation } from '../text/syntax-tree.ts';

/** GROUP BY: the expressions, and the sets of them (by position) that rows are grouped by. */
export interface Grouping {
  readonly expressions: readonly Expression[];
  readonly sets: readonly (readonly number[])[];
}

/** PostgreSQL's rules (its manual, section 7.2.4): what stands side by side in GROUP BY is multiplied out. */
export function bindGrouping(
  context: BindContext,
  clause: readonly Node[],
  isDistinct: boolean,
  bind: (node: Node) => Expression,
): Grouping {
  const expressions: Expression[] = [];
  const texts: string[] = [];
  const place = (node: Node): number => {
    const expression = bind(node);
    const text = serializeExpression(expression);
    const known = texts.indexOf(text);
    if (known >= 0) return known;
    texts.push(text);
    return expressions.push(expression) - 1;
  };
  const tooMany = (node: Node): Error =>
    context.source.error(context.place(nodeLocation(node)), `there are more than ${GROUPING_SETS_MAX} grouping sets`, {
      code: 'SQL_TOO_COMPLEX',
      next: 'group by fewer of them, in several views',
    });
  let sets: readonly (readonly number[])[] = [[]];
  for (const node of clause) {
    const own = setsOf(node, place);
    sets = sets.flatMap((set) => own.map((more) => [...new Set([...set, ...more])]));
    if (sets.length > GROUPING_SETS_MAX) throw tooMany(node);
  }
  return { expressions, sets: isDistinct ? withoutDuplicates(sets) : sets };
}

function setsOf(node: Node, place: (node: Node) => number): readonly (readonly number[])[] {
  if (!('GroupingSet' in node)) return [columnsOfItem(node, place)];
  const content = node.GroupingSet.content ?? [];
  switch (node.GroupingSet.kind) {
    case 'GROUPING_SET_EMPTY':
      return [[]];
    case 'GROUPING_SET_ROLLUP': {
      const items = content.map((item) => columnsOfItem(item, place));
      return Array.from({ length: items.length + 1 }, (_, dropped) => items.slice(0, items.length - dropped).flat());
    }
    case 'GROUPING_SET_CUBE': {
      const items = content.map((item) => columnsOfItem(item, place));
      if (2 ** items.length > GROUPING_SETS_MAX) return Array.from({ length: GROUPING_SETS_MAX + 1 }, () => []);
      const most = 2 ** items.length - 1;
      return Array.from({ length: most + 1 }, (_, dropped) =>
        items.filter((_item, index) => ((dropped >> (items.length - 1 - index)) & 1) === 0).flat(),
      );
    }
    case 'GROUPING_SET_SETS':
      return content.flatMap((item) => setsOf(item, place));
    default:
      return [content.flatMap((item) => columnsOfItem(item, place))];
  }
}

/** `a`, or `(a, b)`: several that come and go together. */
function columnsOfItem(node: Node, place: (node: Node) => number): readonly number[] {
  if ('RowExpr' in node) return (node.RowExpr.args ?? []).map(place);
  if ('List' in node) return (node.List.items ?? []).map(place);
  return [place(node)];
}

function withoutDuplicates(sets: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const seen = new Map(sets.map((set) => [[...set].sort((a, b) => a - b).join(), set]));
  return [...seen.values()];
}

/** Calls of GROUPING(...), each as a placeholder until the grouped rows are made. */
export class GroupingCalls {
  readonly #context: BindContext;
  readonly #calls: { readonly args: readonly Expression[]; readonly at: number }[] = [];
  /** Binds the arguments. */
  readonly #binder: () => ExpressionBinder;

  constructor(context: BindContext, binder: () => ExpressionBinder) {
    this.#context = context;
    this.#binder = binder;
  }

  get count(): number {
    return this.#calls.length;
  }

  readonly intercept = (node: Node): Operand | undefined => {
    if (!('GroupingFunc' in node)) return undefined;
    const at = this.#context.place(node.GroupingFunc.location);
    const args = (node.GroupingFunc.args ?? []).map((arg) => this.#binder().bind(arg));
    if (args.length > GROUPING_ARGUMENTS_MAX) {
      throw this.#context.source.error(at, `GROUPING must have fewer than ${GROUPING_ARGUMENTS_MAX + 1} arguments`);
    }
    const index = GROUPING_PLACEHOLDER + this.#calls.push({ args, at }) - 1;
    return Object.freeze({ kind: 'column', type: TYPE.int4, index, name: 'grouping' });
  };

  /** For each call its number in this set: bit 0 is the last argument, and is set when the rows are not grouped by it. */
  values(grouping: Grouping, set: readonly number[]): readonly number[] {
    const texts = grouping.expressions.map(serializeExpression);
    return this.#calls.map(({ args, at }) =>
      args.reduce((bits, arg) => {
        const group = texts.indexOf(serializeExpression(arg));
        if (group < 0) {
          throw this.#context.source.error(at, 'arguments to GROUPING must be grouping expressions', {
            code: 'SQL_GROUPING',
            next: 'add them to GROUP BY',
          });
        }
        return bits * 2 + (set.includes(group) ? 0 : 1);
      }, 0),
    );
  }
}

/**
 * The grouped rows: the groups, the aggregates, and the results of GROUPING. Several sets are one aggregate each over the shared
 * input, so that each keeps only its own groups, windows close in each, and the empty set has its row also without input.
 */
export function groupedRows(
  input: PlanNode,
  grouping: Grouping,
  named: readonly NamedExpression[],
  calls: readonly { readonly name: string; readonly call: AggregateCall }[],
  groupings: GroupingCalls,
): PlanNode {
  const sets = grouping.sets.map((set) => {
    const node = aggregateNode(
      input,
      set.map((group) => named[group]!),
      calls,
    );
    const groups = named.map(({ name, expression }, group): NamedExpression => {
      const at = set.indexOf(group);
      return { name, expression: at < 0 ? nullLiteral(expression.type) : columnReference(node.columns, at) };
    });
    const results = calls.map(({ name }, index) => ({
      name,
      expression: columnReference(node.columns, set.length + index),
    }));
    const bits = groupings.values(grouping, set).map((value, index) => ({
      name: `grouping_${index + 1}`,
      expression: literal(value, TYPE.int4),
    }));
    return projectNode(node, [...groups, ...results, ...bits]);
  });
  return sets.length === 1 ? sets[0]! : setOperationNode('union', true, sets);
}
