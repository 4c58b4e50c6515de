import type { SelectStmt } from 'libpg-query';
import { topNNode } from '../../plan/analytic-factory.ts';
import type { Expression } from '../../plan/expression.ts';
import { columnReference } from '../../plan/expression-factory.ts';
import { distinctNode, type NamedExpression, projectNode, sortNode } from '../../plan/factory.ts';
import type { PlanNode, SortKey } from '../../plan/node.ts';
import { serializeExpression } from '../../plan/pipeline-text.ts';
import type { BindContext } from '../expression-binder.ts';
import { type BoundSort, orderRows, type RowRange } from './result-order.ts';
import type { Target } from './target-list.ts';

/** What a SELECT does with its rows when they are made. */
export interface OutputSpec {
  readonly targets: readonly Target[];
  readonly distinct: boolean;
  /** Keys of DISTINCT ON. */
  readonly distinctOn: readonly BoundSort[] | undefined;
  readonly sorts: readonly BoundSort[];
  readonly range: RowRange | undefined;
}

export function isDistinctOn(select: SelectStmt): boolean {
  const first = select.distinctClause?.[0];
  return first !== undefined && Object.keys(first).length > 0;
}

/** Select list, DISTINCT, ORDER BY and LIMIT over rows whose expressions are all bound to `input`. */
export function selectOutput(context: BindContext, input: PlanNode, spec: OutputSpec, streaming: boolean): PlanNode {
  const columns = new OutputColumns(spec.targets);
  const isOrdered = !streaming || spec.distinct || spec.distinctOn !== undefined || spec.range !== undefined;
  const sorts = (isOrdered ? spec.sorts : []).map((sort): PlacedSort => {
    const index = columns.place(sort.expression, sort.output);
    if (spec.distinct && index >= spec.targets.length) {
      throw context.source.error(sort.at, 'for SELECT DISTINCT, ORDER BY expressions must appear in the select list', {
        code: 'SQL_INVALID_CLAUSE',
        next: 'add the expression to the select list',
      });
    }
    return { ...sort, index };
  });
  const on = spec.distinctOn?.map((key) => ({ ...key, index: columns.place(key.expression, key.output) }));
  const rows = projectNode(input, columns.all);
  const keys = sorts.map((sort) => sortKey(rows, sort));
  const made =
    on === undefined
      ? orderRows(spec.distinct ? distinctNode(rows) : rows, keys, spec.range, streaming)
      : firstPerKey(context, rows, on, sorts, spec.range, streaming);
  return columns.all.length === spec.targets.length ? made : withoutHidden(made, spec.targets);
}

interface PlacedSort extends BoundSort {
  /** Position among the columns that are made. */
  readonly index: number;
}

/** The select list, and after it what only DISTINCT ON and ORDER BY need. */
class OutputColumns {
  readonly #targets: readonly Target[];
  readonly #hidden: NamedExpression[] = [];

  constructor(targets: readonly Target[]) {
    this.#targets = targets;
  }

  get all(): readonly NamedExpression[] {
    return [...this.#targets.map(({ name, expression }) => ({ name, expression })), ...this.#hidden];
  }

  place(expression: Expression, output: number | undefined): number {
    if (output !== undefined) return output;
    const text = serializeExpression(expression);
    const known = this.all.findIndex((column) => serializeExpression(column.expression) === text);
    if (known >= 0) return known;
    this.#hidden.push({ name: `sort${this.#hidden.length + 1}`, expression });
    return this.all.length - 1;
  }
}

function sortKey(rows: PlanNode, { index, descending, nullsFirst }: PlacedSort): SortKey {
  return { expression: columnReference(rows.columns, index), descending, nullsFirst };
}

/** DISTINCT ON: of each key the row that is first in order, or that came first. */
function firstPerKey(
  context: BindContext,
  rows: PlanNode,
  on: readonly PlacedSort[],
  sorts: readonly PlacedSort[],
  range: RowRange | undefined,
  streaming: boolean,
): PlanNode {
  const partition = [...new Set(on.map((key) => key.index))];
  const leading = sorts.slice(0, partition.length).map((sort) => sort.index);
  if (sorts.length > 0 && partition.some((key) => !leading.includes(key))) {
    const names = partition.map((key) => rows.columns[key]!.name);
    throw context.source.error(sorts[0]!.at, 'SELECT DISTINCT ON expressions must match initial ORDER BY expressions', {
      code: 'SQL_INVALID_CLAUSE',
      next: `write ORDER BY ${names.join(', ')} and then what decides which row stays`,
    });
  }
  const keys = sorts.filter((sort) => !partition.includes(sort.index)).map((sort) => sortKey(rows, sort));
  const first = topNNode({
    input: rows,
    partition,
    keys,
    limit: 1,
    offset: 0,
    rank: 'row_number',
    withRank: false,
  });
  const order = sorts.map((sort) => sortKey(rows, sort));
  if (range === undefined) return streaming || order.length === 0 ? first : sortNode(first, order);
  return orderRows(first, order, range, streaming);
}

function withoutHidden(node: PlanNode, targets: readonly Target[]): PlanNode {
  return projectNode(
    node,
    targets.map(({ name }, index) => ({ name, expression: columnReference(node.columns, index) })),
  );
}
