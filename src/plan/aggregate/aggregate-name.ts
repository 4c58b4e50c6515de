import { HeadraceError } from '../../base/error.ts';
import { type Operand, requireBoolean, settle, unknownLiteral } from '../coercion.ts';
import type { Expression } from '../expression.ts';
import { call, literal } from '../expression-factory.ts';
import type { AggregateCall, SortKey } from '../node.ts';
import { TYPE } from '../type-name.ts';
import { type AggregateOptions, aggregateCall } from './aggregate-call.ts';
import { aggregateSpec, aggregateSpecNames } from './aggregate-catalog.ts';

/** An aggregate as it was written, its arguments bound. */
export interface WrittenAggregate {
  readonly args: readonly Operand[];
  readonly distinct: boolean;
  readonly filter: Expression | undefined;
  readonly orderBy: readonly SortKey[];
  /** The order stood in WITHIN GROUP. */
  readonly withinGroup: boolean;
}

type Form = (written: WrittenAggregate, name: string) => AggregateCall;

/** Aggregates that are others in disguise. */
const FORMS: Readonly<Record<string, Form>> = {
  count_if: (written, name) => {
    const [condition] = taking(written, name, 1);
    return aggregateCall('count', undefined, { filter: both(requireBoolean(condition!, name), written.filter) });
  },
  any_value: (written, name) => firstOf(written, taking(written, name, 1)[0]!, []),
  earliest_by_offset: (written, name) => firstOf(written, taking(written, name, 1)[0]!, []),
  latest_by_offset: (written, name) => {
    const value = settle(taking(written, name, 1)[0]!);
    return aggregateCall('last_value', value, { filter: both(isPresent(value), written.filter) });
  },
  arg_min: (written, name) => extremeOf(written, name, false),
  arg_max: (written, name) => extremeOf(written, name, true),
  min_by: (written, name) => extremeOf(written, name, false),
  max_by: (written, name) => extremeOf(written, name, true),
  median: (written, name) => {
    const [value] = taking(written, name, 1);
    return aggregateCall('percentile_cont', value, {
      extra: [literal(0.5, TYPE.float8)],
      filter: written.filter,
    });
  },
  listagg: (written, name) => {
    const { args, distinct, filter, orderBy } = written;
    const [value, delimiter] = args.length === 1 ? [args[0]!, unknownLiteral(',')] : taking(written, name, 2);
    return aggregateCall('string_agg', value, { extra: [delimiter!], distinct, filter, orderBy });
  },
};

/** Every name of an aggregate that SQL may write. */
export function aggregateNames(): readonly string[] {
  return [...aggregateSpecNames(), ...Object.keys(FORMS)];
}

export function isAggregateName(name: string): boolean {
  return aggregateSpec(name) !== undefined || Object.hasOwn(FORMS, name);
}

/**
 * The call that a written aggregate means: aliases and disguises undone, arguments cast.
 * @throws HeadraceError `PLAN_UNKNOWN_FUNCTION`, `PLAN_TYPE_MISMATCH`
 */
export function resolveAggregate(name: string, written: WrittenAggregate): AggregateCall {
  const form = Object.hasOwn(FORMS, name) ? FORMS[name] : undefined;
  if (written.withinGroup) return withinGroup(name, written);
  if (form !== undefined) return form(written, name);
  const spec = aggregateSpec(name)!;
  if (spec.shape === 'ordered' || (spec.shape === 'fraction' && spec.name !== 'approx_percentile')) {
    throw refused(
      `WITHIN GROUP is required for ordered-set aggregate ${name}`,
      `write ${name}(...) WITHIN GROUP (ORDER BY x)`,
    );
  }
  const { args, distinct, filter, orderBy } = written;
  const [first, ...extra] = args;
  return aggregateCall(spec.name as Exclude<AggregateCall['function'], 'user'>, first, {
    extra,
    distinct,
    filter,
    orderBy,
  });
}

/** `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)`; `listagg(x, ',') WITHIN GROUP (ORDER BY y)` orders its rows. */
function withinGroup(name: string, written: WrittenAggregate): AggregateCall {
  const { args, distinct, filter, orderBy } = written;
  if (name === 'listagg') return FORMS.listagg!(written, name);
  const spec = aggregateSpec(name);
  if (spec?.shape !== 'ordered' && spec?.shape !== 'fraction') {
    throw refused(
      `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`,
      'put ORDER BY into its parentheses',
    );
  }
  if (distinct) throw refused('cannot use DISTINCT with WITHIN GROUP', 'leave out DISTINCT');
  const [key, ...more] = orderBy;
  if (key === undefined || more.length > 0)
    throw refused(`${name} orders by one value`, 'write WITHIN GROUP (ORDER BY x)');
  const options: AggregateOptions = { extra: args, filter, orderBy };
  return aggregateCall(spec.name, key.expression, options);
}

/** Rows in which the one or the other is null are passed over. */
function extremeOf(written: WrittenAggregate, name: string, descending: boolean): AggregateCall {
  const [value, by] = taking(written, name, 2);
  const key = settle(by!);
  return firstOf(written, value!, [{ expression: key, descending, nullsFirst: false }]);
}

/** The first that is not null. */
function firstOf(written: WrittenAggregate, operand: Operand, orderBy: readonly SortKey[]): AggregateCall {
  const value = settle(operand);
  const present = [value, ...orderBy.map((key) => key.expression)].map(isPresent);
  return aggregateCall('first_value', value, {
    orderBy: [...orderBy, ...written.orderBy],
    filter: present.reduceRight((rest: Expression | undefined, one) => both(one, rest), written.filter),
  });
}

function isPresent(value: Expression): Expression {
  return call('is_not_null', [value]);
}

function both(condition: Expression, filter: Expression | undefined): Expression {
  return filter === undefined ? condition : call('and', [condition, filter]);
}

function taking({ args }: WrittenAggregate, name: string, count: number): readonly Operand[] {
  if (args.length === count) return args;
  throw refused(
    `${name} takes ${count === 1 ? 'one argument' : `${count} arguments`}, not ${args.length}`,
    'see the list of aggregates',
  );
}

function refused(message: string, next: string): HeadraceError {
  return new HeadraceError(`making a plan: ${message}`, { code: 'PLAN_TYPE_MISMATCH', domain: 'plan', next });
}
