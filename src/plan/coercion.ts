import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { DataType } from './data-type.ts';
import type { CaseExpression, Expression } from './expression.ts';
import { call, caseExpression, castTo } from './expression-factory.ts';
import { isComparison } from './function/comparison.ts';
import { takesCount } from './function/generic.ts';
import {
  type FunctionOverload,
  functionNames,
  functionOverloads,
  genericFunctions,
  isForm,
  isFunction,
} from './function.ts';
import { resolveGeneric } from './generic-coercion.ts';
import { coerce, coerceAll, coercible, mismatch, NUMBER_RANK, type Operand, PREFERRED, settle } from './operand.ts';
import { TYPE, type TypeKind, typeName } from './type-name.ts';

export { coerce, coerceAll, commonType, type Operand, settle, unknownLiteral } from './operand.ts';

const ARITHMETIC_NAMES: ReadonlySet<string> = new Set(['add', 'subtract', 'multiply', 'divide', 'modulo']);

/** A call by catalogue name: finds the overload as PostgreSQL does (its manual, sections 10.2 and 10.3) and adds the casts. */
export function resolveCall(name: string, operands: readonly Operand[]): Expression {
  if (isForm(name)) return resolveForm(name, operands);
  if (isComparison(name)) return call(name, coerceAll(operands, OPERATOR_TEXT[name] ?? name));
  if (name === 'concat') return resolveConcat(operands);
  const promoted = ARITHMETIC_NAMES.has(name) ? promoteNumbers(operands) : undefined;
  if (promoted !== undefined) return call(name, promoted);
  if (!isFunction(name)) throw unknownFunction(name);
  const chosen = chooseOverload(functionOverloads(name), operands);
  if (chosen === undefined) {
    const args = resolveGeneric(genericFunctions(name), operands);
    if (args === undefined) throw noOverload(name, operands);
    return call(name, args);
  }
  return call(
    name,
    operands.map((operand, index) => coerce(operand, argumentType(chosen, index))),
  );
}

function resolveForm(name: string, operands: readonly Operand[]): Expression {
  switch (name) {
    case 'and':
    case 'or':
    case 'not':
    case 'is_true':
    case 'is_not_true':
    case 'is_false':
    case 'is_not_false':
      return call(
        name,
        operands.map((operand) => requireBoolean(operand, name.toUpperCase().replaceAll('_', ' '))),
      );
    case 'is_null':
    case 'is_not_null':
      return call(name, operands.map(settle));
    default:
      return call(name, coerceAll(operands, name.toUpperCase().replaceAll('_', ' ')));
  }
}

/** @throws HeadraceError `PLAN_TYPE_MISMATCH`: argument of WHERE must be type boolean */
export function requireBoolean(operand: Operand, what: string): Expression {
  if (operand.kind === 'unknown' || operand.type.kind === 'boolean') return coerce(operand, TYPE.boolean);
  throw mismatch(
    `argument of ${what} must be type boolean, not type ${typeName(operand.type)}`,
    'compare it with something',
  );
}

/** `||` joins jsonb, bytea and arrays; else it takes text and, beside a text, a value of any type as its text. */
function resolveConcat(operands: readonly Operand[]): Expression {
  const kinds = operands.map((operand) => (operand.kind === 'unknown' ? 'unknown' : operand.type.kind));
  if (operands.length !== 2) throw noOverload('concat', operands);
  if (kinds.includes('array')) return resolveArrayConcat(operands, kinds);
  const chosen = chooseOverload(functionOverloads('concat'), operands);
  if (chosen !== undefined)
    return call(
      'concat',
      operands.map((operand, index) => coerce(operand, chosen.args[index]!)),
    );
  if (!kinds.includes('text') && !kinds.includes('unknown')) throw noOverload('concat', operands);
  return call(
    'concat',
    operands.map((operand) => castTo(settle(operand), TYPE.text)),
  );
}

