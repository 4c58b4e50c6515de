import { describe, expect, it } from 'vitest';
import type { PlanNode } from '../plan/node.ts';
import { planHash } from '../plan/pipeline-text.ts';
import { compilePipeline } from '../sql/statement/pipeline-compiler.ts';
import { asc, count, desc, fromView, over, pipeline, type Shape, type Stream, source, sum, t } from './index.ts';

const orders = source('orders', {
  columns: { id: t.text(), shop: t.text(), at: t.timestamptz(), amount: t.float8() },
  watermark: { column: 'at', delay: '5 seconds' },
});
const payments = source('payments', { columns: { order_id: t.text(), paid_at: t.timestamptz(), sum: t.float8() } });
const shops = source('shops', { columns: { id: t.text(), city: t.text() }, primaryKey: ['id'] });
const SOURCES = `
CREATE SOURCE orders (id text, shop text, at timestamptz, amount double precision,
  WATERMARK FOR at AS at - INTERVAL '5 seconds');
CREATE SOURCE payments (order_id text, paid_at timestamptz, sum double precision);`;

/** The builder's plan is SQL's. */
async function isSql<Columns extends Shape>(stream: Stream<Columns>, query: string): Promise<void> {
  const built = pipeline('p', (p) => {
    p.view('v', stream);
  });
  const written = await compilePipeline(`${SOURCES} CREATE MATERIALIZED VIEW v AS ${query};`, { name: 'p' });
  const sources = built.sources;
  expect(planHash(built)).toBe(planHash({ ...written, sources }));
}

describe('joins', () => {
  it('of each kind are those of SQL', async () => {
    for (const kind of ['inner', 'left', 'right', 'full'] as const) {
      const joined = orders.join(payments, {
        kind,
        on: (o, p) => o.id.eq(p.order_id),
        select: (o, p) => ({ id: o.id, sum: p.sum }),
      });
      await isSql(joined, `SELECT o.id, p.sum FROM orders o ${kind} JOIN payments p ON o.id = p.order_id`);
    }
  });

  it('forget rows after their time-to-live', () => {
    const joined = orders.join(payments, {
      on: (o, p) => o.id.eq(p.order_id),
      select: (o) => ({ id: o.id }),
      ttl: '1 hour',
    });
    expect(nodesOf(joined.node, 'join')).toMatchObject([{ join: 'inner', ttlMs: 3_600_000 }]);
  });

  it('that ask only whether a row is there', () => {
    expect(orders.whereExists(payments, (o, p) => o.id.eq(p.order_id)).node).toMatchObject({
      kind: 'join',
      join: 'semi',
    });
    expect(orders.whereNotExists(payments, (o, p) => o.id.eq(p.order_id)).node).toMatchObject({ join: 'anti' });
  });

  it('as of a time', () => {
    const joined = orders.joinAsOf(payments, {
      on: [['id', 'order_id']],
      time: { left: 'at', right: 'paid_at' },
      optional: true,
      select: (o, p) => ({ id: o.id, sum: p.sum }),
    });
    expect(nodesOf(joined.node, 'temporal-join')).toMatchObject([
      { join: 'left', leftKeys: [0], rightKeys: [0], times: { left: 2, right: 1 } },
    ]);
    expect(() => orders.joinAsOf(shops, { on: [], select: (o) => ({ id: o.id }) })).toThrow('it has no keys');
  });
});

describe('sets of rows', () => {
  it('are those of SQL', async () => {
    const ids = orders.select((r) => ({ id: r.id }));
    const paid = payments.select((r) => ({ id: r.order_id }));
    await isSql(ids.distinct(), 'SELECT DISTINCT id FROM orders');
    await isSql(
      ids.union([paid], { all: true }),
      'SELECT id FROM orders UNION ALL SELECT order_id AS id FROM payments',
    );
    await isSql(ids.except(paid), 'SELECT id FROM orders EXCEPT SELECT order_id AS id FROM payments');
    await isSql(ids.intersect(paid), 'SELECT id FROM orders INTERSECT SELECT order_id AS id FROM payments');
  });
});

describe('rows in order', () => {
  it('the first of each key', () => {
    const best = orders.topN({ by: ['shop'], orderBy: (r) => [desc(r.amount), asc(r.id)], limit: 3, rankAs: 'place' });
    expect(best.node).toMatchObject({ kind: 'top-n', partition: [1], limit: 3, withRank: true });
    expect(best.node.columns.at(-1)).toMatchObject({ name: 'place', type: { kind: 'int8' } });
  });

  it('the last of each key', () => {
    const { node } = orders.latest(['shop'], (r) => r.at);
    expect(node).toMatchObject({ kind: 'top-n', limit: 1, keys: [{ descending: true, nullsFirst: false }] });
  });

  it('functions over the rows around a row are those of SQL', async () => {
    const ranked = orders.over({ by: ['shop'], orderBy: (r) => [asc(r.at)] }, (r) => ({
      place: over.rowNumber(),
      before: over.lag(r.amount),
    }));
    await isSql(
      ranked,
      `SELECT *, row_number() OVER w AS place, lag(amount) OVER w AS before FROM orders WINDOW w AS (PARTITION BY shop ORDER BY at)`,
    );
    const sums = orders.over(
      { by: ['shop'], orderBy: (r) => [asc(r.at)], frame: { range: [{ before: '10 minutes' }, 'current row'] } },
      (r) => ({ total: over.of(sum(r.amount)) }),
    );
    await isSql(
      sums,
      `SELECT *, sum(amount) OVER (PARTITION BY shop ORDER BY at RANGE BETWEEN INTERVAL '10 minutes' PRECEDING AND CURRENT ROW) AS total
       FROM orders`,
    );
  });
});

describe('windows', () => {
  it('hop, and follow sessions', () => {
    const hopping = orders
      .hop('at', '10 minutes', { every: '1 minute' })
      .groupBy('shop')
      .aggregate(() => ({ n: count() }));
    expect(nodesOf(hopping.node, 'window')).toMatchObject([{ window: { kind: 'hopping', slideUs: 60_000_000n } }]);
    const sessions = orders
      .session('at', '30 seconds', { by: ['shop'] })
      .groupBy('shop')
      .aggregate(() => ({ n: count() }));
    expect(nodesOf(sessions.node, 'window')).toMatchObject([{ window: { kind: 'session', keys: [1] } }]);
  });
});

describe('tables and views', () => {
  it('a source with a primary key holds the rows of a table', () => {
    expect(shops.node).toMatchObject({ kind: 'source', changes: { mode: 'upsert', keys: [0] } });
  });

  it('the view of another pipeline is read as it changes', () => {
    let read: PlanNode | undefined;
    pipeline('first', (p) => {
      const perShop = p.view(
        'per_shop',
        orders.groupBy('shop').aggregate(() => ({ n: count() })),
      );
      read = fromView(perShop).filter((r) => r.n.gt(10)).node;
    });
    expect(nodesOf(read!, 'source')).toMatchObject([{ topic: 'per_shop', changes: { mode: 'upsert', keys: [0] } }]);
  });

  it('results can come at intervals', () => {
    const built = pipeline('p', (p) => {
      p.view(
        'v',
        orders.groupBy('shop').aggregate(() => ({ n: count() })),
        { emit: { every: '5 s' } },
      );
    });
    expect(built.outputs[0]!.emit).toEqual({ kind: 'every', intervalMs: 5000 });
  });
});

function nodesOf(node: PlanNode, kind: PlanNode['kind']): PlanNode[] {
  const below = 'input' in node ? nodesOf(node.input, kind) : [];
  return node.kind === kind ? [node, ...below] : below;
}
