import type { AggregateFunction } from '../node.ts';

/** How an aggregate is called. */
export type AggregateShape =
  /** `count(*)` or `count(x)`. */
  | 'count'
  /** One value. */
  | 'one'
  /** Two values: `corr(y, x)`, `string_agg(x, ',')`. */
  | 'two'
  /** `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)`. */
  | 'fraction'
  /** `mode() WITHIN GROUP (ORDER BY x)`. */
  | 'ordered';

export interface AggregateSpec {
  readonly name: Exclude<AggregateFunction, 'user'>;
  readonly shape: AggregateShape;
  /** Other names that SQL may write. */
  readonly aliases: readonly string[];
  /** Its result shows in which order the rows come. */
  readonly ordered: boolean;
  /** A value that comes twice says nothing new, so DISTINCT changes nothing. */
  readonly idempotent: boolean;
  /** Rows whose value is null count like others. */
  readonly takesNulls: boolean;
  /**
   * Null: `empty` for a group in which no row was taken, `always` when it can be null for other reasons, `never` (0 for no row),
   * `argument` when its argument can be.
   */
  readonly nulls: 'never' | 'empty' | 'argument' | 'always';
}

type Traits = Partial<Omit<AggregateSpec, 'name' | 'shape'>>;

function spec(name: AggregateSpec['name'], shape: AggregateShape, traits: Traits = {}): AggregateSpec {
  return Object.freeze({
    name,
    shape,
    aliases: [],
    ordered: false,
    idempotent: false,
    takesNulls: false,
    nulls: 'empty',
    ...traits,
  });
}

const ONCE: Traits = { idempotent: true };
const LISTED: Traits = { ordered: true, takesNulls: true };

/** Every aggregate of the plan, but for those that users write. */
const SPECS: readonly AggregateSpec[] = [
  spec('count', 'count', { nulls: 'never' }),
  spec('sum', 'one'),
  spec('avg', 'one', { aliases: ['mean'] }),
  spec('min', 'one', ONCE),
  spec('max', 'one', ONCE),
  spec('bool_and', 'one', { ...ONCE, aliases: ['every'] }),
  spec('bool_or', 'one', { ...ONCE }),
  spec('bit_and', 'one', ONCE),
  spec('bit_or', 'one', ONCE),
  spec('bit_xor', 'one'),
  spec('string_agg', 'two', { ordered: true }),
  spec('array_agg', 'one', LISTED),
  spec('jsonb_agg', 'one', { ...LISTED, aliases: ['json_agg'] }),
  spec('jsonb_object_agg', 'two', { ...LISTED, aliases: ['json_object_agg'] }),
  spec('first_value', 'one', { ...LISTED, nulls: 'argument' }),
  spec('last_value', 'one', { ...LISTED, nulls: 'argument' }),
  spec('var_pop', 'one'),
  spec('var_samp', 'one', { aliases: ['variance'], nulls: 'always' }),
  spec('stddev_pop', 'one'),
  spec('stddev_samp', 'one', { aliases: ['stddev'], nulls: 'always' }),
  spec('covar_pop', 'two', { nulls: 'always' }),
  spec('covar_samp', 'two', { nulls: 'always' }),
  spec('corr', 'two', { nulls: 'always' }),
  spec('regr_avgx', 'two', { nulls: 'always' }),
  spec('regr_avgy', 'two', { nulls: 'always' }),
  spec('regr_count', 'two', { nulls: 'never' }),
  spec('regr_intercept', 'two', { nulls: 'always' }),
  spec('regr_r2', 'two', { nulls: 'always' }),
  spec('regr_slope', 'two', { nulls: 'always' }),
  spec('regr_sxx', 'two', { nulls: 'always' }),
  spec('regr_sxy', 'two', { nulls: 'always' }),
  spec('regr_syy', 'two', { nulls: 'always' }),
  spec('percentile_cont', 'fraction'),
  spec('percentile_disc', 'fraction'),
  spec('mode', 'ordered'),
  spec('approx_count_distinct', 'one', { ...ONCE, aliases: ['approx_distinct'], nulls: 'never' }),
  spec('approx_percentile', 'fraction', { aliases: ['approx_quantile'] }),
];

const BY_NAME: ReadonlyMap<string, AggregateSpec> = new Map(
  SPECS.flatMap((one) => [one.name, ...one.aliases].map((name) => [name, one])),
);

/** The aggregate functions that a plan may name. */
export const AGGREGATE_NAMES: readonly AggregateSpec['name'][] = SPECS.map((one) => one.name);

/** By its name or an alias. */
export function aggregateSpec(name: string): AggregateSpec | undefined {
  return BY_NAME.get(name);
}

/** All names and aliases of aggregates that are called as they are. */
export function aggregateSpecNames(): readonly string[] {
  return [...BY_NAME.keys()];
}
