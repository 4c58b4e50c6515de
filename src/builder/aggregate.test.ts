import { describe, expect, it } from 'vitest';
import { serializeAggregate } from '../plan/pipeline-text.ts';
import { compileQuery } from '../sql/query.ts';
import {
  type Aggregate,
  approxPercentile,
  argMax,
  arrayAgg,
  asc,
  boolAnd,
  countIf,
  desc,
  jsonbObjectAgg,
  lastValue,
  mode,
  pairs,
  percentileCont,
  pipeline,
  source,
  stddevSamp,
  stringAgg,
  t,
  udaf,
} from './index.ts';
import { bindUserModule, ownFunctions } from './user-function.ts';

const orders = source('orders', { columns: { shop: t.text(), amount: t.int4(), weight: t.float8() } });
const columns = orders.node.columns.map(({ name, type, nullable }) => ({ name, type, nullable }));

/** The only aggregate of a query, as canonical text. */
async function ofSql(text: string): Promise<string> {
  let node = await compileQuery(`SELECT ${text} AS a FROM orders`, new Map([['orders', columns]]));
  while (node.kind !== 'aggregate') {
    if (!('input' in node)) throw new Error(`${text} has no aggregate`);
    node = node.input;
  }
  return serializeAggregate(node.aggregates[0]!);
}

type Row = Parameters<Parameters<ReturnType<typeof orders.groupBy>['aggregate']>[0]>[0];

function ofBuilder(make: (row: Row) => Aggregate): string {
  const { node } = orders.groupBy('shop').aggregate((row) => ({ a: make(row as Row) }));
  if (node.kind !== 'aggregate') throw new Error(`an aggregate was expected, not ${node.kind}`);
  return serializeAggregate(node.aggregates[0]!);
}

describe('an aggregate of the builder is the one that SQL writes', () => {
  const cases: readonly (readonly [string, (row: Row) => Aggregate])[] = [
    ['count_if(amount > 1)', (r) => countIf(r.amount.gt(1))],
    [
      "string_agg(DISTINCT shop, ',' ORDER BY shop DESC)",
      (r) => stringAgg(r.shop, ',').distinct().orderBy(desc(r.shop)),
    ],
    ['array_agg(shop ORDER BY amount)', (r) => arrayAgg(r.shop).orderBy(asc(r.amount))],
    ['jsonb_object_agg(shop, amount)', (r) => jsonbObjectAgg(r.shop, r.amount)],
    ['last_value(shop ORDER BY amount, weight)', (r) => lastValue(r.shop).orderBy(asc(r.amount), asc(r.weight))],
    ['arg_max(shop, amount)', (r) => argMax(r.shop, r.amount)],
    ['every(amount > 1) FILTER (WHERE weight > 2)', (r) => boolAndOf(r)],
    ['stddev(amount)', (r) => stddevSamp(r.amount)],
    ['regr_slope(weight, amount)', (r) => pairs.slope(r.weight, r.amount)],
    [
      'percentile_cont(0.9) WITHIN GROUP (ORDER BY amount)',
      (r) => percentileCont(0.9, r.amount).orderBy(asc(r.amount)),
    ],
    ['approx_percentile(amount, 0.5, 0.05)', (r) => approxPercentile(0.5, r.amount, 0.05)],
    ['mode() WITHIN GROUP (ORDER BY shop)', (r) => mode(r.shop).orderBy(asc(r.shop))],
  ];
  it.each(cases)('%s', async (text, make) => {
    expect(ofBuilder(make)).toBe(await ofSql(text));
  });
});

function boolAndOf(r: Row): Aggregate {
  return boolAnd(r.amount.gt(1)).filter(r.weight.gt(2));
}

describe('an aggregate of the pipeline’s own file', () => {
  it('is bound to the bundle that holds its parts, which are callable here too', () => {
    const product = udaf('product', [t.float8()], t.float8(), {
      init: () => 1,
      accumulate: (state, value) => state * (value ?? 1),
    });
    expect(product.accumulate(product.init(), 3)).toBe(3);
    const made = pipeline('p', (p) => {
      p.view(
        'v',
        orders.groupBy('shop').aggregate((r) => ({ a: product(r.weight).filter(r.amount.gt(0)) })),
      );
    });
    expect(ownFunctions(made)).toEqual(['product']);
    const bound = bindUserModule(made, { hash: 'a1', code: 'export {}' });
    expect(ownFunctions(bound)).toEqual([]);
    expect(bound.modules).toHaveLength(1);
  });
});
