import type { A_ArrayExpr, A_Expr, A_Indirection, CollateClause, FuncCall, Node, TypeCast } from 'libpg-query';
import { type Operand, resolveCall, resolveCast, settle, unknownLiteral } from '../plan/coercion.ts';
import type { DataType } from '../plan/data-type.ts';
import type { Expression } from '../plan/expression.ts';
import { call, literal, TRUE } from '../plan/expression-factory.ts';
import { isComparison } from '../plan/function/comparison.ts';
import { isFunction } from '../plan/function.ts';
import { arrayType, TYPE, typeName } from '../plan/type-name.ts';
import { NEGATED_OPERATORS, OPERATOR_NAMES, PREFIX_OPERATORS } from './function-name.ts';
import { bareName, typeOf } from './text/syntax-tree.ts';

/** What the forms of this file need of the binder of expressions. */
export interface FormBinder {
  operand(node: Node): Operand;
  /** `SQL_NOT_SUPPORTED`, unless it is said which. */
  refuse(node: Node, message: string, next?: string, code?: string): Error;
}

const ITEM_MIN = -2_147_483_648;
const ITEM_MAX = 2_147_483_647;

/** Collations whose order is that of code points: the only one there is (docs/sql/values.md). */
const COLLATIONS: ReadonlySet<string> = new Set(['C', 'POSIX', 'ucs_basic', 'C.UTF-8', 'C.utf8', 'default']);

/**
 * Binds the expressions with a syntax of their own: arrays and subscripts, rows, `= ANY`, SIMILAR TO, BETWEEN SYMMETRIC,
 * prefix operators, COLLATE. Undefined for any other.
 */
export function bindSpecialForm(node: Node, binder: FormBinder): Operand | undefined {
  if ('A_ArrayExpr' in node) return arrayOf(node.A_ArrayExpr, node, binder);
  if ('A_Indirection' in node) return subscripted(node.A_Indirection, node, binder);
  if ('CollateClause' in node) return collated(node.CollateClause, node, binder);
  if ('TypeCast' in node) return castForm(node.TypeCast, binder);
  return 'A_Expr' in node ? operatorForm(node.A_Expr, node, binder) : undefined;
}

/** Casts of ARRAY[...], to varchar(n), which cuts, and of a constant to an interval of one unit. */
function castForm({ arg, typeName: name }: TypeCast, binder: FormBinder): Operand | undefined {
  if (arg === undefined || name === undefined) return undefined;
  const [modifier] = (name.typmods ?? []).map((mod) => ('A_Const' in mod ? (mod.A_Const.ival?.ival ?? 0) : 0));
  const bare = bareName(name.names);
  if ('A_ArrayExpr' in arg) {
    const type = typeOf(name);
    return type?.kind === 'array' ? typedArray(arg.A_ArrayExpr, type, binder) : undefined;
  }
  if (bare === 'varchar' && modifier !== undefined && name.arrayBounds === undefined) {
    return resolveCall('left', [resolveCast(binder.operand(arg), TYPE.text), literal(modifier, TYPE.int4)]);
  }
  if (bare !== 'interval' || modifier === undefined) return undefined;
  const operand = binder.operand(arg);
  const unit = INTERVAL_UNITS.get(modifier);
  const isBare = operand.kind === 'unknown' && unit !== undefined && /^\s*[+-]?[\d.]+\s*$/.test(operand.text ?? '');
  return isBare ? resolveCast(unknownLiteral(`${operand.text} ${unit}`), TYPE.interval) : undefined;
}

/** PostgreSQL's masks of the fields of an interval, `INTERVAL '1' DAY`. */
const INTERVAL_UNITS: ReadonlyMap<number, string> = new Map([
  [4, 'year'],
  [2, 'month'],
  [8, 'day'],
  [1024, 'hour'],
  [2048, 'minute'],
  [4096, 'second'],
]);

function operatorForm(expression: A_Expr, node: Node, binder: FormBinder): Operand | undefined {
  const { lexpr: left, rexpr: right } = expression;
  const symbol = bareName(expression.name);
  switch (expression.kind) {
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return quantified(symbol, left!, right!, expression.kind === 'AEXPR_OP_ANY', node, binder);
    case 'AEXPR_SIMILAR':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return patternWithEscape(expression.kind, symbol, left!, right!, binder);
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return betweenSymmetric(expression, binder);
    case 'AEXPR_IN':
      return isRow(left) ? rowIn(left, listOf(right), symbol === '<>', node, binder) : undefined;
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return isRow(left) ? rowDistinct(expression.kind === 'AEXPR_DISTINCT', left, right!, node, binder) : undefined;
    case 'AEXPR_OP':
      if (isRow(left)) return rowComparison(symbol, rowItems(left), rowItems(right), node, binder);
      return left === undefined && right !== undefined ? prefixed(symbol, right, node, binder) : undefined;
    default:
      return undefined;
  }
}

