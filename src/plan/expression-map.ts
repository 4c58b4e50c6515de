import type { Expression } from './expression.ts';

const KINDS: ReadonlySet<unknown> = new Set(['literal', 'column', 'call', 'case', 'cast', 'user-function']);

/** Whether a value found in a plan is an expression: it has a kind of one, and a type. */
export function isExpression(value: unknown): value is Expression {
  return typeof value === 'object' && value !== null && 'type' in value && 'kind' in value && KINDS.has(value.kind);
}

/** The expression with `map` of each of those directly below it; itself when they stay the same. */
export function mapOperands(expression: Expression, map: (inner: Expression) => Expression): Expression {
  switch (expression.kind) {
    case 'literal':
    case 'column':
      return expression;
    case 'cast': {
      const input = map(expression.input);
      return input === expression.input ? expression : Object.freeze({ ...expression, input });
    }
    case 'case': {
      const branches = expression.branches.map(({ when, then: result }) =>
        // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`; it is never awaited
        Object.freeze({ when: map(when), then: map(result) }),
      );
      return Object.freeze({
        ...expression,
        branches: Object.freeze(branches),
        otherwise: map(expression.otherwise),
      });
    }
    case 'call':
    case 'user-function': {
      const args = expression.args.map(map);
      const same = args.every((arg, at) => arg === expression.args[at]);
      return same ? expression : Object.freeze({ ...expression, args: Object.freeze(args) });
    }
  }
}

/** A value of a plan (a node without its inputs, an aggregate call, sort keys) with `map` of each expression in it. */
export function mapExpressionsIn<Value>(value: Value, map: (expression: Expression) => Expression): Value {
  if (isExpression(value)) return map(value) as Value;
  if (Array.isArray(value)) return Object.freeze(value.map((item: unknown) => mapExpressionsIn(item, map))) as Value;
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, mapExpressionsIn(item as unknown, map)]);
  return Object.freeze(Object.fromEntries(entries)) as Value;
}

/** Whether the condition holds for the expression or for one inside of it. */
export function someExpression(expression: Expression, condition: (inner: Expression) => boolean): boolean {
  let found = condition(expression);
  mapOperands(expression, (inner) => {
    found ||= someExpression(inner, condition);
    return inner;
  });
  return found;
}
