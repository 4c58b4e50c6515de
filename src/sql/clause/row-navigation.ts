import type { ColumnRef, FuncCall, Node } from 'libpg-query';
import { aggregateCall } from '../../plan/aggregate/aggregate-call.ts';
import { coerce, type Operand } from '../../plan/coercion.ts';
import type { Expression } from '../../plan/expression.ts';
import type { AggregateCall, RowNavigation } from '../../plan/node.ts';
import { serializeValue } from '../../plan/pipeline-text.ts';
import type { MatchVariables } from '../../plan/row-pattern.ts';
import { TYPE } from '../../plan/type-name.ts';
import { type BindContext, ExpressionBinder } from '../expression-binder.ts';
import { Scope } from '../scope.ts';
import { bareName, nameParts, nodeLocation } from '../text/syntax-tree.ts';
import { bindAggregate, callsAggregate } from './aggregate-binder.ts';

const NAVIGATIONS: ReadonlySet<string> = new Set(['first', 'last', 'prev']);

/**
 * What DEFINE and MEASURES of MATCH_RECOGNIZE read of the rows of a match: each is a column of the expressions that are bound, by its
 * position in `all`. Names before a point are variables of the pattern.
 */
export class NavigationBinder {
  readonly #scope: Scope;
  readonly #variables: ReadonlyMap<string, readonly string[]>;
  readonly #all: RowNavigation[] = [];
  readonly #texts: string[] = [];

  constructor(scope: Scope, variables: ReadonlyMap<string, readonly string[]>) {
    this.#scope = scope;
    this.#variables = variables;
  }

  get all(): readonly RowNavigation[] {
    return this.#all;
  }

  binder(context: BindContext): ExpressionBinder {
    const binder: ExpressionBinder = new ExpressionBinder(context, new Scope([]), undefined, (node) =>
      this.#operand(context, node),
    );
    return binder;
  }

  #operand(context: BindContext, node: Node): Operand | undefined {
    if ('ColumnRef' in node) {
      const { value, variables } = this.#value(context, node);
      return this.#place({ kind: 'row', variables, from: 'last', skip: 0, back: 0, value, type: value.type }, value);
    }
    if (!('FuncCall' in node) || node.FuncCall.over !== undefined) return undefined;
    const fn = node.FuncCall;
    const name = bareName(fn.funcname);
    if (name === 'match_number' && fn.args === undefined) {
      return this.#place({ kind: 'match-number', type: TYPE.int8 }, name);
    }
    if (name === 'classifier') return this.#classifier(context, fn, 'last', 0);
    if (name === 'next') {
      throw this.#refuse(
        context,
        node,
        'NEXT is not supported: the row after may not have come yet',
        'give the row after a variable of its own, and write PREV in its condition',
      );
    }
    if (NAVIGATIONS.has(name)) return this.#navigation(context, name, fn, node);
    if (callsAggregate(name, context)) return this.#aggregate(context, name, fn, node);
    return undefined;
  }

  /** Equal ones are one. */
  #place(navigation: RowNavigation, name: Expression | string): Expression {
    const text = serializeValue(navigation);
    let index = this.#texts.indexOf(text);
    if (index < 0) {
      index = this.#texts.push(text) - 1;
      this.#all.push(navigation);
    }
    const label = typeof name === 'string' ? name : name.kind === 'column' ? name.name : navigation.kind;
    return Object.freeze({ kind: 'column', type: navigation.type, index, name: label });
  }

  #refuse(context: BindContext, node: Node, message: string, next: string): Error {
    return context.source.error(context.place(nodeLocation(node)), message, { code: 'SQL_NOT_SUPPORTED', next });
  }

  /** An expression over one row of the input; all names in it are of the same variable. */
  #value(context: BindContext, node: Node): { readonly value: Expression; readonly variables: MatchVariables } {
    const names = new VariableNames(context, this.#scope, this.#variables);
    const value = new ExpressionBinder(context, new Scope([]), undefined, names.intercept).bind(node);
    return { value, variables: names.variables };
  }

  #classifier(context: BindContext, fn: FuncCall, from: 'first' | 'last', skip: number): Expression {
    const [argument] = fn.args ?? [];
    const name = argument !== undefined && 'ColumnRef' in argument ? bareName(argument.ColumnRef.fields) : undefined;
    const variables = name === undefined ? undefined : this.#variables.get(name);
    if (argument !== undefined && variables === undefined) {
      throw this.#refuse(context, argument, 'CLASSIFIER takes a variable of the pattern', 'write CLASSIFIER()');
    }
    return this.#place({ kind: 'classifier', variables, from, skip, type: TYPE.text }, 'classifier');
  }

  /** `FIRST(x [, n])`, `LAST(x [, n])` and `PREV(x [, n])`, the latter also of the former. */
  #navigation(context: BindContext, name: string, fn: FuncCall, node: Node): Expression {
    const [argument, count, more] = fn.args ?? [];
    if (argument === undefined || more !== undefined) {
      throw this.#refuse(
        context,
        node,
        `${name.toUpperCase()} takes a value and a number of rows`,
        `write ${name.toUpperCase()}(a.x)`,
      );
    }
    const distance = count === undefined ? (name === 'prev' ? 1 : 0) : this.#distance(context, count);
    if (name === 'prev') return this.#before(context, argument, distance);
    const from = name as 'first' | 'last';
    const inner = 'FuncCall' in argument ? bareName(argument.FuncCall.funcname) : '';
    if (inner === 'classifier')
      return this.#classifier(context, (argument as { FuncCall: FuncCall }).FuncCall, from, distance);
    if (NAVIGATIONS.has(inner)) {
      throw this.#refuse(
        context,
        argument,
        `${inner.toUpperCase()} cannot stand inside of ${name.toUpperCase()}`,
        'write PREV around FIRST or LAST',
      );
    }
    const { value, variables } = this.#value(context, argument);
    return this.#place({ kind: 'row', variables, from, skip: distance, back: 0, value, type: value.type }, value);
  }

  #before(context: BindContext, argument: Node, back: number): Expression {
    const inner = 'FuncCall' in argument ? argument.FuncCall : undefined;
    const name = bareName(inner?.funcname);
    if (name !== 'first' && name !== 'last') {
      const { value, variables } = this.#value(context, argument);
      return this.#place({ kind: 'row', variables, from: 'last', skip: 0, back, value, type: value.type }, value);
    }
    const [of, count] = inner?.args ?? [];
    if (of === undefined)
      throw this.#refuse(context, argument, `${name.toUpperCase()} takes a value`, `write ${name.toUpperCase()}(a.x)`);
    const skip = count === undefined ? 0 : this.#distance(context, count);
    const { value, variables } = this.#value(context, of);
    return this.#place({ kind: 'row', variables, from: name, skip, back, value, type: value.type }, value);
  }

  #distance(context: BindContext, node: Node): number {
    const at = context.place(nodeLocation(node));
    const operand = new ExpressionBinder(context, new Scope([])).operand(node);
    const value = context.source.locate(at, () => coerce(operand, TYPE.int8));
    const distance = value.kind === 'literal' && value.value !== null ? Number(value.value) : Number.NaN;
    if (Number.isSafeInteger(distance) && distance >= 0) return distance;
    throw this.#refuse(context, node, 'a number of rows is a constant, zero or more', 'write a whole number');
  }

  #aggregate(context: BindContext, name: string, fn: FuncCall, node: Node): Expression {
    const names = new VariableNames(context, this.#scope, this.#variables);
    const all = name === 'count' ? names.allOf(fn.args?.[0]) : undefined;
    const binder = new ExpressionBinder(context, new Scope([]), undefined, names.intercept);
    const aggregate: AggregateCall =
      all === undefined ? bindAggregate(fn, node, binder, context) : aggregateCall('count', undefined);
    const variables = all ?? names.variables;
    return this.#place({ kind: 'aggregate', variables, aggregate, type: aggregate.type }, name);
  }
}

