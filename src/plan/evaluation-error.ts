import { HeadraceError } from '../base/error.ts';

/** What can go wrong with one row's values; the codes that a dead letter with reason `expression` carries. */
export type EvaluationErrorCode =
  | 'PLAN_DIVISION_BY_ZERO'
  | 'PLAN_MORE_THAN_ONE_ROW'
  | 'PLAN_OUT_OF_RANGE'
  | 'PLAN_INVALID_TEXT'
  | 'PLAN_INVALID_ARGUMENT';

/** The message is PostgreSQL's where it has one. */
export function evaluationError(code: EvaluationErrorCode, message: string): HeadraceError {
  return new HeadraceError(`evaluating expression: ${message}`, { code, domain: 'plan' });
}

export function outOfRange(typeName: string): HeadraceError {
  return evaluationError('PLAN_OUT_OF_RANGE', `${typeName} out of range`);
}

export function divisionByZero(): HeadraceError {
  return evaluationError('PLAN_DIVISION_BY_ZERO', 'division by zero');
}

export function invalidText(typeName: string, text: string): HeadraceError {
  return evaluationError('PLAN_INVALID_TEXT', `invalid input syntax for type ${typeName}: "${text.slice(0, 200)}"`);
}
