import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningApp, startRuntime } from './runtime.ts';

const VIEWS = `CREATE SOURCE orders (id text NOT NULL, amount int4 NOT NULL) WITH (topic = 'orders');
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS orders, sum(amount) AS amount FROM orders;
`;
const ALERT = "CREATE ALERT many ON totals WHEN orders >= 2 WITH (severity = 'info');\n";

let dir: string;
let app: RunningApp | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edit-'));
  mkdirSync(join(dir, 'pipelines'));
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  rmSync(dir, { recursive: true });
});

const edit = (sql: string): void => writeFileSync(join(dir, 'pipelines/orders.sql'), sql);

async function start(
  sql: string,
  options: { rebuild?: boolean; apply?: 'manual'; workers?: string } = {},
): Promise<RunningApp> {
  await app?.stop();
  app = undefined;
  edit(sql);
  const { rebuild = false, apply = 'auto', workers = '' } = options;
  const flags = { 'http-port': '0', apply, 'engine-pipeline-workers': workers };
  app = await startRuntime({ projectDir: dir, flags, env: {}, until: 'stopped', rebuild });
  return app;
}

async function send({ parts }: RunningApp, ...amounts: readonly number[]): Promise<void> {
  const body = Buffer.from(amounts.map((amount, i) => JSON.stringify({ id: `o${i}`, amount })).join('\n'));
  const principal = { id: 'test', scopes: ['admin'] } as const;
  await parts.ingest.accept({ topic: 'orders', principal, body, format: 'ndjson', idempotencyKey: undefined });
}

async function totals(running: RunningApp): Promise<readonly unknown[]> {
  await running.idle();
  return [...running.parts.tables.get('totals')!.rows()];
}

describe('an edit between two starts', () => {
  it('of an alert or a sink leaves the state of the pipeline as it was', async () => {
    await send(await start(VIEWS + ALERT), 1, 2);
    const sink = "CREATE SINK s FROM totals WITH (connector = 'file', path = 'out/totals.ndjson');";
    const running = await start(`${VIEWS}${ALERT.replace('>= 2', '>= 3')}${sink}`);
    await send(running, 3);
    expect(await totals(running)).toMatchObject([{ orders: 3, amount: 6 }]);
    expect(running.parts.alerts()!.list()).toMatchObject([{ rule: 'many', state: 'firing' }]);
  });

  it('of a view is applied beside the rows that there are', async () => {
    const first = await start(VIEWS);
    await send(first, 1, 2);
    await first.idle();
    const edited = await start(VIEWS.replace('sum(amount)', 'max(amount)'));
    expect([...edited.parts.tables.get('totals')!.rows()].length).toBeLessThanOrEqual(1);
    expect(await totals(edited)).toMatchObject([{ orders: 2, amount: 2 }]);
    expect(edited.parts.engine.stored()).toMatchObject([{ name: 'orders', version: 2 }]);
  });

  it('of a view is built anew in one go with --rebuild', async () => {
    const first = await start(VIEWS);
    await send(first, 1, 2);
    await first.idle();
    const edited = VIEWS.replace('sum(amount)', 'max(amount)');
    expect(await totals(await start(edited, { rebuild: true }))).toMatchObject([{ orders: 2, amount: 2 }]);
  });

  it('of a view writes no row of an append topic a second time with --rebuild', async () => {
    const appending = `${VIEWS}CREATE MATERIALIZED VIEW big AS SELECT id, amount FROM orders WHERE amount > 1;\n`;
    const first = await start(appending);
    await send(first, 1, 2, 3);
    await first.idle();
    const running = await start(appending.replace('sum(amount)', 'max(amount)'), { rebuild: true });
    await send(running, 4);
    expect(await totals(running)).toMatchObject([{ orders: 4, amount: 4 }]);
    expect(running.parts.log.bounds('big', 0).highWatermark).toBe(3);
  });

  it('waits for apply when that is to be done by hand: what ran before goes on, and the plan says what is pending', async () => {
    const first = await start(VIEWS);
    await send(first, 1, 2);
    await first.idle();
    const running = await start(VIEWS.replace('sum(amount)', 'max(amount)') + ALERT, { apply: 'manual' });
    await send(running, 4);
    expect(await totals(running)).toMatchObject([{ orders: 3, amount: 7 }]);
    expect(running.parts.alerts()!.list()).toEqual([]);
    const { changes } = await running.plan();
    expect(changes).toMatchObject([{ pipeline: 'orders', fate: 'rebuilt', besides: ['alert many is added'] }]);
    await running.apply();
    expect(await totals(running)).toMatchObject([{ orders: 3, amount: 4 }]);
    expect((await running.plan()).changes).toMatchObject([{ fate: 'unchanged' }]);
  });
});

describe('state that cannot be read any more', () => {
  it('is made anew beside the rows that there are, which is said; no row of an append topic is written a second time', async () => {
    const appending = `${VIEWS}CREATE MATERIALIZED VIEW big AS SELECT id, amount FROM orders WHERE amount > 1;\n`;
    for (const amounts of [[1, 2], [3], [4]]) {
      const running = await start(appending);
      await send(running, ...amounts);
      await running.idle();
    }
    await app?.stop();
    app = undefined;
    const snapshots = join(dir, '.headrace/data/snapshots/orders');
    const files = readdirSync(snapshots);
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) writeFileSync(join(snapshots, file), 'HRSNAP99 of a build that is to come');
    const running = await start(appending);
    await send(running, 5);
    expect(await totals(running)).toMatchObject([{ orders: 5, amount: 15 }]);
    expect(running.parts.log.bounds('big', 0).highWatermark).toBe(4);
    expect(running.parts.engine.stored()).toMatchObject([{ version: 2 }]);
  });
});

describe('an edit while the project runs', () => {
  it('of an alert leaves the pipeline running', async () => {
    const running = await start(VIEWS + ALERT);
    await send(running, 1, 2);
    await running.idle();
    const [before] = running.pipelines();
    edit(`${VIEWS}${ALERT.replace('many', 'lots')}`);
    await running.apply();
    await send(running, 3);
    expect(await totals(running)).toMatchObject([{ orders: 3 }]);
    expect(running.pipelines()[0]).toBe(before);
    expect(
      running.parts
        .alerts()!
        .list()
        .filter(({ state }) => state === 'firing'),
    ).toMatchObject([{ rule: 'lots' }]);
  });

  it('of a view builds it anew', async () => {
    const running = await start(VIEWS + ALERT);
    await send(running, 1, 2);
    await running.idle();
    edit(`${VIEWS.replace('sum(amount)', 'min(amount)')}${ALERT}`);
    await running.apply();
    expect(await totals(running)).toMatchObject([{ orders: 2, amount: 1 }]);
  });

  it('of how many workers a pipeline has is planned, and applied beside the rows that there are', async () => {
    const first = await start(VIEWS);
    await send(first, 1, 2);
    await first.idle();
    const running = await start(VIEWS, { apply: 'manual', workers: 'orders=2' });
    expect((await running.plan()).changes).toMatchObject([
      { fate: 'rebuilt', besides: ['runs on 2 workers, was 1'], views: [{ view: 'totals', fate: 'rebuilt' }] },
    ]);
    await running.apply();
    await send(running, 3);
    expect(await totals(running)).toMatchObject([{ orders: 3, amount: 6 }]);
    expect(running.parts.engine.stored()).toMatchObject([{ version: 2, workers: 2 }]);
  });
});
