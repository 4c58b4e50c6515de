import type { Expression } from '../expression.ts';

/** Its value follows from nothing but itself: no column, no clock, no user function. */
export function isConstant(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return true;
    case 'column':
    case 'user-function':
      return false;
    case 'cast':
      return isConstant(expression.input);
    case 'case':
      return (
        isConstant(expression.otherwise) &&
        expression.branches.every((branch) => isConstant(branch.when) && isConstant(branch.then))
      );
    case 'call':
      return expression.function !== 'now' && expression.args.every(isConstant);
  }
}