function prefixed(symbol: string, argument: Node, node: Node, binder: FormBinder): Operand {
  const operand = binder.operand(argument);
  if (symbol === '+') return operand;
  const name = PREFIX_OPERATORS.get(symbol);
  if (name === undefined) throw binder.refuse(node, `operator ${symbol} is not supported`);
  const isRoot = name === 'sqrt' || name === 'cbrt';
  return resolveCall(name, [isRoot ? resolveCast(settle(operand), TYPE.float8) : operand]);
}

function arrayOf(array: A_ArrayExpr, node: Node, binder: FormBinder): Operand {
  const items = (array.elements ?? []).map((element) => binder.operand(element));
  if (items.length === 0) {
    throw binder.refuse(node, 'the type of an empty array is not known', 'write a cast, such as ARRAY[]::text[]');
  }
  return resolveCall('array', items);
}

function typedArray(array: A_ArrayExpr, type: DataType & { kind: 'array' }, binder: FormBinder): Expression {
  const { element } = type;
  const items = (array.elements ?? []).map((item): Expression => {
    if ('A_ArrayExpr' in item && element.kind === 'array') return typedArray(item.A_ArrayExpr, element, binder);
    return resolveCast(binder.operand(item), element);
  });
  return items.length === 0 ? literal([], arrayType(element)) : call('array', items);
}

/** `a[2]`, `a[1:3]`, and members and elements of jsonb. */
function subscripted(indirection: A_Indirection, node: Node, binder: FormBinder): Operand {
  let subject = settle(binder.operand(indirection.arg!));
  for (const step of indirection.indirection ?? []) {
    if (!('A_Indices' in step)) throw binder.refuse(node, 'fields of composite values are not supported');
    const { is_slice: isSlice, lidx, uidx } = step.A_Indices;
    const bound = (index: Node | undefined, missing: number): Expression =>
      index === undefined ? literal(missing, TYPE.int4) : resolveCast(binder.operand(index), TYPE.int4);
    if (subject.type.kind === 'array' && isSlice === true) {
      subject = resolveCall('array_slice', [subject, bound(lidx, ITEM_MIN), bound(uidx, ITEM_MAX)]) as Expression;
    } else if (subject.type.kind === 'array') {
      subject = resolveCall('array_element', [subject, bound(uidx, ITEM_MIN)]);
    } else if (subject.type.kind === 'jsonb' && isSlice !== true) {
      subject = resolveCall('json_get', [subject, binder.operand(uidx!)]);
    } else {
      const message = `cannot subscript type ${typeName(subject.type)} because it does not support subscripting`;
      throw binder.refuse(node, message, 'subscript an array or jsonb', 'PLAN_TYPE_MISMATCH');
    }
  }
  return subject;
}

function collated({ arg, collname }: CollateClause, node: Node, binder: FormBinder): Operand {
  const name = bareName(collname);
  if (!COLLATIONS.has(name)) {
    throw binder.refuse(
      node,
      `collation "${name}" is not supported`,
      'leave it out, or use "C": texts order by code point',
    );
  }
  return binder.operand(arg!);
}

/** `a = ANY (array)`, `a <> ALL (array)`; every operator with the items of ARRAY[...]. */
function quantified(symbol: string, left: Node, right: Node, any: boolean, node: Node, binder: FormBinder): Operand {
  const subject = binder.operand(left);
  const negated = NEGATED_OPERATORS.get(symbol);
  const name = negated ?? OPERATOR_NAMES.get(symbol);
  if (name === undefined) throw binder.refuse(node, `operator ${symbol} is not supported`);
  const one = (item: Operand): Expression => {
    const test = resolveCall(name, [subject, item]);
    return negated === undefined ? test : call('not', [test]);
  };
  if ('A_ArrayExpr' in right) {
    const items = (right.A_ArrayExpr.elements ?? []).map((item) => one(binder.operand(item)));
    return items.length === 0 ? literal(!any, TYPE.boolean) : call(any ? 'or' : 'and', items);
  }
  const array = binder.operand(right);
  if (isComparison(name)) return resolveCall(`${name}_${any ? 'any' : 'all'}`, [subject, array]);
  if (array.kind === 'literal' && array.type.kind === 'array' && array.value !== null) {
    const { element } = array.type;
    const items = (array.value as readonly unknown[]).map((item) => one(literal(item, element)));
    return items.length === 0 ? literal(!any, TYPE.boolean) : call(any ? 'or' : 'and', items);
  }
  throw binder.refuse(node, `${symbol} ${any ? 'ANY' : 'ALL'} of a computed array is not supported`, 'use ARRAY[...]');
}

