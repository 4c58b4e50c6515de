import { HeadraceError } from '../base/error.ts';
import type { CallOptions } from './call-options.ts';
import type { Column, DataType } from './data-type.ts';
import type {
  CallExpression,
  CaseExpression,
  ColumnExpression,
  Expression,
  LiteralExpression,
  UserFunctionExpression,
} from './expression.ts';
import { findOverload, isForm } from './function.ts';
import { TYPE, typeName, typesEqual } from './type-name.ts';
import { valueCast } from './value/value-cast.ts';

/** Frozen expressions. These check types but do not coerce: coercion.ts does, for what people write. */
export function literal(value: unknown, type: DataType): LiteralExpression {
  return Object.freeze({ kind: 'literal', type, value });
}

export const TRUE = literal(true, TYPE.boolean);

export function nullLiteral(type: DataType): LiteralExpression {
  return literal(null, type);
}

export function columnReference(columns: readonly Column[], index: number): ColumnExpression {
  const column = columns[index];
  if (column === undefined) {
    throw new HeadraceError(`making a plan: there is no column ${index} among ${columns.length}`, {
      code: 'PLAN_INVALID_NODE',
      domain: 'plan',
    });
  }
  return Object.freeze({ kind: 'column', type: column.type, index, name: column.name });
}

/** A call whose arguments have the types of an overload already; nested `and`s and `or`s become one. */
export function call(name: string, args: readonly Expression[]): Expression {
  if (isForm(name)) return formCall(name, args);
  const types = args.map((arg) => arg.type);
  const entry = findOverload(name, types);
  if (entry === undefined) {
    throw new HeadraceError(`making a plan: function ${name}(${types.map(typeName).join(', ')}) does not exist`, {
      code: 'PLAN_UNKNOWN_FUNCTION',
      domain: 'plan',
    });
  }
  return freezeCall(name, args, entry.result);
}

function formCall(name: string, args: readonly Expression[]): Expression {
  if (name === 'and' || name === 'or') {
    const flat = args.flatMap((arg) => (arg.kind === 'call' && arg.function === name ? arg.args : [arg]));
    return flat.length === 1 ? flat[0]! : freezeCall(name, flat, TYPE.boolean);
  }
  if (name === 'nullif') return freezeCall(name, args, args[0]!.type);
  const isChoice = name === 'coalesce' || name === 'greatest' || name === 'least';
  return freezeCall(name, args, isChoice ? choiceType(args) : TYPE.boolean);
}

/** The type of a value that is one of these: numerics of different precision make a numeric of any, as in PostgreSQL. */
function choiceType(values: readonly Expression[]): DataType {
  const [first] = values as readonly [Expression];
  const isSame = values.every((value) => typesEqual(value.type, first.type));
  return isSame || first.type.kind !== 'numeric' ? first.type : TYPE.numeric;
}

function freezeCall(name: string, args: readonly Expression[], type: DataType): CallExpression {
  return Object.freeze({ kind: 'call', type, function: name, args: Object.freeze([...args]) });
}

/** Nothing for the same type; a literal for a literal; else a cast. @throws HeadraceError `PLAN_TYPE_MISMATCH` */
export function castTo(input: Expression, type: DataType): Expression {
  if (typesEqual(input.type, type)) return input;
  const cast = valueCast(input.type, type);
  if (cast === undefined) {
    throw new HeadraceError(`making a plan: cannot cast type ${typeName(input.type)} to ${typeName(type)}`, {
      code: 'PLAN_TYPE_MISMATCH',
      domain: 'plan',
    });
  }
  if (input.kind === 'literal') return literal(input.value === null ? null : cast(input.value), type);
  return Object.freeze({ kind: 'cast', type, input });
}

/** All results have one type already, but for the precision of numerics. */
export function caseExpression(
  branches: readonly { readonly when: Expression; readonly then: Expression }[],
  otherwise: Expression,
): CaseExpression {
  return Object.freeze({
    kind: 'case',
    type: choiceType([otherwise, ...branches.map((branch) => branch.then)]),
    // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`; it is never awaited
    branches: Object.freeze(branches.map((branch) => Object.freeze({ when: branch.when, then: branch.then }))),
    otherwise,
  });
}

export function userFunctionCall(
  declared: {
    readonly name: string;
    readonly module: string;
    readonly exportName: string;
    readonly type: DataType;
    readonly options?: CallOptions | undefined;
  },
  args: readonly Expression[],
): UserFunctionExpression {
  const { name, module, exportName, type, options } = declared;
  const made = { kind: 'user-function' as const, type, name, module, exportName, args: Object.freeze([...args]) };
  return Object.freeze(options === undefined ? made : { ...made, options });
}

/** Whether the expression can be null for rows of these columns; never false by mistake. */
export function isNullable(expression: Expression, columns: readonly Column[]): boolean {
  const nullable = (inner: Expression): boolean => isNullable(inner, columns);
  switch (expression.kind) {
    case 'literal':
      return expression.value === null;
    case 'column':
      return columns[expression.index]?.nullable ?? true;
    case 'cast':
      return nullable(expression.input);
    case 'case':
      return expression.branches.some((branch) => nullable(branch.then)) || nullable(expression.otherwise);
    case 'user-function':
      return true;
    case 'call':
      return isCallNullable(expression, nullable);
  }
}

function isCallNullable(call: CallExpression, nullable: (inner: Expression) => boolean): boolean {
  const { function: name, args } = call;
  if (isForm(name)) {
    if (name === 'nullif') return true;
    if (name.startsWith('is_')) return false;
    return name === 'coalesce' || name === 'greatest' || name === 'least' ? args.every(nullable) : args.some(nullable);
  }
  const entry = findOverload(
    name,
    args.map((arg) => arg.type),
  );
  return entry === undefined || entry.nullable || (entry.strict && args.some(nullable));
}
