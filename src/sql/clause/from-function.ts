import type { FuncCall, Node, RangeFunction } from 'libpg-query';
import { tableFunctionNode } from '../../plan/analytic-factory.ts';
import { valuesNode } from '../../plan/factory.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import { Scope } from '../scope.ts';
import { bareName, nameParts, nodeLocation } from '../text/syntax-tree.ts';
import { tooManyNames } from './column-names.ts';
import type { FromResult } from './join-clause.ts';
import { bindTableFunction } from './table-function-call.ts';

/**
 * A set-returning function in FROM, WITH ORDINALITY or without. Its arguments may name columns of `visible`, the relations before
 * it: they are outer references of the node.
 */
export function bindFromFunction(context: BindContext, range: RangeFunction, node: Node, visible: Scope): FromResult {
  const { name, args, at } = calledFunction(context, range, node);
  const binder = new ExpressionBinder(context, new Scope([], { outer: visible }));
  const called = bindTableFunction(
    context,
    name,
    args.map((arg) => binder.operand(arg)),
    at,
  );
  const { aliasname, colnames } = range.alias ?? {};
  const names = nameParts(colnames);
  const { columns: made, unnamed, user } = called;
  const width = made.length + (range.ordinality === true ? 1 : 0);
  if (names.length > width) {
    throw tooManyNames(context, `table "${aliasname ?? name}"`, width, names.length, at);
  }
  const own = unnamed && aliasname !== undefined ? aliasname : undefined;
  const columns = made.map((column, index) => ({ ...column, name: names[index] ?? own ?? column.name }));
  const plan = tableFunctionNode(
    {
      function: called.function,
      ...(user && { user }),
      input: valuesNode([], [[]]),
      args: called.args,
      ordinality: range.ordinality === true,
      outer: false,
    },
    columns,
    names[made.length],
  );
  const relation = { name: aliasname ?? name, columns: plan.columns, offset: 0, scalar: made.length === 1 };
  return { node: plan, scope: new Scope([relation]) };
}

interface CalledFunction {
  readonly name: string;
  readonly args: readonly Node[];
  readonly at: number;
}

/** ROWS FROM (unnest(a), unnest(b)) is unnest(a, b); other functions do not stand side by side. */
function calledFunction(context: BindContext, range: RangeFunction, node: Node): CalledFunction {
  const calls = (range.functions ?? []).map((list): FuncCall | undefined => {
    const item = 'List' in list ? list.List.items?.[0] : undefined;
    return item !== undefined && 'FuncCall' in item ? item.FuncCall : undefined;
  });
  const [first] = calls;
  const at = context.place(first?.location ?? nodeLocation(node));
  const refuse = (message: string, next: string): Error =>
    context.source.error(at, message, { code: 'SQL_NOT_SUPPORTED', next });
  if (first === undefined || calls.includes(undefined)) {
    throw refuse('only functions that give rows are supported here', 'write it in the select list');
  }
  if (range.coldeflist !== undefined) throw refuse('a column definition list is not supported', 'use jsonb operators');
  const name = bareName(first.funcname);
  if (calls.length === 1) return { name, args: first.args ?? [], at };
  if (calls.some((fn) => bareName(fn?.funcname) !== 'unnest')) {
    throw refuse('ROWS FROM is supported for several unnest only', 'join the functions WITH ORDINALITY');
  }
  return { name, args: calls.flatMap((fn) => fn?.args ?? []), at };
}
