import { HeadraceError } from '../../base/error.ts';
import { coerce, type Operand, settle } from '../coercion.ts';
import type { DataType } from '../data-type.ts';
import { evaluate } from '../evaluate.ts';
import type { Expression, LiteralExpression } from '../expression.ts';
import { castTo, literal } from '../expression-factory.ts';
import type { AggregateCall, AggregateFunction, SortKey } from '../node.ts';
import { isConstant } from '../optimizer/constant-expression.ts';
import { serializeExpression } from '../pipeline-text.ts';
import { arrayType, TYPE, type TypeKind, typeName } from '../type-name.ts';
import { type AggregateSpec, aggregateSpec } from './aggregate-catalog.ts';
import { aggregateType } from './aggregate-type.ts';

export interface AggregateOptions {
  readonly distinct?: boolean;
  readonly filter?: Expression | undefined;
  /** Arguments after the first: see {@link AggregateCall.extra}. */
  readonly extra?: readonly Operand[];
  readonly orderBy?: readonly SortKey[];
}

/** The relative error of `approx_percentile` when none is asked for. */
const PERCENTILE_ERROR = 0.01;

/**
 * A call with the casts that its arguments need. Of an aggregate in which the order of rows does not show, ORDER BY is left out;
 * so is DISTINCT where it changes nothing.
 *
 * @throws HeadraceError `PLAN_UNKNOWN_FUNCTION` when the argument's type has no such aggregate, `PLAN_TYPE_MISMATCH`
 */
export function aggregateCall(
  name: Exclude<AggregateFunction, 'user'>,
  argument: Operand | undefined,
  options: AggregateOptions = {},
): AggregateCall {
  const spec = aggregateSpec(name)!;
  const given = [...(argument === undefined ? [] : [argument]), ...(options.extra ?? [])];
  const [first, ...extra] = argumentsOf(spec, given);
  const several = extra[0]?.type.kind === 'array' && spec.shape === 'fraction';
  const type = aggregateType(name, first?.type, several ? 'several' : 'one');
  if (type === undefined) throw noAggregate(name, given);
  const distinct = (options.distinct ?? false) && first !== undefined && !spec.idempotent;
  const orderBy = orderOf(spec, { first, extra, distinct, orderBy: options.orderBy ?? [] });
  return Object.freeze({
    function: name,
    argument: first,
    ...(extra.length > 0 && { extra: Object.freeze(extra) }),
    ...(orderBy.length > 0 && { orderBy: Object.freeze(orderBy) }),
    distinct,
    filter: options.filter,
    type,
  });
}

/** The call with another condition, order, or with DISTINCT. */
export function changedCall(
  call: AggregateCall,
  changes: Pick<AggregateOptions, 'distinct' | 'filter' | 'orderBy'>,
): AggregateCall {
  const { function: name, argument, extra = [], distinct, filter, orderBy = [], user, type } = call;
  const options = { distinct, filter, orderBy, ...changes };
  if (name !== 'user') return aggregateCall(name, argument, { extra, ...options });
  const args = argument === undefined ? [] : [argument, ...extra];
  return userAggregateCall({ ...user!, args: args.map((arg) => arg.type), returns: type }, args, options);
}

/** A call of an aggregate that a user wrote. */
export function userAggregateCall(
  declared: NonNullable<AggregateCall['user']> & { readonly args: readonly DataType[]; readonly returns: DataType },
  operands: readonly Operand[],
  options: Pick<AggregateOptions, 'distinct' | 'filter' | 'orderBy'> = {},
): AggregateCall {
  const { name, module, exportName, args, returns } = declared;
  if (operands.length !== args.length) {
    const wanted = `${name}(${args.map(typeName).join(', ')})`;
    throw mismatch(`${wanted} takes ${args.length} arguments, not ${operands.length}`, 'give it what it declares');
  }
  const [first, ...extra] = operands.map((operand, index) => coerce(operand, args[index]!));
  const distinct = options.distinct ?? false;
  const orderBy = checkedOrder(options.orderBy ?? [], distinct, [first!, ...extra]);
  return Object.freeze({
    function: 'user',
    argument: first,
    ...(extra.length > 0 && { extra: Object.freeze(extra) }),
    ...(orderBy.length > 0 && { orderBy: Object.freeze(orderBy) }),
    distinct,
    filter: options.filter,
    type: returns,
    user: Object.freeze({ name, module, exportName }),
  });
}

/** The arguments as the aggregate takes them, by implicit casts. */
function argumentsOf(spec: AggregateSpec, given: readonly Operand[]): Expression[] {
  switch (spec.shape) {
    case 'count':
      if (given.length > 1) throw noAggregate(spec.name, given);
      return given.map(settle);
    case 'one':
      if (given.length !== 1) throw noAggregate(spec.name, given);
      return [summed(spec.name, settle(given[0]!))];
    case 'two':
      return pair(spec.name, given);
    case 'ordered':
      if (given.length !== 1) throw noAggregate(spec.name, given);
      return given.map(settle);
    case 'fraction':
      return percentile(spec.name, given);
  }
}

/** PostgreSQL takes a time of day for an interval here. */
function summed(name: AggregateFunction, argument: Expression): Expression {
  const isSum = name === 'sum' || name === 'avg';
  return isSum && argument.type.kind === 'time' ? castTo(argument, TYPE.interval) : argument;
}

