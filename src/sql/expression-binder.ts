import type { A_Const, A_Expr, CaseExpr, ColumnRef, FuncCall, Node, TypeCast } from 'libpg-query';
import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import { aggregateNames } from '../plan/aggregate/aggregate-name.ts';
import {
  coerce,
  coerceAll,
  type Operand,
  operandType,
  requireBoolean,
  resolveCall,
  resolveCase,
  resolveCast,
  settle,
  unknownLiteral,
} from '../plan/coercion.ts';
import type { DataType } from '../plan/data-type.ts';
import type { Expression } from '../plan/expression.ts';
import { call, literal, userFunctionCall } from '../plan/expression-factory.ts';
import { functionNames, isForm, isFunction } from '../plan/function.ts';
import type { AggregateCall } from '../plan/node.ts';
import { TYPE, typeName } from '../plan/type-name.ts';
import { Decimal } from '../plan/value/decimal.ts';
import { bindAggregate, callsAggregate } from './clause/aggregate-binder.ts';
import type { DeclaredLookup } from './clause/lookup-clause.ts';
import type { MatchClause } from './clause/match-clause.ts';
import { bindTableFunction, isBuiltInTableFunction } from './clause/table-function-call.ts';
import type { TemporalClauses } from './clause/temporal-clause.ts';
import { FUNCTION_ALIASES, NEGATED_OPERATORS, OPERATOR_NAMES, OPERATOR_ONLY } from './function-name.ts';
import type { DeclaredFunction, Scope } from './scope.ts';
import { bindSpecialCall, bindSpecialForm, type FormBinder } from './special-form.ts';
import type { Attachments } from './text/attachment.ts';
import type { PositionMap, SourceText } from './text/source-text.ts';
import { bareName, constantLocation, nameParts, nodeLocation, typeOf } from './text/syntax-tree.ts';
import { checkTypeModifiers } from './type-modifier.ts';

/** What binding needs besides the names of the row. */
export interface BindContext {
  readonly source: SourceText;
  readonly place: PositionMap;
  readonly functions: ReadonlyMap<string, DeclaredFunction>;
  /** Look-ups that a join may name. */
  readonly lookups?: ReadonlyMap<string, DeclaredLookup>;
  /** Of the query's FROM clauses. */
  readonly temporal?: TemporalClauses;
  /** MATCH_RECOGNIZE, by the alias that stands for each clause in the tree. */
  readonly matches?: ReadonlyMap<string, MatchClause>;
}

/** Takes an aggregate call and answers with the expression that stands for its result. */
export interface AggregateCollector {
  (call: AggregateCall): Expression;
  /** Takes the aggregates among the arguments: of a window function they are those of the grouped rows. */
  readonly within?: AggregateCollector;
}

const INT4_MAX = 2_147_483_647n;
const INT8_MAX = 9_223_372_036_854_775_807n;

