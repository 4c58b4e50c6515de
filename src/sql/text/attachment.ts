import type { SelectStmt, SubLink } from 'libpg-query';
import { tableFunctionNode } from '../../plan/analytic-factory.ts';
import type { Operand } from '../../plan/coercion.ts';
import type { Column } from '../../plan/data-type.ts';
import type { ColumnExpression, Expression } from '../../plan/expression.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { projectNode } from '../../plan/factory.ts';
import type { PlanNode } from '../../plan/node.ts';
import { dependentJoin } from '../../plan/optimizer/decorrelate.ts';
import {
  localColumnsOf,
  mapColumnsIn,
  mapOuterReferences,
  outerColumnsBelow,
  outerReference,
} from '../../plan/optimizer/outer-reference.ts';
import { serializeExpression, serializePlan } from '../../plan/pipeline-text.ts';
import { bindSubquery } from '../clause/subquery.ts';
import type { BoundTableFunction } from '../clause/table-function-call.ts';
import type { BindContext, ExpressionBinder } from '../expression-binder.ts';
import { ATTACHMENT_PLACEHOLDER, WINDOW_PLACEHOLDER } from '../placeholder.ts';
import type { Scope } from '../scope.ts';

/** A query inside of another one, whose columns it may name. */
export type BindInner = (select: SelectStmt, outer: Scope) => PlanNode;

export interface AttachmentSpec {
  readonly context: BindContext;
  /** The rows that the expressions are over. */
  readonly input: PlanNode;
  readonly scope: Scope;
  readonly bindInner: BindInner;
  readonly ttlMs: number | undefined;
  /** Undefined where set-returning functions may stand; else the clause that refuses them. */
  readonly refusesFunctions?: string;
}

/** A query of at most one row, or a set-returning function: the value that it adds to a row. */
type Attachment =
  | { readonly kind: 'query'; readonly plan: PlanNode; readonly text: string; readonly at: number }
  | { readonly kind: 'function'; readonly called: BoundTableFunction; readonly text: string; readonly at: number };

/** The rows with the columns of attachments, and expressions with those columns in place of what stood for them. */
export interface Attached {
  readonly node: PlanNode;
  readonly replace: <Value>(value: Value) => Value;
}

/**
 * Gathers the sub-queries and set-returning functions of a clause. Each stands as a placeholder in its expression until the rows that
 * it is computed for are there; then it becomes a column of them.
 */
export class Attachments {
  readonly #spec: AttachmentSpec;
  readonly #items: Attachment[] = [];
  readonly #placed = new Map<number, { readonly node: PlanNode; readonly column: number }>();

  constructor(spec: AttachmentSpec) {
    this.#spec = spec;
  }

  get count(): number {
    return this.#items.length;
  }

  /** Whether a set-returning function is among them: rows come of one row. */
  get multiplies(): boolean {
    return this.#items.some((item) => item.kind === 'function');
  }

  /** What stands for a sub-query in an expression. */
  subquery(link: SubLink, binder: ExpressionBinder): Operand {
    const { context, input, scope, bindInner } = this.#spec;
    const add = (plan: PlanNode, at: number): Expression => this.query(plan, at);
    return bindSubquery({ context, columns: input.columns, level: scope.level, bindInner, scope, add }, link, binder);
  }

  /** What stands for the first column of a query that has at most one row; equal queries are one. */
  query(plan: PlanNode, at: number): Expression {
    const text = serializePlan(plan);
    const known = this.#items.findIndex((item) => item.kind === 'query' && item.text === text);
    const index = known >= 0 ? known : this.#items.push({ kind: 'query', plan, text, at }) - 1;
    return this.#placeholder(index, plan.columns[0]!);
  }

