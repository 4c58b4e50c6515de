import { describe, expect, it } from 'vitest';
import { explain } from '../../plan/explain.ts';
import { sqlPipeline } from '../engine-world.fixture.ts';
import { withExchanges } from './exchange-placement.ts';
import { planStages } from './stage-plan.ts';

const SOURCES = `
CREATE SOURCE events (id text, kind text, time timestamptz, amount bigint,
  WATERMARK FOR time AS time - INTERVAL '20 seconds') WITH (topic = 'events', format = 'json');
CREATE SOURCE other (id text, kind text, time timestamptz, amount bigint,
  WATERMARK FOR time AS time - INTERVAL '20 seconds') WITH (topic = 'other', format = 'json');
CREATE TABLE users (id text PRIMARY KEY, kind text) WITH (topic = 'users', format = 'json');
`;

/** The exchanges of a view's plan, from the output down, and how many tasks its stages have. */
async function placed(select: string): Promise<{ exchanges: readonly string[]; tasks: readonly number[] }> {
  const pipeline = withExchanges(await sqlPipeline(`${SOURCES} CREATE MATERIALIZED VIEW v AS ${select};`));
  const lines = explain(pipeline).split('\n');
  const exchanges = lines.map((line) => line.trim()).filter((line) => line.startsWith('exchange'));
  const { stages } = planStages(pipeline, { workers: 3, prefix: '', partitions: () => 2 });
  return { exchanges, tasks: stages.map(({ tasks }) => tasks) };
}

describe('where rows go to other tasks', () => {
  it.each([
    ['nowhere, when each row stands for itself', 'SELECT id FROM events WHERE amount > 3', [], [2]],
    [
      'below an aggregate, made into partial rows before',
      'SELECT kind, count(*) AS n FROM events GROUP BY kind',
      ['exchange of partial groups by kind'],
      [2, 3],
    ],
    [
      'whole, when an aggregate needs every row',
      'SELECT kind, string_agg(id, $$,$$) AS ids FROM events GROUP BY kind',
      ['exchange by kind'],
      [2, 3],
    ],
    [
      'by key alone where there are windows too, so that those of a key are together',
      "SELECT window_start, window_end, kind, count(DISTINCT id) AS n FROM TUMBLE(events, time, INTERVAL '1 minute') GROUP BY 1, 2, 3",
      ['exchange by kind'],
      [2, 3],
    ],
    [
      'to one task, when there is no key',
      'SELECT sum(amount) AS s FROM events',
      ['exchange of partial groups to one task'],
      [2, 1],
    ],
    [
      'on both sides of a join, by what is equal',
      'SELECT a.id FROM events a JOIN other b ON a.kind = b.kind AND a.amount < b.amount',
      ['exchange by kind', 'exchange by kind'],
      [2, 3],
    ],
    [
      'once for two operators that need the same key',
      'SELECT kind, count(*) AS n FROM (SELECT DISTINCT ON (kind) kind, id FROM events) AS d GROUP BY kind',
      ['exchange by kind'],
      [2, 3],
    ],
    [
      'nowhere for a table: one task reads it all, since a change takes back the row of another partition',
      'SELECT kind, count(*) AS n FROM users GROUP BY kind',
      [],
      [1],
    ],
  ])('%s', async (_, select, exchanges, tasks) => {
    const found = await placed(select);
    expect(found.exchanges).toEqual(exchanges);
    expect(found.tasks).toEqual(tasks);
  });

  it('never by what may differ when it is computed again', async () => {
    const found = await placed(
      "SELECT now() - time > INTERVAL '1 hour' AS old, count(DISTINCT id) AS n FROM events GROUP BY 1",
    );
    expect(found.exchanges).toEqual(['exchange to one task']);
  });
});
