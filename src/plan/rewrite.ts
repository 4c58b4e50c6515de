import type { Column } from './data-type.ts';
import type { ColumnExpression, Expression } from './expression.ts';
import { columnReference } from './expression-factory.ts';

/** The same expression with what `column` gives in place of each column; types stay, since every column gets one of its own type. */
export function mapColumns(expression: Expression, column: (column: ColumnExpression) => Expression): Expression {
  switch (expression.kind) {
    case 'literal':
      return expression;
    case 'column':
      return column(expression);
    case 'cast':
      return Object.freeze({ ...expression, input: mapColumns(expression.input, column) });
    case 'case':
      return Object.freeze({
        ...expression,
        branches: Object.freeze(
          expression.branches.map((branch) =>
            Object.freeze({
              when: mapColumns(branch.when, column),
              // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`; it is never awaited
              then: mapColumns(branch.then, column),
            }),
          ),
        ),
        otherwise: mapColumns(expression.otherwise, column),
      });
    case 'call':
    case 'user-function':
      return Object.freeze({
        ...expression,
        args: Object.freeze(expression.args.map((arg) => mapColumns(arg, column))),
      });
  }
}

/** The columns that an expression reads. */
export function columnsOf(expression: Expression, found: Set<number> = new Set()): Set<number> {
  switch (expression.kind) {
    case 'literal':
      break;
    case 'column':
      found.add(expression.index);
      break;
    case 'cast':
      columnsOf(expression.input, found);
      break;
    case 'case':
      for (const branch of expression.branches) {
        columnsOf(branch.when, found);
        columnsOf(branch.then, found);
      }
      columnsOf(expression.otherwise, found);
      break;
    case 'call':
    case 'user-function':
      for (const arg of expression.args) columnsOf(arg, found);
  }
  return found;
}

/** The expression over other columns: position `index` becomes `position(index)` of `columns`. */
export function moveColumns(
  expression: Expression,
  columns: readonly Column[],
  position: (index: number) => number,
): Expression {
  return mapColumns(expression, (column) => columnReference(columns, position(column.index)));
}