  /** What stands for a set-returning function; equal calls are one. */
  setReturning(called: BoundTableFunction, at: number): Expression {
    const { refusesFunctions, context } = this.#spec;
    if (refusesFunctions !== undefined) {
      throw context.source.error(at, `set-returning functions are not allowed in ${refusesFunctions}`, {
        code: 'SQL_NOT_SUPPORTED',
        next: 'write it in FROM',
      });
    }
    const text = JSON.stringify([called.function, called.args.map(serializeExpression)]);
    const known = this.#items.findIndex((item) => item.kind === 'function' && item.text === text);
    if (known >= 0) return this.#placeholder(known, called.columns[0]!);
    if (this.multiplies) {
      throw context.source.error(at, 'a select list may have one set-returning function', {
        code: 'SQL_NOT_SUPPORTED',
        next: 'write the others in FROM; unnest(a, b) goes through two arrays side by side',
      });
    }
    return this.#placeholder(this.#items.push({ kind: 'function', called, text, at }) - 1, called.columns[0]!);
  }

  #placeholder(item: number, { type, name }: Column): ColumnExpression {
    return Object.freeze({ kind: 'column', type, index: ATTACHMENT_PLACEHOLDER + item, name });
  }

  /**
   * Adds to the rows what stands in `within` (everything that is left, when it is not given), one column each. `reference` turns a
   * column of the input, or a placeholder of the SELECT, into an expression over the rows.
   */
  attach(
    rows: PlanNode,
    options: {
      readonly within?: unknown;
      readonly reference?: (column: ColumnExpression, at: number) => Expression;
    } = {},
  ): Attached {
    const wanted = options.within === undefined ? undefined : this.#closure(options.within);
    const reference = options.reference ?? ((column): Expression => column);
    let node = rows;
    const replace = <Value>(value: Value): Value =>
      mapColumnsIn(value, (column) => {
        const placed = this.#placed.get(column.index);
        return placed === undefined ? column : columnReference(placed.node.columns, placed.column);
      });
    this.#items.forEach((item, index) => {
      const placeholder = ATTACHMENT_PLACEHOLDER + index;
      if (this.#placed.has(placeholder) || wanted?.has(placeholder) === false) return;
      const column = node.columns.length;
      node = this.#add(node, item, (inner) => replace(reference(inner, item.at)));
      this.#placed.set(placeholder, { node, column });
    });
    return { node, replace };
  }

  /** The placeholders in a value, with those that stand inside of what they stand for. */
  #closure(value: unknown): ReadonlySet<number> {
    const found = new Set<number>();
    const visit = (columns: readonly number[]): void => {
      for (const index of columns) {
        const item = this.#items[index - ATTACHMENT_PLACEHOLDER];
        if (item === undefined || found.has(index)) continue;
        found.add(index);
        const isFunction = item.kind === 'function';
        visit(isFunction ? localColumnsOf(item.called.args) : outerColumnsBelow(item.plan, this.#spec.scope.level));
      }
    };
    visit(localColumnsOf(value));
    return found;
  }

  #add(node: PlanNode, item: Attachment, reference: (column: ColumnExpression) => Expression): PlanNode {
    const { context, scope, ttlMs } = this.#spec;
    const over = (column: ColumnExpression): Expression => {
      if (column.index >= WINDOW_PLACEHOLDER && column.index < ATTACHMENT_PLACEHOLDER) {
        throw context.source.error(item.at, 'a window function cannot stand beside a sub-query here', {
          code: 'SQL_NOT_SUPPORTED',
          next: 'compute it in a query of its own, in FROM',
        });
      }
      return reference(column);
    };
    return context.source.locate(item.at, () => {
      if (item.kind === 'function') return functionColumn(node, item.called, over);
      const { level } = scope;
      const right = mapOuterReferences(item.plan, (column, at, index) => {
        if (at !== level) return column;
        const moved = over({ ...column, index });
        return mapColumnsIn(moved, ({ index: position, type, name }) => outerReference(level, position, type, name));
      });
      return dependentJoin({ kind: 'left', left: node, right, level, condition: undefined, ttlMs });
    });
  }
}

function functionColumn(
  input: PlanNode,
  called: BoundTableFunction,
  over: (column: ColumnExpression) => Expression,
): PlanNode {
  const args = mapColumnsIn(called.args, over);
  return tableFunctionNode({ function: called.function, input, args, ordinality: false, outer: false }, called.columns);
}

/** The rows without what was attached to them. */
export function withoutAttached(node: PlanNode, columns: readonly Column[]): PlanNode {
  return projectNode(
    node,
    columns.map(({ name }, index) => ({ name, expression: columnReference(node.columns, index) })),
  );
}
