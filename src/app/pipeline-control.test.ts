import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningApp, startRuntime } from './runtime.ts';

const ORDERS = `CREATE SOURCE orders (id text NOT NULL, amount int4 NOT NULL) WITH (topic = 'orders');
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS orders, sum(amount) AS amount FROM orders;
`;
const LARGE = `CREATE MATERIALIZED VIEW large AS SELECT amount FROM totals WHERE amount > 2;
`;

let dir: string;
let app: RunningApp | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'control-'));
  mkdirSync(join(dir, 'pipelines'));
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  rmSync(dir, { recursive: true });
});

async function start(files: Readonly<Record<string, string>>): Promise<RunningApp> {
  await app?.stop();
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(dir, 'pipelines', `${name}.sql`), sql);
  app = await startRuntime({ projectDir: dir, flags: { 'http-port': '0' }, env: {}, until: 'stopped' });
  return app;
}

async function send({ parts }: RunningApp, ...amounts: readonly number[]): Promise<void> {
  const body = Buffer.from(amounts.map((amount, i) => JSON.stringify({ id: `o${i}`, amount })).join('\n'));
  const principal = { id: 'test', scopes: ['admin'] } as const;
  await parts.ingest.accept({ topic: 'orders', principal, body, format: 'ndjson', idempotencyKey: undefined });
}

const rowsOf = ({ parts }: RunningApp, view: string): readonly unknown[] => [...(parts.tables.get(view)?.rows() ?? [])];
const stateOf = (running: RunningApp): string | undefined => running.pipelines()[0]?.status().state;

describe('a pipeline that is paused', () => {
  it('reads nothing until it is resumed, over restarts too, and loses nothing', async () => {
    const first = await start({ orders: ORDERS });
    await send(first, 1);
    await first.idle();
    await first.parts.control().pause('orders');
    expect(stateOf(first)).toBe('paused');
    await send(first, 2);
    const second = await start({});
    expect(stateOf(second)).toBe('paused');
    await second.parts.tables.caughtUp();
    expect(rowsOf(second, 'totals')).toMatchObject([{ orders: 1 }]);
    await second.parts.control().resume('orders');
    await second.idle();
    expect(rowsOf(second, 'totals')).toMatchObject([{ orders: 2, amount: 3 }]);
  });

  it('is not restarted by accident', async () => {
    const running = await start({ orders: ORDERS });
    await running.parts.control().pause('orders');
    await expect(running.parts.control().restart('orders')).rejects.toMatchObject({ code: 'ENGINE_PIPELINE_BUSY' });
    await expect(running.parts.control().pause('ordres')).rejects.toThrow('did you mean "orders"?');
  });
});

describe('a pipeline that is dropped', () => {
  it('is kept while another one reads its views, and goes with it when that is said', async () => {
    const running = await start({ orders: ORDERS, large: LARGE });
    await send(running, 1, 2);
    await running.idle();
    const control = running.parts.control();
    await expect(control.drop('orders', false)).rejects.toMatchObject({
      code: 'ENGINE_PIPELINE_NEEDED',
      message: expect.stringContaining('pipeline large reads totals') as string,
    });
    expect(await control.drop('orders', true)).toEqual(['large', 'orders']);
    expect(running.pipelines()).toEqual([]);
    expect(running.parts.engine.stored()).toEqual([]);
    expect(running.parts.log.topic('totals')).toBeUndefined();
    expect(running.parts.log.topic('orders')).toBeDefined();
    expect(running.parts.tables.get('totals')).toBeUndefined();
  });

  it('is made anew by the next apply, since its file is still there', async () => {
    const running = await start({ orders: ORDERS });
    await send(running, 1, 2);
    await running.idle();
    await running.parts.control().drop('orders', false);
    expect((await running.plan()).changes).toMatchObject([{ pipeline: 'orders', fate: 'created' }]);
    await running.apply();
    await running.idle();
    expect(rowsOf(running, 'totals')).toMatchObject([{ orders: 2, amount: 3 }]);
  });
});

describe('a replay', () => {
  it('takes the place of the present results, of what it has read', async () => {
    const running = await start({ orders: ORDERS });
    for (const amount of [1, 2, 3]) await send(running, amount);
    await running.idle();
    await running.parts.control().replay('orders', { from: '1', into: undefined, view: undefined });
    await expect.poll(() => running.parts.engine.builds().length).toBe(0);
    await running.idle();
    expect(rowsOf(running, 'totals')).toMatchObject([{ orders: 2, amount: 5 }]);
    await send(running, 4);
    await running.idle();
    expect(rowsOf(running, 'totals')).toMatchObject([{ orders: 3, amount: 9 }]);
  });

  it('into a topic leaves the present results as they are', async () => {
    const running = await start({ orders: ORDERS });
    for (const amount of [1, 2, 3]) await send(running, amount);
    await running.idle();
    await running.parts.control().replay('orders', { from: 'orders/0:2', into: 'again', view: undefined });
    await expect.poll(() => running.parts.engine.stored().length).toBe(1);
    expect(running.parts.log.topic('again')).toMatchObject({ kind: 'upsert' });
    expect(running.parts.log.bounds('again', 0).highWatermark).toBe(1);
    expect(rowsOf(running, 'totals')).toMatchObject([{ orders: 3 }]);
  });

  it('from a place that is not there is refused, with those that are', async () => {
    const running = await start({ orders: ORDERS });
    const replay = (from: string) =>
      running.parts.control().replay('orders', { from, into: undefined, view: undefined });
    await expect(replay('7')).rejects.toThrow('orders/0 holds offsets 0 to 0');
    await expect(replay('yesterday')).rejects.toThrow(
      'write "earliest", a time as 2026-01-31T12:00:00Z, or orders/0:0',
    );
  });
});