/** Binds expressions of PostgreSQL's syntax tree to the columns of a scope; anything not known is refused at its place. */
export class ExpressionBinder {
  readonly #context: BindContext;
  readonly #scope: Scope;
  readonly #aggregates: AggregateCollector | undefined;
  readonly #intercept: ((node: Node) => Operand | undefined) | undefined;
  readonly #forms: FormBinder = {
    operand: (node) => this.operand(node),
    refuse: (node, message, next, code) => this.#refuse(node, message, next, code),
  };
  /** Where each bound column stood in the text. */
  readonly places = new WeakMap<Expression, number>();

  /** `intercept` answers for nodes that mean something of their own where the expression stands. */
  constructor(
    context: BindContext,
    scope: Scope,
    aggregates?: AggregateCollector,
    intercept?: (node: Node) => Operand | undefined,
  ) {
    this.#intercept = intercept;
    this.#context = context;
    this.#scope = scope;
    this.#aggregates = aggregates;
  }

  bind(node: Node): Expression {
    return this.#located(node, () => settle(this.operand(node)));
  }

  boolean(node: Node, what: string): Expression {
    return this.#located(node, () => requireBoolean(this.operand(node), what));
  }

  /** A node whose type may still be open. */
  operand(node: Node): Operand {
    return this.#located(node, () => this.#operand(node));
  }

  #located<Result>(node: Node, action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      const text = error instanceof HeadraceError ? /^[^"]*: "(.*)"(?:;.*)?$/s.exec(error.message)?.[1] : undefined;
      const at = (text === undefined ? undefined : constantLocation(node, text)) ?? nodeLocation(node);
      return this.#context.source.locate(this.#context.place(at), () => {
        throw error;
      });
    }
  }

  #refuse(node: Node, message: string, next?: string, code = 'SQL_NOT_SUPPORTED'): Error {
    const at = this.#context.place(nodeLocation(node));
    return this.#context.source.error(at, message, { code, ...(next === undefined ? {} : { next }) });
  }

  #misplaced(node: Node, message: string, code: string, next = 'compute it in a sub-query'): Error {
    return this.#context.source.error(this.#context.place(nodeLocation(node)), message, { code, next });
  }

  #operand(node: Node): Operand {
    const own = this.#intercept?.(node);
    if (own !== undefined) return own;
    if ('TypeCast' in node && node.TypeCast.typeName !== undefined) {
      checkTypeModifiers(this.#context, node.TypeCast.typeName);
    }
    const special = bindSpecialForm(node, this.#forms);
    if (special !== undefined) return special;
    if ('A_Const' in node) return this.#constant(node.A_Const, node);
    if ('ColumnRef' in node) return this.#column(node.ColumnRef, node);
    if ('A_Expr' in node) return this.#operator(node.A_Expr, node);
    if ('FuncCall' in node) return this.#function(node.FuncCall, node);
    if ('TypeCast' in node) return this.#cast(node.TypeCast, node);
    if ('CaseExpr' in node) return this.#case(node.CaseExpr);
    if ('BoolExpr' in node) {
      const name = node.BoolExpr.boolop === 'NOT_EXPR' ? 'not' : node.BoolExpr.boolop === 'AND_EXPR' ? 'and' : 'or';
      return resolveCall(
        name,
        (node.BoolExpr.args ?? []).map((arg) => this.boolean(arg, name.toUpperCase())),
      );
    }
    if ('NullTest' in node && node.NullTest.arg !== undefined) {
      const name = node.NullTest.nulltesttype === 'IS_NOT_NULL' ? 'is_not_null' : 'is_null';
      return resolveCall(name, [this.operand(node.NullTest.arg)]);
    }
    if ('BooleanTest' in node && node.BooleanTest.arg !== undefined) {
      const test = (node.BooleanTest.booltesttype ?? 'IS_TRUE').toLowerCase();
      const name = test.replace('is_not_unknown', 'is_not_null').replace('is_unknown', 'is_null');
      return resolveCall(name, [this.boolean(node.BooleanTest.arg, test.toUpperCase().replaceAll('_', ' '))]);
    }
    if ('CoalesceExpr' in node) return resolveCall('coalesce', this.#operands(node.CoalesceExpr.args));
    if ('MinMaxExpr' in node) {
      return resolveCall(
        node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest',
        this.#operands(node.MinMaxExpr.args),
      );
    }
    if ('SQLValueFunction' in node) return this.#valueFunction(node.SQLValueFunction.op, node);
    if ('SubLink' in node) return this.#attachments(node, 'sub-queries').subquery(node.SubLink, this);
    throw this.#refuse(node, `this expression is not supported (${Object.keys(node)[0]})`);
  }

  #attachments(node: Node, what: string): Attachments {
    const { attachments } = this.#scope;
    if (attachments === undefined) throw this.#refuse(node, `${what} are not allowed here`, 'write them in FROM');
    return attachments;
  }

  #operands(nodes: readonly Node[] | undefined): Operand[] {
    return (nodes ?? []).map((node) => this.operand(node));
  }

  #constant(constant: A_Const, node: Node): Operand {
    if (constant.isnull === true) return unknownLiteral(null);
    if (constant.sval !== undefined) return unknownLiteral(constant.sval.sval ?? '');
    if (constant.boolval !== undefined) return literal(constant.boolval.boolval ?? false, TYPE.boolean);
    if (constant.ival !== undefined) return literal(constant.ival.ival ?? 0, TYPE.int4);
    if (constant.fval === undefined) throw this.#refuse(node, 'bit strings are not supported');
    return numberLiteral(constant.fval.fval ?? '0');
  }

  #column(column: ColumnRef, node: Node): Operand {
    const parts = nameParts(column.fields);
    const at = this.#context.place(column.location);
    const [first, second] = parts;
    if (parts.includes(undefined)) throw this.#refuse(node, '"*" is not allowed here');
    if (parts.length > 2) throw this.#refuse(node, `"${parts.join('.')}" has too many parts`, 'write relation.column');
    const bound =
      second === undefined
        ? this.#scope.resolve(this.#context.source, at, first ?? '')
        : this.#scope.resolve(this.#context.source, at, second, first ?? '');
    this.places.set(bound, at);
    return bound;
  }

  #operator(expression: A_Expr, node: Node): Operand {
    const symbol = bareName(expression.name);
    const { lexpr, rexpr } = expression;
    switch (expression.kind) {
      case 'AEXPR_OP':
      case 'AEXPR_LIKE':
      case 'AEXPR_ILIKE':
        return this.#plainOperator(symbol, lexpr, rexpr, node);
      case 'AEXPR_DISTINCT':
        return resolveCall('is_distinct_from', this.#operands([lexpr!, rexpr!]));
      case 'AEXPR_NOT_DISTINCT':
        return resolveCall('is_not_distinct_from', this.#operands([lexpr!, rexpr!]));
      case 'AEXPR_NULLIF':
        return resolveCall('nullif', this.#operands([lexpr!, rexpr!]));
      case 'AEXPR_IN':
        return this.#in(lexpr!, listItems(rexpr), symbol === '<>');
      case 'AEXPR_BETWEEN':
      case 'AEXPR_NOT_BETWEEN':
        return this.#between(lexpr!, listItems(rexpr), expression.kind === 'AEXPR_NOT_BETWEEN');
      default:
        throw this.#refuse(
          node,
          `${(expression.kind ?? '').replace('AEXPR_', '').replaceAll('_', ' ')} is not supported`,
        );
    }
  }

  #plainOperator(symbol: string, left: Node | undefined, right: Node | undefined, node: Node): Operand {
    if (left === undefined || right === undefined) throw this.#refuse(node, `operator ${symbol} is not supported`);
    const denied = NEGATED_OPERATORS.get(symbol);
    if (denied !== undefined) return resolveCall('not', [resolveCall(denied, this.#operands([left, right]))]);
    const name = OPERATOR_NAMES.get(symbol);
    if (name === undefined) {
      const [first, second] = this.#operands([left, right]).map(operandType);
      const next = 'see the operators in the documentation';
      throw this.#refuse(node, `operator does not exist: ${first} ${symbol} ${second}`, next, 'PLAN_UNKNOWN_FUNCTION');
    }
    if (name === 'json_path' || name === 'json_path_text') return this.#jsonPath(name, left, right, node);
    return resolveCall(name, this.#operands([left, right]));
  }

  #jsonPath(name: string, left: Node, right: Node, node: Node): Operand {
    const path = this.operand(right);
    if (path.kind !== 'unknown') return resolveCall(name, [this.operand(left), path]);
    if (!/^\{.*\}$/s.test(path.text ?? '')) throw this.#refuse(node, "the path must look like '{a,b}'");
    const steps = path
      .text!.slice(1, -1)
      .split(',')
      .map((step) => step.trim().replace(/^"(.*)"$/s, '$1'));
    return resolveCall(name, [this.operand(left), ...steps.map((step) => literal(step, TYPE.text))]);
  }

  #in(left: Node, items: readonly Node[], negated: boolean): Operand {
    const [subject, ...values] = coerceAll([this.operand(left), ...this.#operands(items)], 'IN');
    const tests = values.map((value) => call('eq', [subject!, value]));
    const any = call('or', tests);
    return negated ? call('not', [any]) : any;
  }

  #between(left: Node, bounds: readonly Node[], negated: boolean): Operand {
    const subject = this.operand(left);
    const [low, high] = this.#operands(bounds);
    const inside = call('and', [resolveCall('ge', [subject, low!]), resolveCall('le', [subject, high!])]);
    return negated ? call('not', [inside]) : inside;
  }

  #cast(cast: TypeCast, node: Node): Operand {
    const type = cast.typeName === undefined ? undefined : typeOf(cast.typeName);
    if (type === undefined) {
      const shown = bareName(cast.typeName?.names);
      throw this.#context.source.error(this.#context.place(cast.typeName?.location), `type "${shown}" is not known`, {
        code: 'SQL_UNKNOWN_TYPE',
      });
    }
    if (cast.arg === undefined) throw this.#refuse(node, 'a cast needs a value');
    return resolveCast(this.operand(cast.arg), type);
  }

  #case(expression: CaseExpr): Operand {
    const branches = (expression.args ?? []).flatMap((node) => {
      if (!('CaseWhen' in node)) return [];
      const { expr, result } = node.CaseWhen;
      const when =
        expression.arg === undefined
          ? this.boolean(expr!, 'CASE/WHEN')
          : this.#located(expr!, () => resolveCall('eq', this.#operands([expression.arg!, expr!])));
      return [{ when, result: this.operand(result!) }];
    });
    return resolveCase(
      branches,
      expression.defresult === undefined ? unknownLiteral(null) : this.operand(expression.defresult),
    );
  }

  #valueFunction(op: string | undefined, node: Node): Operand {
    const now = call('now', []);
    switch (op) {
      case 'SVFOP_CURRENT_TIMESTAMP':
        return now;
      case 'SVFOP_CURRENT_DATE':
        return resolveCast(now, TYPE.date);
      case 'SVFOP_LOCALTIME':
        return resolveCast(now, TYPE.time);
      case 'SVFOP_LOCALTIMESTAMP':
        return resolveCast(now, TYPE.timestamp);
      default:
        throw this.#refuse(node, `${(op ?? '').replace('SVFOP_', '')} is not supported`);
    }
  }

  #function(fn: FuncCall, node: Node): Operand {
    const written = bareName(fn.funcname);
    if (fn.over !== undefined) {
      const next = 'compute it in the select list of a sub-query, and use its column';
      throw this.#misplaced(node, 'window functions (OVER) are not allowed here', 'SQL_INVALID_CLAUSE', next);
    }
    if (callsAggregate(written, this.#context)) return this.#aggregate(written, fn, node);
    if (fn.agg_filter !== undefined || fn.agg_distinct === true || fn.agg_star === true || fn.agg_order !== undefined) {
      if (!isFunction(FUNCTION_ALIASES.get(written) ?? written)) throw this.#unknownFunction(written, node);
      throw this.#context.source.error(this.#context.place(nodeLocation(node)), `${written} is not an aggregate`, {
        code: 'SQL_INVALID_CLAUSE',
        next: 'leave out DISTINCT, FILTER, ORDER BY and *, which only aggregates take',
      });
    }
    if (isBuiltInTableFunction(written)) return this.#setReturning(written, fn, node);
    const declared = this.#context.functions.get(written);
    if (declared !== undefined) return this.#userFunction(declared, fn, node);
    const special = bindSpecialCall(written, fn, node, this.#forms);
    if (special !== undefined) return special;
    const operands = this.#operands(fn.args);
    if (written === 'concat') return concatAll(operands);
    const name = FUNCTION_ALIASES.get(written) ?? written;
    const known = isFunction(name) && !(OPERATOR_ONLY.has(name) && name === written);
    if (!known) throw this.#unknownFunction(written, node);
    return resolveCall(name, operands);
  }

  #setReturning(name: string, fn: FuncCall, node: Node): Operand {
    const attachments = this.#attachments(node, 'set-returning functions');
    const at = this.#context.place(nodeLocation(node));
    return attachments.setReturning(bindTableFunction(this.#context, name, this.#operands(fn.args), at), at);
  }

  #unknownFunction(name: string, node: Node): Error {
    const names = [
      ...functionNames(),
      ...FUNCTION_ALIASES.keys(),
      ...aggregateNames(),
      ...this.#context.functions.keys(),
    ];
    const near = nearestName(
      name,
      names.filter((other) => !OPERATOR_ONLY.has(other) && !isForm(other)),
    );
    return this.#context.source.error(this.#context.place(nodeLocation(node)), `function ${name} does not exist`, {
      code: 'PLAN_UNKNOWN_FUNCTION',
      ...(near === undefined ? {} : { next: `did you mean "${near}"?` }),
    });
  }

  #userFunction(declared: DeclaredFunction, fn: FuncCall, node: Node): Operand {
    const { returns } = declared;
    if (returns === undefined) {
      throw this.#refuse(node, `${declared.name} gives a table`, `write FROM ..., ${declared.name}(...)`);
    }
    const operands = this.#operands(fn.args);
    if (operands.length !== declared.args.length) {
      const wanted = `${declared.name}(${declared.args.map(typeName).join(', ')})`;
      throw this.#refuse(node, `${wanted} takes ${declared.args.length} arguments, not ${operands.length}`);
    }
    const args = operands.map((operand, index) => coerce(operand, declared.args[index]!));
    return userFunctionCall({ ...declared, type: returns }, args);
  }

  #aggregate(name: string, fn: FuncCall, node: Node): Operand {
    if (this.#aggregates === undefined)
      throw this.#misplaced(node, `aggregate ${name} is not allowed here`, 'SQL_GROUPING');
    const inner = new ExpressionBinder(this.#context, this.#scope, this.#aggregates.within);
    return this.#aggregates(bindAggregate(fn, node, inner, this.#context));
  }
}

