import { HeadraceError } from '../base/error.ts';
import type { DataType } from './data-type.ts';
import type { CallExpression, CaseExpression, Expression, UserFunctionExpression } from './expression.ts';
import { type EvaluationContext, type FormName, findOverload, isForm } from './function.ts';
import { typeName } from './type-name.ts';
import { acceptUserValue } from './value/user-value.ts';
import { valueCast } from './value/value-cast.ts';
import { valueOrder } from './value/value-order.ts';

/** An expression ready to run: from a row (values as in data-type.ts, null for NULL) to a value. */
export type Evaluator = (row: readonly unknown[]) => unknown;

const EPOCH_CONTEXT: EvaluationContext = { nowUs: 0n };
const compiledOnce = new WeakMap<Expression, Evaluator>();

/**
 * The value of an expression for one row, with PostgreSQL's semantics: the reference that compiled expressions must agree with.
 *
 * @throws HeadraceError with an {@link EvaluationErrorCode}: division by zero, overflow, text that is no value of its type
 */
export function evaluate(expression: Expression, row: readonly unknown[], context?: EvaluationContext): unknown {
  if (context !== undefined) return compileExpression(expression, context)(row);
  let evaluator = compiledOnce.get(expression);
  if (evaluator === undefined) {
    evaluator = compileExpression(expression, EPOCH_CONTEXT);
    compiledOnce.set(expression, evaluator);
  }
  return evaluator(row);
}

/** Makes closures once, for many rows. The context's clock reading is the one at this call. */
export function compileExpression(expression: Expression, context: EvaluationContext = EPOCH_CONTEXT): Evaluator {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return () => value;
    }
    case 'column': {
      const { index } = expression;
      return (row) => row[index] ?? null;
    }
    case 'call':
      return compileCall(expression, context);
    case 'case':
      return compileCase(expression, context);
    case 'cast': {
      const input = compileExpression(expression.input, context);
      const cast = valueCast(expression.input.type, expression.type);
      if (cast === undefined) throw unknownOverload('cast', [expression.input.type, expression.type]);
      return (row) => {
        const value = input(row);
        return value === null ? null : cast(value);
      };
    }
    case 'user-function':
      return compileUserFunction(expression, context);
  }
}

function compileCall(expression: CallExpression, context: EvaluationContext): Evaluator {
  const args = expression.args.map((arg) => compileExpression(arg, context));
  if (isForm(expression.function)) return compileForm(expression.function, args, expression.args);
  if (expression.function === 'now') return () => context.nowUs;
  const types = expression.args.map((arg) => arg.type);
  const entry = findOverload(expression.function, types);
  if (entry === undefined) throw unknownOverload(expression.function, types);
  const { apply } = entry;
  if (!entry.strict) return (row) => apply(...args.map((arg) => arg(row)));
  const [first, second] = args;
  if (args.length === 1 && first !== undefined) {
    return (row) => {
      const a = first(row);
      return a === null ? null : apply(a);
    };
  }
  if (args.length === 2 && first !== undefined && second !== undefined) {
    return (row) => {
      const a = first(row);
      if (a === null) return null;
      const b = second(row);
      return b === null ? null : apply(a, b);
    };
  }
  return (row) => {
    const values = args.map((arg) => arg(row));
    return values.includes(null) ? null : apply(...values);
  };
}

function compileForm(name: FormName, args: readonly Evaluator[], inputs: readonly Expression[]): Evaluator {
  const [first = () => null, second = () => null] = args;
  const type: DataType = inputs[0]?.type ?? { kind: 'boolean' };
  switch (name) {
    case 'and':
      return (row) => connective(args, row, false);
    case 'or':
      return (row) => connective(args, row, true);
    case 'not':
      return (row) => {
        const value = first(row);
        return value === null ? null : value !== true;
      };
    case 'is_null':
      return (row) => first(row) === null;
    case 'is_not_null':
      return (row) => first(row) !== null;
    case 'is_true':
      return (row) => first(row) === true;
    case 'is_not_true':
      return (row) => first(row) !== true;
    case 'is_false':
      return (row) => first(row) === false;
    case 'is_not_false':
      return (row) => first(row) !== false;
    case 'is_distinct_from':
    case 'is_not_distinct_from': {
      const order = valueOrder(type);
      const wanted = name === 'is_distinct_from';
      return (row) => {
        const a = first(row);
        const b = second(row);
        return (a === null || b === null ? a !== b : order(a, b) !== 0) === wanted;
      };
    }
    case 'coalesce':
      return (row) => {
        for (const arg of args) {
          const value = arg(row);
          if (value !== null) return value;
        }
        return null;
      };
    case 'nullif': {
      const order = valueOrder(type);
      return (row) => {
        const a = first(row);
        const b = a === null ? null : second(row);
        return a !== null && b !== null && order(a, b) === 0 ? null : a;
      };
    }
    case 'greatest':
      return extreme(args, type, 1);
    case 'least':
      return extreme(args, type, -1);
  }
}

/** AND (decided by false) and OR (decided by true), left to right, stopping when decided. */
function connective(args: readonly Evaluator[], row: readonly unknown[], decisive: boolean): boolean | null {
  let unknown = false;
  for (const arg of args) {
    const value = arg(row);
    if (value === decisive) return decisive;
    if (value === null) unknown = true;
  }
  return unknown ? null : !decisive;
}

function extreme(args: readonly Evaluator[], type: DataType, direction: 1 | -1): Evaluator {
  const order = valueOrder(type);
  return (row) => {
    let best: unknown = null;
    for (const arg of args) {
      const value = arg(row);
      if (value !== null && (best === null || order(value, best) * direction > 0)) best = value;
    }
    return best;
  };
}

function compileCase(expression: CaseExpression, context: EvaluationContext): Evaluator {
  const branches = expression.branches.map((branch) => ({
    when: compileExpression(branch.when, context),
    result: compileExpression(branch.then, context),
  }));
  const otherwise = compileExpression(expression.otherwise, context);
  return (row) => {
    for (const branch of branches) if (branch.when(row) === true) return branch.result(row);
    return otherwise(row);
  };
}

function compileUserFunction(expression: UserFunctionExpression, context: EvaluationContext): Evaluator {
  const called = context.userFunction?.(expression.module, expression.exportName, expression.options);
  if (called === undefined) {
    throw new HeadraceError(`calling user function ${expression.name}: its module is not loaded`, {
      code: 'PLAN_USER_FUNCTION_MISSING',
      domain: 'plan',
      next: 'pass the module of the pipeline to the evaluator',
    });
  }
  const args = expression.args.map((arg) => compileExpression(arg, context));
  return (row) => acceptUserValue(called(...args.map((arg) => arg(row))), expression.type, expression.name);
}

function unknownOverload(name: string, types: readonly DataType[]): HeadraceError {
  return new HeadraceError(`evaluating ${name}(${types.map(typeName).join(', ')}): there is no such function`, {
    code: 'PLAN_UNKNOWN_FUNCTION',
    domain: 'plan',
    next: 'make expressions with plan/coercion.ts, which finds the overload and adds the casts',
  });
}
