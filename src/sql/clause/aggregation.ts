import type { Expression } from '../../plan/expression.ts';
import { caseExpression, castTo, columnReference } from '../../plan/expression-factory.ts';
import type { NamedExpression } from '../../plan/factory.ts';
import type { AggregateCall, PlanNode } from '../../plan/node.ts';
import { serializeAggregate, serializeExpression } from '../../plan/pipeline-text.ts';
import {
  AGGREGATE_PLACEHOLDER,
  ATTACHMENT_PLACEHOLDER,
  GROUPING_PLACEHOLDER,
  WINDOW_PLACEHOLDER,
} from '../placeholder.ts';
import type { SourceText } from '../text/source-text.ts';
import { type Grouping, type GroupingCalls, groupedRows } from './grouping-sets.ts';

/** Gathers the aggregates of one SELECT, then turns expressions over them into expressions over the grouped rows. */
export class Aggregation {
  #calls: AggregateCall[] = [];
  readonly #texts: string[] = [];

  /** Answers with a placeholder; equal calls share one. */
  readonly collect = (call: AggregateCall): Expression => {
    const text = serializeAggregate(call);
    let index = this.#texts.indexOf(text);
    if (index < 0) {
      index = this.#texts.push(text) - 1;
      this.#calls.push(call);
    }
    return Object.freeze({
      kind: 'column',
      type: call.type,
      index: AGGREGATE_PLACEHOLDER + index,
      name: call.user?.name ?? call.function,
    });
  };

  get count(): number {
    return this.#calls.length;
  }

  get calls(): readonly AggregateCall[] {
    return this.#calls;
  }

  /** Gives the calls other columns of the same rows. */
  replace(replace: <Value>(value: Value) => Value): void {
    this.#calls = this.#calls.map(replace);
  }

  /** Makes the grouped rows; groups and aggregates take the names of the targets that are exactly them. */
  node(input: PlanNode, grouping: Grouping, groupings: GroupingCalls, targets: readonly NamedExpression[]): PlanNode {
    const named = grouping.expressions.map((expression, index): NamedExpression => {
      const text = serializeExpression(expression);
      const target = targets.find((candidate) => serializeExpression(candidate.expression) === text);
      const own = expression.kind === 'column' ? expression.name : `group${index + 1}`;
      return { name: target?.name ?? own, expression };
    });
    const calls = this.#calls.map((call, index) => {
      const target = targets.find(
        ({ expression }) => expression.kind === 'column' && expression.index === AGGREGATE_PLACEHOLDER + index,
      );
      return { name: target?.name ?? `${call.user?.name ?? call.function}_${index + 1}`, call };
    });
    return groupedRows(input, grouping, named, calls, groupings);
  }
}

/** Rewrites expressions bound to the rows of FROM (and placeholders) into expressions over the grouped rows. */
export class AggregateRebase {
  readonly #node: PlanNode;
  readonly #groupTexts: readonly string[];
  readonly #aggregates: number;
  readonly #source: SourceText;
  readonly #placeOf: (expression: Expression) => number | undefined;

  constructor(
    rows: { readonly node: PlanNode; readonly grouping: Grouping; readonly aggregates: number },
    source: SourceText,
    placeOf: (expression: Expression) => number | undefined,
  ) {
    this.#node = rows.node;
    this.#groupTexts = rows.grouping.expressions.map(serializeExpression);
    this.#aggregates = rows.aggregates;
    this.#source = source;
    this.#placeOf = placeOf;
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
        return this.#column(expression, at);
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

  #column(expression: Expression & { kind: 'column' }, at: number): Expression {
    const { index } = expression;
    const groups = this.#groupTexts.length;
    if (index >= ATTACHMENT_PLACEHOLDER) return expression;
    if (index >= GROUPING_PLACEHOLDER) {
      return columnReference(this.#node.columns, groups + this.#aggregates + index - GROUPING_PLACEHOLDER);
    }
    if (index >= WINDOW_PLACEHOLDER) return expression;
    if (index >= AGGREGATE_PLACEHOLDER) {
      return columnReference(this.#node.columns, groups + index - AGGREGATE_PLACEHOLDER);
    }
    throw this.#source.error(
      this.#placeOf(expression) ?? at,
      `column "${expression.name}" must appear in the GROUP BY clause or be used in an aggregate function`,
      { code: 'SQL_GROUPING' },
    );
  }
}
