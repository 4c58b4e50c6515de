import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../../sql/statement/pipeline-compiler.ts';
import { compareVersions } from './version-change.ts';

const SOURCE = `CREATE SOURCE orders (id text, shop text, amount int8, time timestamptz,
  WATERMARK FOR time AS time - INTERVAL '5 seconds') WITH (topic = 'orders');
`;
const TOTALS =
  'CREATE MATERIALIZED VIEW totals AS SELECT shop, count(*) AS n FROM orders WHERE amount > 0 GROUP BY shop;\n';
const WINDOWED = `CREATE MATERIALIZED VIEW minutes AS SELECT window_start, count(*) AS n
FROM TUMBLE(orders, time, INTERVAL '1 minute') GROUP BY window_start, window_end;\n`;
const IDS = 'CREATE MATERIALIZED VIEW ids AS SELECT id, amount FROM orders;\n';
const PAID = 'CREATE MATERIALIZED VIEW paid AS SELECT shop, sum(amount) AS paid FROM orders GROUP BY shop;\n';
const ALERT = "CREATE ALERT many ON totals WHEN n > 5 WITH (severity = 'info');\n";

async function compare(before: string | undefined, after: string | undefined, source = SOURCE) {
  const compiled = (sql: string, head: string) => compilePipeline(head + sql, { name: 'orders' });
  return compareVersions(
    before === undefined ? undefined : await compiled(before, SOURCE),
    after === undefined ? undefined : await compiled(after, source),
    { before: 1, after: 1 },
  );
}

/** Fates by view, and what changes. */
async function viewsOf(before: string, after: string, source = SOURCE) {
  const { views } = await compare(before, after, source);
  return Object.fromEntries(views.map(({ view, fate, changes }) => [view, [fate, ...changes]]));
}

describe('comparing two versions of a pipeline', () => {
  it('finds nothing where nothing has changed', async () => {
    expect(await compare(TOTALS + ALERT, TOTALS + ALERT)).toMatchObject({ fate: 'unchanged', besides: [] });
    expect(await compare(undefined, TOTALS)).toMatchObject({ fate: 'created', views: [{ fate: 'created' }] });
    expect(await compare(TOTALS, undefined)).toMatchObject({ fate: 'dropped', views: [{ fate: 'dropped' }] });
  });

  it('on several workers, or on another number of them, has every view built anew, unless no state is touched', async () => {
    const [before, after] = await Promise.all(
      [TOTALS, TOTALS + PAID].map((sql) => compilePipeline(SOURCE + sql, { name: 'orders' })),
    );
    const fates = (next: typeof before, workers: { before: number; after: number }) =>
      compareVersions(before, next, workers).views.map(({ fate }) => fate);
    expect(fates(after, { before: 2, after: 2 })).toEqual(['rebuilt', 'created']);
    expect(fates(before, { before: 2, after: 2 })).toEqual(['unchanged']);
    expect(fates(before, { before: 1, after: 2 })).toEqual(['rebuilt']);
    expect(compareVersions(before, before, { before: 1, after: 2 })).toMatchObject({
      fate: 'rebuilt',
      besides: ['runs on 2 workers, was 1'],
    });
  });

  it('an alert alone touches no state', async () => {
    const change = await compare(TOTALS + ALERT, TOTALS + ALERT.replace('> 5', '> 6'));
    expect(change).toMatchObject({
      fate: 'survives',
      views: [{ fate: 'unchanged' }],
      besides: ['alert many is changed'],
    });
  });

  it.each([
    ['a filter', TOTALS.replace('> 0', '> 2'), 'filter amount > 2, was amount > 0'],
    [
      'an aggregate',
      TOTALS.replace(' AS n', ' AS n, max(amount) AS most'),
      'aggregate: column most is new (max(amount))',
    ],
    [
      'another aggregate',
      TOTALS.replace('count(*)', 'sum(amount)'),
      'aggregate: column n is sum(amount), was count(*)',
    ],
  ])('%s that changes has the view built anew, and says what it was', async (_, after, text) => {
    const { totals } = await viewsOf(TOTALS, after);
    expect(totals).toEqual(expect.arrayContaining(['rebuilt', text]));
  });

  it('a window that changes has the view built anew', async () => {
    const { minutes } = await viewsOf(WINDOWED, WINDOWED.replace('1 minute', '5 minutes'));
    expect(minutes).toEqual(['rebuilt', 'window tumbling 5 min on time, was window tumbling 1 min on time']);
  });

  it('a view that is added or taken away leaves the others as they are', async () => {
    expect(await viewsOf(TOTALS, TOTALS + PAID)).toEqual({ totals: ['unchanged'], paid: ['created'] });
    expect(await viewsOf(TOTALS + PAID, TOTALS)).toEqual({ totals: ['unchanged'], paid: ['dropped'] });
    expect(await compare(TOTALS + PAID, TOTALS)).toMatchObject({ fate: 'survives' });
  });

  it('a view with another name is a new one, and the old one goes', async () => {
    expect(await viewsOf(TOTALS, TOTALS.replace('VIEW totals', 'VIEW sums'))).toEqual({
      sums: ['created'],
      totals: ['dropped'],
    });
  });

  it('rows of an append topic without state go on, as they are now', async () => {
    const { ids } = await viewsOf(IDS, IDS.replace('id, amount', 'id, amount, shop'));
    expect(ids).toEqual(['survives', 'project: column shop is new (shop)']);
  });

  it('another key has the view built anew', async () => {
    const { totals } = await viewsOf(TOTALS, TOTALS.replaceAll('shop', 'id'));
    expect(totals?.[0]).toBe('rebuilt');
    expect(totals).toContain('key id, was shop');
  });

  it('a source that is declared otherwise has what reads it built anew', async () => {
    const more = SOURCE.replace('amount int8', 'amount int8, note text');
    expect(await viewsOf(TOTALS, TOTALS, more)).toEqual({
      totals: ['rebuilt', 'source orders: column note is new (text)'],
    });
  });
});