/** LIKE, ILIKE and SIMILAR TO, the latter with or without ESCAPE. */
function patternWithEscape(
  kind: 'AEXPR_SIMILAR' | 'AEXPR_LIKE' | 'AEXPR_ILIKE',
  symbol: string,
  left: Node,
  right: Node,
  binder: FormBinder,
): Operand | undefined {
  const escaping = 'FuncCall' in right ? right.FuncCall : undefined;
  const made = bareName(escaping?.funcname);
  if (escaping === undefined || (made !== 'like_escape' && made !== 'similar_to_escape')) return undefined;
  const name = kind === 'AEXPR_SIMILAR' ? 'similar_to' : kind === 'AEXPR_LIKE' ? 'like' : 'ilike';
  const [pattern, escapeCharacter] = escaping.args ?? [];
  const operands = [binder.operand(left), binder.operand(pattern!)];
  if (escapeCharacter !== undefined) operands.push(binder.operand(escapeCharacter));
  const matched = resolveCall(name, operands);
  return symbol.startsWith('!') ? call('not', [matched]) : matched;
}

function betweenSymmetric(expression: A_Expr, binder: FormBinder): Operand {
  const subject = binder.operand(expression.lexpr!);
  const [low, high] = listOf(expression.rexpr).map((bound) => binder.operand(bound));
  const within = (from: Operand, to: Operand): Expression =>
    call('and', [resolveCall('ge', [subject, from]), resolveCall('le', [subject, to])]);
  const inside = call('or', [within(low!, high!), within(high!, low!)]);
  return expression.kind === 'AEXPR_NOT_BETWEEN_SYM' ? call('not', [inside]) : inside;
}

function isRow(node: Node | undefined): node is Node {
  return node !== undefined && 'RowExpr' in node;
}

function rowItems(node: Node | undefined): readonly Node[] | undefined {
  return node !== undefined && 'RowExpr' in node ? (node.RowExpr.args ?? []) : undefined;
}

function listOf(node: Node | undefined): readonly Node[] {
  return node !== undefined && 'List' in node ? (node.List.items ?? []) : [];
}

/** Rows compare from the left (PostgreSQL manual, section 9.24.5). */
function rowComparison(
  symbol: string,
  left: readonly Node[] | undefined,
  right: readonly Node[] | undefined,
  node: Node,
  binder: FormBinder,
): Operand {
  const name = OPERATOR_NAMES.get(symbol) ?? '';
  if (left === undefined || right === undefined || !isComparison(name)) {
    throw binder.refuse(node, `operator ${symbol} is not supported between rows`, 'compare rows with = <> < <= > >=');
  }
  if (left.length !== right.length || left.length === 0)
    throw binder.refuse(node, 'unequal number of entries in row expressions', 'give both as many', 'SQL_SYNTAX');
  const pairs = left.map((item, index) => [binder.operand(item), binder.operand(right[index]!)] as const);
  const compared = (comparison: string, [a, b]: readonly [Operand, Operand]): Expression =>
    resolveCall(comparison, [a, b]);
  if (name === 'eq' || name === 'ne')
    return call(
      name === 'eq' ? 'and' : 'or',
      pairs.map((pair) => compared(name, pair)),
    );
  const strict = name === 'le' ? 'lt' : name === 'ge' ? 'gt' : name;
  const last = compared(name, pairs.at(-1)!);
  return pairs
    .slice(0, -1)
    .reduceRight<Expression>(
      (rest, pair) => call('or', [compared(strict, pair), call('and', [compared('eq', pair), rest])]),
      last,
    );
}

function rowIn(left: Node, items: readonly Node[], negated: boolean, node: Node, binder: FormBinder): Operand {
  const tests = items.map((item) => settle(rowComparison('=', rowItems(left), rowItems(item), node, binder)));
  const any = call('or', tests);
  return negated ? call('not', [any]) : any;
}

