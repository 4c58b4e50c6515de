import { nearestName } from '../../base/nearest-name.ts';
import { coerce, type Operand, settle } from '../../plan/coercion.ts';
import type { Column, DataType } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import type { TableFunctionNode } from '../../plan/node.ts';
import { tableFunction, tableFunctionForms, tableFunctionNames } from '../../plan/table-function.ts';
import { typeName } from '../../plan/type-name.ts';
import type { BindContext } from '../expression-binder.ts';
import type { DeclaredFunction } from '../scope.ts';

/** A call of a set-returning function, its overload found and its arguments cast. */
export interface BoundTableFunction {
  readonly function: string;
  readonly user?: TableFunctionNode['user'];
  readonly args: readonly Expression[];
  readonly columns: readonly Column[];
  /** It gives one column that has no name of its own: it takes that of the alias. */
  readonly unnamed: boolean;
}

const BUILT_IN: ReadonlySet<string> = new Set(tableFunctionNames());

export function isBuiltInTableFunction(name: string): boolean {
  return BUILT_IN.has(name);
}

/**
 * Finds the form of the function that the arguments fit, with implicit casts.
 * @throws HeadraceError `PLAN_UNKNOWN_FUNCTION`, naming the nearest
 */
export function bindTableFunction(
  context: BindContext,
  name: string,
  operands: readonly Operand[],
  at: number,
): BoundTableFunction {
  const declared = context.functions.get(name);
  if (declared?.table !== undefined) return userTableFunction(context, declared, operands, at);
  if (!BUILT_IN.has(name)) throw unknown(context, name, at);
  const args = name === 'unnest' ? operands.map(settle) : fittingArguments(name, operands);
  const found =
    args &&
    tableFunction(
      name,
      args.map((arg) => arg.type),
    );
  if (args === undefined || found === undefined) throw noForm(context, name, operands, at);
  const { columns } = found;
  return { function: name, args, columns, unnamed: columns.length === 1 && columns[0]!.name === name };
}

function userTableFunction(
  context: BindContext,
  declared: DeclaredFunction,
  operands: readonly Operand[],
  at: number,
): BoundTableFunction {
  const { name, module, exportName, args, table = [], options } = declared;
  if (operands.length !== args.length) {
    const wanted = `${name}(${args.map(typeName).join(', ')})`;
    throw context.source.error(at, `${wanted} takes ${args.length} arguments, not ${operands.length}`, {
      code: 'PLAN_UNKNOWN_FUNCTION',
    });
  }
  return {
    function: 'user',
    user: { name, module, exportName, ...(options !== undefined && { options }) },
    args: operands.map((operand, index) => coerce(operand, args[index]!)),
    columns: table,
    unnamed: false,
  };
}

/** The form with the most arguments that need no cast; the first of equals. */
function fittingArguments(name: string, operands: readonly Operand[]): readonly Expression[] | undefined {
  let best: { readonly args: readonly Expression[]; readonly exact: number } | undefined;
  for (const form of tableFunctionForms(name)) {
    const args = form.length === operands.length ? coerced(operands, form) : undefined;
    if (args === undefined) continue;
    const exact = operands.filter((operand, at) => operand.kind !== 'unknown' && operand.type.kind === form[at]!.kind);
    if (best === undefined || exact.length > best.exact) best = { args, exact: exact.length };
  }
  return best?.args;
}

function coerced(operands: readonly Operand[], form: readonly DataType[]): readonly Expression[] | undefined {
  try {
    return operands.map((operand, at) => coerce(operand, form[at]!));
  } catch {
    return undefined;
  }
}

function unknown(context: BindContext, name: string, at: number): Error {
  const names = [...tableFunctionNames(), ...context.functions.keys(), 'tumble', 'hop', 'session'];
  const near = nearestName(name, names);
  return context.source.error(at, `${name}(...) is not known in FROM`, {
    code: 'PLAN_UNKNOWN_FUNCTION',
    next: near === undefined ? `there is ${names.join(', ')}` : `did you mean "${near}"?`,
  });
}

function noForm(context: BindContext, name: string, operands: readonly Operand[], at: number): Error {
  const types = operands.map((operand) => (operand.kind === 'unknown' ? 'unknown' : typeName(operand.type)));
  const forms = tableFunctionForms(name).map((form) => `${name}(${form.map(typeName).join(', ')})`);
  const offered = name === 'unnest' ? 'unnest(array, ...)' : forms.slice(0, 6).join(', ');
  return context.source.error(at, `function ${name}(${types.join(', ')}) does not exist; there is ${offered}`, {
    code: 'PLAN_UNKNOWN_FUNCTION',
    next: 'write casts that fit',
  });
}
