import type { Expression } from './expression.ts';
import { typeName } from './type-name.ts';
import { valueToText } from './value/value-text.ts';

const OPERATORS: Readonly<Record<string, readonly [symbol: string, precedence: number]>> = {
  or: ['OR', 1],
  and: ['AND', 2],
  eq: ['=', 5],
  ne: ['<>', 5],
  lt: ['<', 5],
  le: ['<=', 5],
  gt: ['>', 5],
  ge: ['>=', 5],
  like: ['LIKE', 6],
  ilike: ['ILIKE', 6],
  matches: ['~', 7],
  imatches: ['~*', 7],
  concat: ['||', 7],
  contains: ['@>', 7],
  contained_by: ['<@', 7],
  overlap: ['&&', 7],
  bitwise_and: ['&', 7],
  bitwise_or: ['|', 7],
  bitwise_xor: ['#', 7],
  shift_left: ['<<', 7],
  shift_right: ['>>', 7],
  json_get: ['->', 7],
  json_get_text: ['->>', 7],
  add: ['+', 8],
  subtract: ['-', 8],
  multiply: ['*', 9],
  divide: ['/', 9],
  modulo: ['%', 9],
  is_distinct_from: ['IS DISTINCT FROM', 4],
  is_not_distinct_from: ['IS NOT DISTINCT FROM', 4],
};

const SUFFIXES: Readonly<Record<string, string>> = {
  is_null: 'IS NULL',
  is_not_null: 'IS NOT NULL',
  is_true: 'IS TRUE',
  is_not_true: 'IS NOT TRUE',
  is_false: 'IS FALSE',
  is_not_false: 'IS NOT FALSE',
};

const ATOM = 20;

/** An expression as SQL, for people: `explain`, labels, alert conditions. */
export function expressionText(expression: Expression): string {
  return render(expression, 0);
}

function render(expression: Expression, outer: number): string {
  switch (expression.kind) {
    case 'literal':
      return literalText(expression.value, expression.type);
    case 'column':
      return identifierText(expression.name);
    case 'cast':
      return `${render(expression.input, ATOM)}::${typeName(expression.type)}`;
    case 'case': {
      const branches = expression.branches.map((b) => `WHEN ${render(b.when, 0)} THEN ${render(b.then, 0)}`);
      return `CASE ${branches.join(' ')} ELSE ${render(expression.otherwise, 0)} END`;
    }
    case 'user-function':
      return `${identifierText(expression.name)}(${expression.args.map((arg) => render(arg, 0)).join(', ')})`;
    case 'call':
      return renderCall(expression.function, expression.args, outer);
  }
}

function renderCall(name: string, args: readonly Expression[], outer: number): string {
  const operator = OPERATORS[name];
  if (operator !== undefined) {
    const [symbol, precedence] = operator;
    const joined = args
      .map((arg, index) => render(arg, index === 0 && precedence > 5 ? precedence : precedence + 1))
      .join(` ${symbol} `);
    return precedence < outer ? `(${joined})` : joined;
  }
  const suffix = SUFFIXES[name];
  if (suffix !== undefined) return `${render(args[0]!, ATOM)} ${suffix}`;
  if (name === 'not') return `NOT ${render(args[0]!, 3)}`;
  if (name === 'negate') return `-${render(args[0]!, ATOM)}`;
  const [first, ...rest] = args.map((arg) => render(arg, 0));
  if (name === 'array') return `ARRAY[${args.map((arg) => render(arg, 0)).join(', ')}]`;
  if (name === 'array_element') return `(${first})[${rest[0]}]`;
  const quantified = /^(eq|ne|lt|le|gt|ge)_(any|all)$/.exec(name);
  if (quantified !== null)
    return `${first} ${OPERATORS[quantified[1]!]![0]} ${quantified[2]!.toUpperCase()} (${rest[0]})`;
  return `${name}(${[first, ...rest].filter((arg) => arg !== undefined).join(', ')})`;
}

function literalText(value: unknown, type: Expression['type']): string {
  if (value === null) return 'NULL';
  switch (type.kind) {
    case 'boolean':
      return value === true ? 'TRUE' : 'FALSE';
    case 'int2':
    case 'int4':
    case 'int8':
    case 'numeric':
    case 'float4':
    case 'float8':
      return valueToText(value, type);
    case 'text':
      return quoteText(valueToText(value, type));
    default:
      return `${typeName(type).toUpperCase()} ${quoteText(valueToText(value, type))}`;
  }
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name as SQL wants it: quoted unless it is plain lower case. */
export function identifierText(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