function rowDistinct(distinct: boolean, left: Node, right: Node, node: Node, binder: FormBinder): Operand {
  const [a, b] = [rowItems(left) ?? [], rowItems(right)];
  if (b === undefined || a.length !== b.length)
    throw binder.refuse(node, 'unequal number of entries in row expressions', 'give both as many', 'SQL_SYNTAX');
  const same = a.map((item, index) =>
    resolveCall('is_not_distinct_from', [binder.operand(item), binder.operand(b[index]!)]),
  );
  const all = same.length === 0 ? TRUE : call('and', same);
  return distinct ? call('not', [all]) : all;
}

/** Functions whose result would differ when an epoch is processed again, and what to do instead. */
const VOLATILE: ReadonlyMap<string, string> = new Map([
  ['random', 'derive a number from a key: (crc32(key) % 100)'],
  ['gen_random_uuid', 'make one of a key: md5(key)::uuid'],
  ['uuid_generate_v4', 'make one of a key: md5(key)::uuid'],
  ['clock_timestamp', 'use now(), the clock reading of the epoch'],
  ['timeofday', 'use now(), the clock reading of the epoch'],
  ['setseed', 'leave it out'],
]);

/** Calls that are another expression: casts by a type's name, `age` of one moment, COALESCE by its other names. */
export function bindSpecialCall(name: string, fn: FuncCall, node: Node, binder: FormBinder): Operand | undefined {
  const args = fn.args ?? [];
  const instead = VOLATILE.get(name);
  if (instead !== undefined) {
    throw binder.refuse(
      node,
      `${name} is volatile: a replay would not give the same again`,
      `${instead}, or declare a volatile user function`,
    );
  }
  if (fn.func_variadic === true && isFunction(name)) {
    throw binder.refuse(node, `${name} with VARIADIC is not supported`, 'write the arguments one by one');
  }
  switch (name) {
    case 'ifnull':
    case 'nvl':
      return resolveCall(
        'coalesce',
        args.map((arg) => binder.operand(arg)),
      );
    case 'age':
      if (args.length !== 1) return undefined;
      return resolveCall('age', [
        resolveCast(resolveCast(call('now', []), TYPE.date), TYPE.timestamp),
        binder.operand(args[0]!),
      ]);
    case 'make_interval':
      return makeInterval(args, node, binder);
    case 'overlaps':
      return overlaps(
        args.map((arg) => binder.operand(arg)),
        node,
        binder,
      );
    case 'date':
      return args.length === 1 ? resolveCast(binder.operand(args[0]!), TYPE.date) : undefined;
    default:
      return undefined;
  }
}

/** `(start, end or length) OVERLAPS (...)`, by PostgreSQL's function of the same name. */
function overlaps(operands: readonly Operand[], node: Node, binder: FormBinder): Operand {
  if (operands.length !== 4) throw binder.refuse(node, 'OVERLAPS compares two pairs');
  const [a, b, c, d] = operands as [Operand, Operand, Operand, Operand];
  const end = (start: Operand, other: Operand): Operand =>
    other.kind !== 'unknown' && other.type.kind === 'interval' ? resolveCall('add', [start, other]) : other;
  return resolveCall('overlaps', [a, end(a, b), c, end(c, d)]);
}

const INTERVAL_PARTS = ['years', 'months', 'weeks', 'days', 'hours', 'mins', 'secs'] as const;

/** `make_interval(days => 10, hours => 2)`: what is not named is nothing. */
function makeInterval(args: readonly Node[], node: Node, binder: FormBinder): Operand {
  const given = new Map<number, Operand>();
  for (const [position, arg] of args.entries()) {
    const named = 'NamedArgExpr' in arg ? arg.NamedArgExpr : undefined;
    const index =
      named === undefined ? position : INTERVAL_PARTS.indexOf(named.name as (typeof INTERVAL_PARTS)[number]);
    if (index < 0 || index >= INTERVAL_PARTS.length || given.has(index)) {
      throw binder.refuse(node, `make_interval has no such argument`, `name ${INTERVAL_PARTS.join(', ')}`);
    }
    given.set(index, binder.operand(named?.arg ?? arg));
  }
  return resolveCall(
    'make_interval',
    INTERVAL_PARTS.map((_, index) => given.get(index) ?? literal(0, TYPE.int4)),
  );
}