/** An array beside an array, or beside an element; a constant in braces is an array. */
function resolveArrayConcat(operands: readonly Operand[], kinds: readonly string[]): Expression {
  const isArray = operands.map(
    (operand, index) => kinds[index] === 'array' || (operand.kind === 'unknown' && /^\s*\{/.test(operand.text ?? '{')),
  );
  const name = isArray[0] ? (isArray[1] ? 'array_cat' : 'array_append') : 'array_prepend';
  const args = resolveGeneric(genericFunctions(name), operands);
  if (args === undefined) throw noOverload('concat', operands);
  return call(name, args);
}

/** Two numbers of different types meet in the larger one; a real meets anything but a real in double precision. */
function promoteNumbers(operands: readonly Operand[]): Expression[] | undefined {
  const [left, right] = operands;
  if (left === undefined || right === undefined || left.kind === 'unknown' || right.kind === 'unknown')
    return undefined;
  const ranks = [NUMBER_RANK.indexOf(left.type.kind), NUMBER_RANK.indexOf(right.type.kind)];
  if (ranks.includes(-1)) return undefined;
  const kind = NUMBER_RANK[Math.max(...ranks)] as 'int4';
  const type = (kind as TypeKind) === 'float4' && left.type.kind !== right.type.kind ? TYPE.float8 : TYPE[kind];
  return [coerce(left, type), coerce(right, type)];
}

function argumentType(entry: FunctionOverload, index: number): DataType {
  return entry.args[Math.min(index, entry.args.length - 1)]!;
}

function chooseOverload(
  entries: readonly FunctionOverload[],
  operands: readonly Operand[],
): FunctionOverload | undefined {
  let candidates = entries.filter(
    (entry) =>
      takesCount(entry, operands.length) &&
      operands.every(
        (operand, index) => operand.kind === 'unknown' || coercible(operand.type, argumentType(entry, index)),
      ),
  );
  const known = operands.filter((operand): operand is Expression => operand.kind !== 'unknown');
  if (candidates.length > 1 && known.length === 1 && operands.length === 2) {
    const same = candidates.find((entry) => entry.args.every((arg) => arg.kind === known[0]!.type.kind));
    if (same !== undefined) return same;
  }
  candidates = best(candidates, (entry) =>
    count(operands, (operand, index) => exact(operand, argumentType(entry, index))),
  );
  candidates = best(candidates, (entry) =>
    count(
      operands,
      (operand, index) => exact(operand, argumentType(entry, index)) || preferred(argumentType(entry, index)),
    ),
  );
  if (candidates.length <= 1) return candidates[0];
  const asText = candidates.filter((entry) =>
    operands.every((operand, index) => operand.kind !== 'unknown' || argumentType(entry, index).kind === 'text'),
  );
  return asText.length === 1 ? asText[0] : undefined;
}

const exact = (operand: Operand, type: DataType): boolean =>
  operand.kind !== 'unknown' && operand.type.kind === type.kind;
const preferred = (type: DataType): boolean => PREFERRED.has(type.kind);

function count(operands: readonly Operand[], test: (operand: Operand, index: number) => boolean): number {
  return operands.filter(test).length;
}

function best<Item>(items: readonly Item[], score: (item: Item) => number): Item[] {
  const top = Math.max(...items.map(score));
  return items.filter((item) => score(item) === top);
}

/** Searched CASE with the results brought to one type; without ELSE it is NULL. */
export function resolveCase(
  branches: readonly { readonly when: Operand; readonly result: Operand }[],
  otherwise: Operand,
): CaseExpression {
  const results = coerceAll([otherwise, ...branches.map((branch) => branch.result)], 'CASE');
  return caseExpression(
    // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`; it is never awaited
    branches.map((branch, index) => ({ when: requireBoolean(branch.when, 'CASE/WHEN'), then: results[index + 1]! })),
    results[0]!,
  );
}

/** An explicit cast, `CAST(x AS type)`. */
export function resolveCast(operand: Operand, type: DataType): Expression {
  return operand.kind === 'unknown' ? coerce(operand, type) : castTo(operand, type);
}

const OPERATOR_TEXT: Readonly<Record<string, string>> = {
  eq: '=',
  ne: '<>',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
  concat: '||',
  matches: '~',
  like: '~~',
  contains: '@>',
  contained_by: '<@',
  overlap: '&&',
  bitwise_and: '&',
  bitwise_or: '|',
  bitwise_xor: '#',
  shift_left: '<<',
  shift_right: '>>',
  json_get: '->',
  json_get_text: '->>',
};

/** The name of its type, as messages show it. */
export function operandType(operand: Operand): string {
  return operand.kind === 'unknown' ? 'unknown' : typeName(operand.type);
}

function noOverload(name: string, operands: readonly Operand[]): HeadraceError {
  const types = operands.map(operandType);
  const symbol = OPERATOR_TEXT[name];
  const shown =
    symbol !== undefined && types.length === 2
      ? `operator does not exist: ${types[0]} ${symbol} ${types[1]}`
      : `function ${name}(${types.join(', ')}) does not exist`;
  const forms = [
    ...functionOverloads(name).map((entry) => entry.args.map(typeName)),
    ...genericFunctions(name).map((entry) =>
      entry.args.map((place) => (typeof place === 'string' ? place : typeName(place))),
    ),
  ].map((args) => `${name}(${args.join(', ')})`);
  const offered = symbol === undefined && forms.length > 0 ? `; there is ${forms.slice(0, 4).join(', ')}` : '';
  return mismatch(`${shown}${offered}`, 'write casts that fit');
}

function unknownFunction(name: string): HeadraceError {
  const near = nearestName(name, functionNames());
  return new HeadraceError(`resolving types: function ${name} does not exist`, {
    code: 'PLAN_UNKNOWN_FUNCTION',
    domain: 'plan',
    next: near === undefined ? 'see the list of functions in the documentation' : `did you mean "${near}"?`,
  });
}
