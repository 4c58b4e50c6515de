import type { Expression } from '../plan/expression.ts';
import { caseExpression, castTo, columnReference } from '../plan/expression-factory.ts';
import { aggregateNode, type NamedExpression } from '../plan/factory.ts';
import type { AggregateCall, AggregateNode, PlanNode } from '../plan/node.ts';
import { serializeExpression } from '../plan/pipeline-text.ts';
import type { ExpressionBinder } from './expression-binder.ts';
import type { SourceText } from './source-text.ts';

/** Column positions from here on stand for aggregate results until the aggregate node is made. */
const PLACEHOLDER_BASE = 1_000_000;

/** Gathers the aggregates of one SELECT, then turns expressions over them into expressions over the aggregate node's columns. */
export class Aggregation {
  readonly #calls: AggregateCall[] = [];
  readonly #texts: string[] = [];

  /** Answers with a placeholder; equal calls share one. */
  readonly collect = (call: AggregateCall): Expression => {
    const text = JSON.stringify([
      call.function,
      call.distinct,
      call.argument === undefined ? null : serializeExpression(call.argument),
      call.filter === undefined ? null : serializeExpression(call.filter),
    ]);
    let index = this.#texts.indexOf(text);
    if (index < 0) {
      index = this.#texts.push(text) - 1;
      this.#calls.push(call);
    }
    return Object.freeze({ kind: 'column', type: call.type, index: PLACEHOLDER_BASE + index, name: call.function });
  };

  get used(): boolean {
    return this.#calls.length > 0;
  }

  /** Makes the node; groups and aggregates take the names of the targets that are exactly them. */
  node(input: PlanNode, groups: readonly Expression[], targets: readonly NamedExpression[]): AggregateNode {
    const named = groups.map((expression, index): NamedExpression => {
      const text = serializeExpression(expression);
      const target = targets.find((candidate) => serializeExpression(candidate.expression) === text);
      const own = expression.kind === 'column' ? expression.name : `group${index + 1}`;
      return { name: target?.name ?? own, expression };
    });
    const calls = this.#calls.map((call, index) => {
      const target = targets.find(
        ({ expression }) => expression.kind === 'column' && expression.index === PLACEHOLDER_BASE + index,
      );
      return { name: target?.name ?? `${call.function}_${index + 1}`, call };
    });
    return aggregateNode(input, named, calls);
  }
}

/** Rewrites expressions bound to the input (and placeholders) into expressions over the aggregate node. */
export class AggregateRebase {
  readonly #node: AggregateNode;
  readonly #groupTexts: readonly string[];
  readonly #source: SourceText;
  readonly #binder: ExpressionBinder;

  constructor(node: AggregateNode, source: SourceText, binder: ExpressionBinder) {
    this.#node = node;
    this.#groupTexts = node.groups.map(serializeExpression);
    this.#source = source;
    this.#binder = binder;
  }

  /** @throws HeadraceError `SQL_GROUPING` for a column that is neither grouped nor aggregated */
  rebase(expression: Expression, at: number): Expression {
    const group = this.#groupTexts.indexOf(serializeExpression(expression));
    if (group >= 0) return columnReference(this.#node.columns, group);
    const inner = (child: Expression): Expression => this.rebase(child, at);
    switch (expression.kind) {
      case 'literal':
        return expression;
      case 'column':
        if (expression.index >= PLACEHOLDER_BASE) {
          return columnReference(this.#node.columns, this.#groupTexts.length + expression.index - PLACEHOLDER_BASE);
        }
        throw this.#source.error(
          this.#binder.places.get(expression) ?? at,
          `column "${expression.name}" must appear in the GROUP BY clause or be used in an aggregate function`,
          { code: 'SQL_GROUPING' },
        );
      case 'cast':
        return castTo(inner(expression.input), expression.type);
      case 'case':
        return caseExpression(
          // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`; it is never awaited
          expression.branches.map((branch) => ({ when: inner(branch.when), then: inner(branch.then) })),
          inner(expression.otherwise),
        );
      case 'call':
      case 'user-function':
        return Object.freeze({ ...expression, args: Object.freeze(expression.args.map(inner)) });
    }
  }
}