/** Reads names as columns of a row of one variable, and says of which. */
class VariableNames {
  readonly #context: BindContext;
  readonly #scope: Scope;
  readonly #variables: ReadonlyMap<string, readonly string[]>;
  #found: string | undefined;
  #isSet = false;

  constructor(context: BindContext, scope: Scope, variables: ReadonlyMap<string, readonly string[]>) {
    this.#context = context;
    this.#scope = scope;
    this.#variables = variables;
  }

  get variables(): MatchVariables {
    return this.#found === undefined ? undefined : this.#variables.get(this.#found);
  }

  readonly intercept = (node: Node): Operand | undefined =>
    'ColumnRef' in node ? this.#column(node.ColumnRef, node) : undefined;

  /** `count(a.*)`: the rows of a variable. */
  allOf(argument: Node | undefined): readonly string[] | undefined {
    const parts = argument !== undefined && 'ColumnRef' in argument ? nameParts(argument.ColumnRef.fields) : [];
    const isAll = parts.length === 2 && parts[1] === undefined;
    return isAll ? this.#variables.get(parts[0] ?? '') : undefined;
  }

  #column(column: ColumnRef, node: Node): Expression {
    const at = this.#context.place(nodeLocation(node));
    const { source } = this.#context;
    const [first, second, third] = nameParts(column.fields);
    if (first === undefined || third !== undefined || (second === undefined && column.fields?.length === 2)) {
      throw source.error(at, 'expected a column, or variable.column', { next: 'write for example a.price' });
    }
    const variable = second === undefined ? undefined : first;
    if (variable !== undefined && !this.#variables.has(variable)) {
      throw source.error(at, `variable "${variable}" is not in the pattern`, {
        code: 'SQL_UNKNOWN_COLUMN',
        next: `there is ${[...this.#variables.keys()].join(', ')}`,
      });
    }
    if (this.#isSet && this.#found !== variable) {
      throw source.error(at, 'the rows of two variables are mixed here', {
        code: 'SQL_NOT_SUPPORTED',
        next: 'write FIRST, LAST or the aggregate around each, and combine the results',
      });
    }
    this.#isSet = true;
    this.#found = variable;
    return this.#scope.resolve(source, at, second ?? first);
  }
}
