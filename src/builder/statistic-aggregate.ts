import { aggregateCall } from '../plan/aggregate/aggregate-call.ts';
import { literal } from '../plan/expression-factory.ts';
import type { AggregateFunction } from '../plan/node.ts';
import { TYPE, type TypeKind } from '../plan/type-name.ts';
import { Aggregate } from './aggregate.ts';
import type { NumberKind, Value } from './value.ts';

type DeviationKind<Kind extends NumberKind> = Kind extends 'float4' | 'float8' ? 'float8' : 'numeric';
type MiddleKind<Kind extends TypeKind> = Kind extends 'interval' ? 'interval' : 'float8';

/** Of pairs of numbers, y first, as SQL has it. Pairs with a null are left out. */
type PairFunction = Extract<AggregateFunction, 'corr' | `covar_${string}` | `regr_${string}`>;

function pair<Kind extends 'float8' | 'int8' = 'float8'>(name: PairFunction) {
  return (y: Value<NumberKind>, x: Value<NumberKind>): Aggregate<Kind> =>
    new Aggregate<Kind>(aggregateCall(name, y.expression, { extra: [x.expression] }));
}

/** Variance of all there is. Exact for integers and numeric; of floating point numbers the same in any order. */
export function varPop<Kind extends NumberKind>(value: Value<Kind>): Aggregate<DeviationKind<Kind>> {
  return new Aggregate<DeviationKind<Kind>>(aggregateCall('var_pop', value.expression));
}

/** Variance estimated from a sample; null for one value. */
export function varSamp<Kind extends NumberKind>(value: Value<Kind>): Aggregate<DeviationKind<Kind>> {
  return new Aggregate<DeviationKind<Kind>>(aggregateCall('var_samp', value.expression));
}

/** Standard deviation of all there is. */
export function stddevPop<Kind extends NumberKind>(value: Value<Kind>): Aggregate<DeviationKind<Kind>> {
  return new Aggregate<DeviationKind<Kind>>(aggregateCall('stddev_pop', value.expression));
}

/**
 * Standard deviation estimated from a sample; null for one value.
 *
 * @example
 * ```ts
 * const spread = clicks.groupBy('page').aggregate((r) => ({ mean: avg(r.bytes), spread: stddevSamp(r.bytes) }));
 * spread.node.columns[2]!.type.kind; // 'numeric'
 * ```
 */
export function stddevSamp<Kind extends NumberKind>(value: Value<Kind>): Aggregate<DeviationKind<Kind>> {
  return new Aggregate<DeviationKind<Kind>>(aggregateCall('stddev_samp', value.expression));
}

/** Covariance, correlation and linear regression of pairs (y, x): SQL's `covar_pop(y, x)`, `corr(y, x)`, `regr_slope(y, x)` and so on. */
export const pairs = {
  covarPop: pair('covar_pop'),
  covarSamp: pair('covar_samp'),
  corr: pair('corr'),
  slope: pair('regr_slope'),
  intercept: pair('regr_intercept'),
  r2: pair('regr_r2'),
  count: pair<'int8'>('regr_count'),
  avgX: pair('regr_avgx'),
  avgY: pair('regr_avgy'),
  sxx: pair('regr_sxx'),
  syy: pair('regr_syy'),
  sxy: pair('regr_sxy'),
} as const;

function percentile<Kind extends TypeKind>(
  name: 'percentile_cont' | 'percentile_disc' | 'approx_percentile',
  value: Value,
  ...constants: readonly number[]
): Aggregate<Kind> {
  const extra = constants.map((constant) => literal(constant, TYPE.float8));
  return new Aggregate<Kind>(aggregateCall(name, value.expression, { extra }));
}

/**
 * The value below which so large a share of the values lies, between the two next to it: 0.5 for the median.
 *
 * @example
 * ```ts
 * const usual = clicks.groupBy('page').aggregate((r) => ({ median: percentileCont(0.5, r.bytes) }));
 * usual.node.columns[1]!.type.kind; // 'float8'
 * ```
 */
export function percentileCont<Kind extends NumberKind | 'interval'>(
  fraction: number,
  value: Value<Kind>,
): Aggregate<MiddleKind<Kind>> {
  return percentile<MiddleKind<Kind>>('percentile_cont', value, fraction);
}

/** The first value, in order, at or beyond so large a share of the values. */
export function percentileDisc<Kind extends TypeKind>(fraction: number, value: Value<Kind>): Aggregate<Kind> {
  return percentile<Kind>('percentile_disc', value, fraction);
}

/** As {@link percentileDisc}, to a relative error (0.01 unless given otherwise), in little memory (DDSketch). */
export function approxPercentile(
  fraction: number,
  value: Value<NumberKind>,
  relativeError?: number,
): Aggregate<'float8'> {
  const error = relativeError === undefined ? [] : [relativeError];
  return percentile<'float8'>('approx_percentile', value, fraction, ...error);
}

/** About how many different values there are, in little memory: HyperLogLog, with a standard error of 0.8 %. */
export function approxCountDistinct(value: Value): Aggregate<'int8'> {
  return new Aggregate(aggregateCall('approx_count_distinct', value.expression));
}

/** The most frequent value; of several the smallest. */
export function mode<Kind extends TypeKind>(value: Value<Kind>): Aggregate<Kind> {
  return new Aggregate<Kind>(aggregateCall('mode', value.expression));
}