function listItems(node: Node | undefined): readonly Node[] {
  return node !== undefined && 'List' in node ? (node.List.items ?? []) : [];
}

/** A number with a point or exponent is numeric; a whole one is the smallest integer type that holds it. */
function numberLiteral(text: string): Expression {
  const negated = text.startsWith('-');
  const digits = negated ? text.slice(1) : text;
  if (/^\d+$/.test(digits)) {
    const value = BigInt(digits) * (negated ? -1n : 1n);
    if (value <= INT4_MAX && value >= -INT4_MAX - 1n) return literal(Number(value), TYPE.int4);
    if (value <= INT8_MAX && value >= -INT8_MAX - 1n) return literal(value, TYPE.int8);
  }
  return literal(Decimal.parse(text), TYPE.numeric);
}

/** `concat(...)`: every value as text, null as nothing. */
function concatAll(operands: readonly Operand[]): Expression {
  const empty = literal('', TYPE.text);
  const texts = operands.map((operand): Expression => {
    const settled = settle(operand);
    const text = settled.type.kind === 'boolean' ? shortBoolean(settled) : resolveCast(settled, TYPE.text as DataType);
    return text.kind === 'literal' ? (text.value === null ? empty : text) : call('coalesce', [text, empty]);
  });
  return texts.length === 0 ? empty : texts.reduce((left, right) => call('concat', [left, right]));
}

/** How concat writes a boolean: `t`, not `true`. */
function shortBoolean(value: Expression): Expression {
  const [yes, no] = [literal('t', TYPE.text), literal('f', TYPE.text)];
  return resolveCase(
    [
      { when: value, result: yes },
      { when: call('not', [value]), result: no },
    ],
    unknownLiteral(null),
  );
}