function pair(name: AggregateFunction, given: readonly Operand[]): Expression[] {
  const [first, second] = given;
  if (first === undefined || second === undefined || given.length > 2) throw noAggregate(name, given);
  if (name === 'jsonb_object_agg') return [castTo(settle(first), TYPE.text), settle(second)];
  if (name !== 'string_agg') return given.map((operand) => asDouble(name, operand, given));
  const value = settle(first);
  if (value.type.kind !== 'text' && value.type.kind !== 'bytea') throw noAggregate(name, given);
  return [value, coerce(second, value.type)];
}

const DOUBLES: ReadonlySet<TypeKind> = new Set(['int2', 'int4', 'int8', 'numeric', 'float4', 'float8']);

function asDouble(name: AggregateFunction, operand: Operand, given: readonly Operand[]): Expression {
  if (operand.kind !== 'unknown' && !DOUBLES.has(operand.type.kind)) throw noAggregate(name, given);
  return coerce(operand, TYPE.float8);
}

/** What is ordered by, the fraction, and of approx_percentile the relative error. */
function percentile(name: AggregateFunction, given: readonly Operand[]): Expression[] {
  const [value, fraction, error] = given;
  const most = name === 'approx_percentile' ? 3 : 2;
  if (value === undefined || fraction === undefined || given.length > most) throw noAggregate(name, given);
  const settled = settle(value);
  const isSpan = settled.type.kind === 'interval' && name === 'percentile_cont';
  const argument = name === 'percentile_disc' || isSpan ? settled : asDouble(name, value, given);
  if (name !== 'approx_percentile') return [argument, fractionsOf(fraction)];
  const one = fractionsOf(fraction);
  if (one.type.kind === 'array') throw noAggregate(name, given);
  return [argument, one, relativeError(error ?? literal(PERCENTILE_ERROR, TYPE.float8))];
}

/** One fraction or an array of them, as a literal. */
function fractionsOf(operand: Operand): LiteralExpression {
  const settled = operand.kind === 'unknown' ? coerce(operand, TYPE.float8) : operand;
  const several = settled.type.kind === 'array';
  const constant = constantOf(several ? settled : coerce(settled, TYPE.float8), 'the fraction of a percentile');
  const values = several ? ((constant.value ?? []) as readonly unknown[]) : [constant.value];
  const fractions = values.map((value) => (value === null ? null : Number(String(value))));
  for (const fraction of fractions) {
    if (fraction === null || (fraction >= 0 && fraction <= 1)) continue;
    throw new HeadraceError(`making a plan: percentile value ${fraction} is not between 0 and 1`, {
      code: 'PLAN_OUT_OF_RANGE',
      domain: 'plan',
      next: 'write 0.5 for the median',
    });
  }
  return several
    ? literal(constant.value === null ? null : fractions, arrayType(TYPE.float8))
    : literal(fractions[0], TYPE.float8);
}

function relativeError(operand: Operand): LiteralExpression {
  const constant = constantOf(coerce(operand, TYPE.float8), 'the relative error of a percentile');
  const value = constant.value as number | null;
  if (value !== null && value > 0 && value < 1) return constant;
  throw mismatch(`relative error ${value} is not between 0 and 1`, `write ${PERCENTILE_ERROR} for one in a hundred`);
}

function constantOf(expression: Expression, what: string): LiteralExpression {
  if (!isConstant(expression)) throw mismatch(`${what} must be a constant`, 'write a number');
  return literal(evaluate(expression, []), expression.type);
}

function orderOf(
  spec: AggregateSpec,
  call: {
    readonly first: Expression | undefined;
    readonly extra: readonly Expression[];
    readonly distinct: boolean;
    readonly orderBy: readonly SortKey[];
  },
): readonly SortKey[] {
  const { first, extra, distinct, orderBy } = call;
  if (spec.shape === 'ordered' || spec.shape === 'fraction') {
    return orderBy.slice(0, 1).map((key) => Object.freeze({ ...key, expression: first! }));
  }
  const args = first === undefined ? [] : [first, ...extra];
  const checked = checkedOrder(orderBy, distinct, args);
  return spec.ordered ? checked : [];
}

/** Values that are taken once come in an order of theirs, as in PostgreSQL, which sorts them to find those that are equal. */
function checkedOrder(orderBy: readonly SortKey[], distinct: boolean, args: readonly Expression[]): readonly SortKey[] {
  const keys = orderBy.map((key) => Object.freeze({ ...key }));
  if (!distinct) return keys;
  const texts = args.map(serializeExpression);
  const named = new Set(keys.map((key) => serializeExpression(key.expression)));
  for (const text of named) {
    if (texts.includes(text)) continue;
    throw mismatch(
      'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
      'order by what is aggregated',
    );
  }
  const rest = args.filter((argument, index) => argument.kind !== 'literal' && !named.has(texts[index]!));
  return [...keys, ...rest.map((expression) => Object.freeze({ expression, descending: false, nullsFirst: false }))];
}

/** Of percentiles the fraction comes first, as SQL has it. */
function noAggregate(name: AggregateFunction, given: readonly Operand[]): HeadraceError {
  const [first, ...others] = given;
  const isFraction = aggregateSpec(name)?.shape === 'fraction' && first !== undefined;
  const written = isFraction ? [...others, first] : given;
  const shown = written.map((operand) => (operand.kind === 'unknown' ? 'unknown' : typeName(operand.type))).join(', ');
  return new HeadraceError(`making a plan: function ${name}(${shown}) does not exist`, {
    code: 'PLAN_UNKNOWN_FUNCTION',
    domain: 'plan',
    next: 'aggregate a value of another type, with a cast if need be',
  });
}

function mismatch(message: string, next: string): HeadraceError {
  return new HeadraceError(`making a plan: ${message}`, { code: 'PLAN_TYPE_MISMATCH', domain: 'plan', next });
}
