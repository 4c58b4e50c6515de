/** An aggregate: how it is written, what it gives, what a group keeps for it, and an example over {@link AGGREGATE_ROWS}. */
export interface AggregateExample {
  readonly write: string;
  readonly does: string;
  /** Where rows can be taken back; where they only come, when it differs. */
  readonly keeps: string;
  readonly example: string;
  /** As a query prints it in JSON. */
  readonly result: string;
}

/** What the examples aggregate. */
export const AGGREGATE_ROWS = `(VALUES ('a', 1, 1.5::float8, true), ('a', 2, 2.5, true), ('b', 2, 4.0, false), ('b', NULL, NULL, NULL)) AS t(k, n, x, ok)`;

const SUMS = 'sums';
const VALUES = 'its different values, with counts';
const VALUES_OR_ONE = `${VALUES}; the one value where rows only come`;
const ROWS = 'all values, in order';
const ROWS_OR_ONE = `${ROWS}; one row where rows only come`;

const entry = (write: string, does: string, keeps: string, example: string, result: string): AggregateExample => ({
  write,
  does,
  keeps,
  example,
  result,
});

export const AGGREGATE_EXAMPLES: readonly AggregateExample[] = [
  entry('count(*)', 'rows', 'a number', 'count(*)', '4'),
  entry('count(a)', 'rows in which a is not null', 'a number', 'count(n)', '3'),
  entry('count(DISTINCT a)', 'different values', VALUES, 'count(DISTINCT n)', '2'),
  entry('count_if(c)', 'rows for which c is true', 'a number', 'count_if(n > 1)', '2'),
  entry('sum(a)', 'the sum; of int2 and int4 an int8, of int8 a numeric', SUMS, 'sum(n)', '5'),
  entry('avg(a), mean(a)', 'the mean; numeric for integers and numeric', SUMS, 'avg(n)', '1.6666666666666667'),
  entry('min(a)', 'the smallest', VALUES_OR_ONE, 'min(k)', '"a"'),
  entry('max(a)', 'the largest', VALUES_OR_ONE, 'max(k)', '"b"'),
  entry('bool_and(a), every(a)', 'whether all are true', 'two numbers', 'bool_and(ok)', 'false'),
  entry('bool_or(a)', 'whether any is true', 'two numbers', 'bool_or(ok)', 'true'),
  entry('bit_and(a)', 'the bits that all have', 'a number for each bit', 'bit_and(n)', '0'),
  entry('bit_or(a)', 'the bits that any has', 'a number for each bit', 'bit_or(n)', '3'),
  entry('bit_xor(a)', 'the bits that an odd number has', 'a number for each bit', 'bit_xor(n)', '1'),
  entry(
    'string_agg(a, delimiter ORDER BY b)',
    'the texts (or bytea) one after another; nulls are left out',
    ROWS,
    "string_agg(k, ',' ORDER BY x DESC)",
    '"b,b,a,a"',
  ),
  entry(
    'listagg(a, delimiter) WITHIN GROUP (ORDER BY b)',
    'the same, as Flink and the standard write it; the delimiter is a comma unless it is given',
    ROWS,
    'listagg(DISTINCT k)',
    '"a,b"',
  ),
  entry('array_agg(a ORDER BY b)', 'all values, nulls too', ROWS, 'array_agg(n ORDER BY n)', '[1,2,2,null]'),
  entry(
    'jsonb_agg(a ORDER BY b), json_agg(a)',
    'all values as a JSON array, always of type jsonb',
    ROWS,
    'jsonb_agg(k ORDER BY k DESC)',
    '["b","b","a","a"]',
  ),
  entry(
    'jsonb_object_agg(key, a ORDER BY b), json_object_agg(key, a)',
    'a JSON object; of equal keys the last counts; a row with a null for key is a dead letter',
    ROWS,
    'jsonb_object_agg(k, n ORDER BY n NULLS FIRST)',
    '{"a":2,"b":2}',
  ),
  entry('first_value(a ORDER BY b)', 'of the first row, be it null', ROWS_OR_ONE, 'first_value(k ORDER BY x)', '"a"'),
  entry(
    'last_value(a ORDER BY b)',
    'of the last row, be it null',
    ROWS_OR_ONE,
    'last_value(k ORDER BY x NULLS FIRST)',
    '"b"',
  ),
  entry(
    'any_value(a), earliest_by_offset(a)',
    'the first to arrive that is not null',
    ROWS_OR_ONE,
    'any_value(ok) FILTER (WHERE n = 1)',
    'true',
  ),
  entry(
    'latest_by_offset(a)',
    'the last to arrive that is not null',
    ROWS_OR_ONE,
    'latest_by_offset(x) FILTER (WHERE n = 1)',
    '1.5',
  ),
  entry(
    'arg_min(a, b), min_by(a, b)',
    'a of the row in which b is smallest; rows with a null in either are left out',
    ROWS_OR_ONE,
    'arg_min(k, x)',
    '"a"',
  ),
  entry(
    'arg_max(a, b), max_by(a, b)',
    'a of the row in which b is largest; rows with a null in either are left out',
    ROWS_OR_ONE,
    'arg_max(k, x)',
    '"b"',
  ),
  entry('var_pop(a)', 'variance of all there is', SUMS, 'var_pop(n)', '0.222222222222222222'),
  entry(
    'var_samp(a), variance(a)',
    'variance estimated from a sample; null for one value',
    SUMS,
    'var_samp(n)',
    '0.333333333333333333',
  ),
  entry('stddev_pop(a)', 'standard deviation of all there is', SUMS, 'stddev_pop(x)', '1.0274023338281628'),
  entry(
    'stddev_samp(a), stddev(a)',
    'standard deviation estimated from a sample; null for one value',
    SUMS,
    'stddev_samp(x)',
    '1.2583057392117916',
  ),
  entry('covar_pop(y, x)', 'covariance of the pairs without a null', SUMS, 'covar_pop(n, x)', '0.3888888888888889'),
  entry('covar_samp(y, x)', 'covariance estimated from a sample', SUMS, 'covar_samp(n, x)', '0.5833333333333334'),
  entry('corr(y, x)', 'correlation; null when y or x is always the same', SUMS, 'corr(n, x)', '0.8029550685469662'),
  entry('regr_count(y, x)', 'pairs without a null', 'a number', 'regr_count(n, x)', '3'),
  entry('regr_avgx(y, x)', 'the mean of x', SUMS, 'regr_avgx(n, x)', '2.6666666666666665'),
  entry('regr_avgy(y, x)', 'the mean of y', SUMS, 'regr_avgy(n, x)', '1.6666666666666667'),
  entry('regr_slope(y, x)', 'slope of the line nearest to the pairs', SUMS, 'regr_slope(n, x)', '0.3684210526315789'),
  entry('regr_intercept(y, x)', 'y of that line at x = 0', SUMS, 'regr_intercept(n, x)', '0.6842105263157895'),
  entry('regr_r2(y, x)', 'the square of the correlation', SUMS, 'regr_r2(n, x)', '0.6447368421052632'),
  entry('regr_sxx(y, x)', 'sum of the squares of x around its mean', SUMS, 'regr_sxx(n, x)', '3.1666666666666665'),
  entry('regr_syy(y, x)', 'sum of the squares of y around its mean', SUMS, 'regr_syy(n, x)', '0.6666666666666666'),
  entry('regr_sxy(y, x)', 'sum of the products around the means', SUMS, 'regr_sxy(n, x)', '1.1666666666666667'),
  entry(
    'percentile_cont(fraction) WITHIN GROUP (ORDER BY a)',
    'between the two values next to the fraction; double precision or interval. An array of fractions gives an array',
    VALUES,
    'percentile_cont(0.25) WITHIN GROUP (ORDER BY x)',
    '2',
  ),
  entry('median(a)', 'percentile_cont of a half', VALUES, 'median(x)', '2.5'),
  entry(
    'percentile_disc(fraction) WITHIN GROUP (ORDER BY a)',
    'the first value at or beyond the fraction, of any type',
    VALUES,
    'percentile_disc(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY n)',
    '[1,2]',
  ),
  entry(
    'mode() WITHIN GROUP (ORDER BY a)',
    'the most frequent; of several the first in order',
    VALUES,
    'mode() WITHIN GROUP (ORDER BY n)',
    '2',
  ),
  entry(
    'approx_count_distinct(a), approx_distinct(a)',
    'about how many different values: HyperLogLog, standard error 0.8 %',
    'at most 16 KiB where rows only come; else a count for each register and rank that occurs',
    'approx_count_distinct(n)',
    '2',
  ),
  entry(
    'approx_percentile(a, fraction, error), approx_quantile(a, fraction)',
    'percentile_disc to a relative error, 0.01 unless given: DDSketch; also with WITHIN GROUP',
    'a number for each bucket that occurs',
    'round(approx_percentile(x, 0.5)::numeric, 1)',
    '2.5',
  ),
];
