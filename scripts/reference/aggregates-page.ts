import { AGGREGATE_EXAMPLES, AGGREGATE_ROWS } from './aggregate-examples.ts';
import { code, pageHead, table } from './markdown.ts';

export function aggregatesPage(): string {
  const rows = AGGREGATE_EXAMPLES.map(({ write, does, keeps, example, result }) => [
    write
      .split(/, (?=\w+\()/)
      .map(code)
      .join(', '),
    does,
    keeps,
    code(example),
    code(result),
  ]);
  return `${pageHead(
    'Aggregates',
    `What \`GROUP BY\`, windows and \`OVER\` may compute, with PostgreSQL's types and results, in views as in queries. Every example is run by
the tests, over these rows: ${code(AGGREGATE_ROWS)}.`,
  )}
${table(['write', 'what it gives', 'what a group keeps', 'example', 'gives'], rows)}
## Around an aggregate

- \`aggregate(DISTINCT a)\` takes each different value once; where the order shows, the values then come in their own order, or in that
  of \`ORDER BY\`, which may name what is aggregated only.
- \`aggregate(a) FILTER (WHERE condition)\` takes the rows for which the condition is true. Several \`count(DISTINCT a)\` with different
  conditions share one set of values.
- \`aggregate(a ORDER BY b DESC NULLS LAST)\` orders the rows where that shows; elsewhere it changes nothing. Rows that are equal in it
  come in the order of their arrival, which survives restarts. In an ad-hoc query that order is the query's.
- \`WITHIN GROUP (ORDER BY a)\` for percentiles and \`mode\`. A fraction is a constant between 0 and 1.
- Nulls are left out, but for \`count(*)\`, \`array_agg\`, \`jsonb_agg\`, \`jsonb_object_agg\`, \`first_value\` and \`last_value\`. Of no rows an
  aggregate is null; \`count\`, \`regr_count\` and \`approx_count_distinct\` are 0.
- Without \`GROUP BY\` there is one row, also before the first row of the input.

## When rows are taken back

Every aggregate follows a row that is updated, deleted or retracted: the result is that of the rows that are left, to the last digit.
Sums of floating point numbers, variances and regressions are kept exactly and rounded once, so that neither the order of rows nor
what is gone shows in them. What keeps values finds each in logarithmic time. Of rows that are the same for an aggregate, the one
that came first is taken back.

A group whose result cannot be computed (a sum beyond its type) has no row until it can, and a dead letter says why.

## What differs from PostgreSQL

- \`json_agg\` and \`json_object_agg\` give jsonb. JSON numbers are doubles: an int8 or numeric that they do not hold exactly is a text in it,
  and zeros at the end are gone.
- Variances, covariances and regressions of double precision are exact, rounded once; PostgreSQL's last digits depend on the order.
- Overflow of \`sum\` and \`avg\` of double precision gives infinity.
- Of numerics that are equal and differ in their digits (\`1.0\`, \`1.00\`), \`min\`, \`max\` and percentiles take the one with fewer as the smaller,
  and \`mode\` gives it without zeros at the end. \`-0\` is smaller than \`0\`.
- In ad-hoc queries a numeric has 38 digits: the mean of an int8 shows at most 19 of them after the point, a variance 18. The sum and the mean of
  double precision are DuckDB's, whose last digit may differ from that of a view. User-defined aggregates run in views only.

## Aggregates of your own

\`\`\`ts
interface Mean { sum: number; weight: number }

export const weighted = {
  init: (): Mean => ({ sum: 0, weight: 0 }),
  accumulate: (state: Mean, value: number | null, weight: number | null): Mean =>
    value === null || weight === null ? state : { sum: state.sum + value * weight, weight: state.weight + weight },
  finish: (state: Mean): number | null => (state.weight === 0 ? null : state.sum / state.weight),
};
\`\`\`

\`\`\`sql
CREATE SOURCE orders (shop text, price float8, pieces float8) WITH (topic = 'orders');

CREATE AGGREGATE weighted(value float8, weight float8) RETURNS float8
LANGUAGE typescript AS '../functions/weighted.ts#weighted';

CREATE MATERIALIZED VIEW prices AS SELECT shop, weighted(price, pieces) AS price FROM orders GROUP BY shop;
\`\`\`

| part | takes | gives |
|--|--|--|
| \`init\` | nothing | the state of no rows |
| \`accumulate\` | the state, the arguments (null for NULL) | the new state, or nothing when it has changed the one it was given |
| \`retract\`, optional | the state, the arguments of a row that goes | the same. Without it, where rows can be taken back, all rows are kept and the state is made anew for each result |
| \`merge\`, optional | two states | the state of the rows of both |
| \`finish\`, optional | the state | the result; without it the state is the result |

The state goes into snapshots: plain objects, arrays, texts, numbers, bigints, booleans and null; anything else is refused. The parts are
deterministic and return at once. A part that throws must have left the state as it was: the row becomes a dead letter with the stack, and
counts for no aggregate of its group. \`DISTINCT\`, \`FILTER\` and \`ORDER BY\` work as with others. In TypeScript the same is
\`udaf(name, types, result, parts)\`, exported from the pipeline's file.

## Where the methods come from

- Ranks among values: counted B+ trees (R. Bayer and E. McCreight, 1972; D. Knuth, The Art of Computer Programming, volume 3, 6.2.3).
- Exact sums: J. R. Shewchuk, Adaptive Precision Floating-Point Arithmetic, 1997; exact products: T. J. Dekker, 1971.
- \`approx_count_distinct\`: HyperLogLog (P. Flajolet et al., 2007) with the estimator of O. Ertl, New cardinality estimation algorithms for
  HyperLogLog sketches, 2017; 2^14 registers; MurmurHash3_x86_128. Where rows are taken back it counts the rows of each register and rank.
- \`approx_percentile\`: DDSketch (C. Masson, J. Rim and H. Lee, VLDB 2019) without joining buckets, so that taking back is exact.
`;
}
