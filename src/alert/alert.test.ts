import { beforeEach, describe, expect, it } from 'vitest';
import { timestampMs } from '../base/brand.ts';
import { ManualClock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { DEAD_LETTER_TOPIC, type DeadLetter } from '../log/dead-letter.ts';
import { call, columnReference, literal } from '../plan/expression-factory.ts';
import type { AlertRuleNode } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import { ManualDefer, MemoryLog } from '../serving/memory-log.fixture.ts';
import { decodeRecords } from '../serving/record-decoder.ts';
import { createTables, type Tables } from '../serving/tables.ts';
import { PAGE_COLUMNS, viewNode } from '../serving/view.fixture.ts';
import { createMetrics } from '../telemetry/registry.ts';
import type { Alert } from './alert.ts';
import { type AlertInstance, afterRow, afterTime } from './alert-state.ts';
import { type Alerts, createAlerts } from './alerts.ts';
import type { PostWebhook, WebhookRequest } from './webhook.ts';

const rule: AlertRuleNode = {
  kind: 'alert-rule',
  name: 'busy',
  view: 'pages',
  condition: call('gt', [columnReference(PAGE_COLUMNS, 1), literal(10n, TYPE.int8)]),
  conditionText: 'hits > 10',
  keys: [0],
  forMs: 0,
  keepFiringForMs: 0,
  severity: 'warning',
  summary: 'a page is busy',
  webhook: undefined,
};

let log: MemoryLog;
let turns: ManualDefer;
let clock: ManualClock;
let tables: Tables;

beforeEach(() => {
  log = new MemoryLog();
  log.addTopic('pages', 'upsert');
  clock = new ManualClock(1_000);
  start();
});

/** What a process has in memory. */
function start(): void {
  log = log.restart();
  turns = new ManualDefer();
  tables = createTables({ log, clock, defer: turns.defer });
  tables.add('traffic', viewNode('pages', PAGE_COLUMNS, [0]));
}

const hit = (page: string, hits: number) => log.put('pages', [[page, { page, hits }]]);
const alertsFor = (changes: Partial<AlertRuleNode> = {}, post?: PostWebhook) =>
  createAlerts({ log, tables, clock, rules: [{ ...rule, ...changes }], random: () => 0.5, ...(post && { post }) });

async function settle(alerts: Alerts): Promise<void> {
  for (let round = 0; round < 5; round++) {
    turns.run();
    await alerts.flush();
    for (let tick = 0; tick < 20; tick++) await Promise.resolve();
  }
}

/** Every transition in the topic, in order. */
async function transitions(): Promise<string[]> {
  const defer = new ManualDefer();
  const seen: string[] = [];
  const reader = createTables({ log, clock, defer: defer.defer });
  reader.hub.follow('_alerts', [0 as never], {
    records: (records) => {
      for (const record of records) seen.push(`${(record.row() as unknown as Alert).state} ${record.key}`);
    },
    gap: () => undefined,
    failed: () => undefined,
  });
  defer.run();
  return seen;
}

async function deadLetters(): Promise<DeadLetter[]> {
  if (log.topic(DEAD_LETTER_TOPIC) === undefined) return [];
  const target = new Uint8Array(1 << 20);
  const length = log.reader(DEAD_LETTER_TOPIC, 0, 0 as never).readInto(target);
  const letters: DeadLetter[] = [];
  decodeRecords(target.subarray(0, length), (_offset, _timestamp, _key, value) => {
    letters.push(JSON.parse(Buffer.from(value!).toString()) as DeadLetter);
  });
  return letters;
}

describe('the state of an alert', () => {
  const at = (ms: number) => timestampMs(ms);
  const seen = (matches: boolean) => ({ id: 'i', keys: {}, row: { hits: 1 }, matches });
  const slow = { ...rule, forMs: 100, keepFiringForMs: 50 };
  const state = (instance: AlertInstance | undefined) => instance?.alert.state;

  it('is pending first, and fires when the condition has held for long enough', () => {
    const pending = afterRow(slow, undefined, seen(true), at(0))!;
    expect(state(pending)).toBe('pending');
    expect(state(afterTime(slow, pending, at(99)))).toBe('pending');
    expect(afterTime(slow, pending, at(100)).alert).toMatchObject({
      state: 'firing',
      firingSince: 100,
      pendingSince: 0,
    });
  });

  it('is resolved from pending by a row that does not match', () => {
    const pending = afterRow(slow, undefined, seen(true), at(0));
    expect(afterRow(slow, pending, seen(false), at(1))?.alert).toMatchObject({
      state: 'resolved',
      firingSince: undefined,
    });
  });

  it('keeps firing for a while after its last match, then is resolved', () => {
    const firing = afterTime(slow, afterRow(slow, undefined, seen(true), at(0))!, at(100));
    const again = afterRow(slow, firing, seen(true), at(120));
    expect(state(afterRow(slow, again, seen(false), at(169)))).toBe('firing');
    expect(state(afterTime(slow, again!, at(169)))).toBe('firing');
    expect(state(afterTime(slow, again!, at(170)))).toBe('resolved');
  });

  it('fires at once without a waiting time, and begins anew after it was resolved', () => {
    const firing = afterRow(rule, undefined, seen(true), at(0));
    const resolved = afterRow(rule, firing, seen(false), at(5));
    expect(state(resolved)).toBe('resolved');
    expect(afterRow(rule, resolved, seen(true), at(9))?.alert).toMatchObject({ state: 'firing', pendingSince: 9 });
  });
});

describe('alerts over a view', () => {
  it('fire once per instance, with its keys and row, and are resolved', async () => {
    const alerts = await alertsFor();
    hit('a', 11);
    hit('a', 12);
    hit('b', 1);
    await settle(alerts);
    expect(alerts.list()).toMatchObject([
      { id: 'busy{page=a}', state: 'firing', keys: { page: 'a' }, row: { hits: 12 } },
    ]);
    hit('a', 3);
    await settle(alerts);
    expect(alerts.list()).toMatchObject([{ id: 'busy{page=a}', state: 'resolved', resolvedAt: 1_000 }]);
    expect(await transitions()).toEqual(['firing busy{page=a}', 'resolved busy{page=a}']);
  });

  it('are resolved when their row is deleted', async () => {
    const alerts = await alertsFor();
    hit('a', 11);
    log.put('pages', [['a', null]]);
    await settle(alerts);
    expect(alerts.list()[0]?.state).toBe('resolved');
  });

  it('fire when time has passed without a new row', async () => {
    const alerts = await alertsFor({ forMs: 500 });
    hit('a', 11);
    await settle(alerts);
    expect(alerts.list()[0]?.state).toBe('pending');
    clock.advance(500);
    await settle(alerts);
    expect(alerts.list()[0]).toMatchObject({ state: 'firing', firingSince: 1_500 });
    expect(await transitions()).toEqual(['pending busy{page=a}', 'firing busy{page=a}']);
  });

  it('are a view of their own, to be queried and watched', async () => {
    const alerts = await alertsFor();
    hit('a', 11);
    await settle(alerts);
    expect(tables.get('_alerts')?.get('busy{page=a}')).toMatchObject({ state: 'firing' });
  });

  it('need a view that exists', async () => {
    await expect(alertsFor({ view: 'nope' })).rejects.toMatchObject({ code: 'ALERT_UNKNOWN_VIEW' });
  });

  it('do not hold where the condition cannot be computed', async () => {
    const divide = call('gt', [
      call('divide', [literal(1n, TYPE.int8), columnReference(PAGE_COLUMNS, 1)]),
      literal(0n, TYPE.int8),
    ]);
    const alerts = await alertsFor({ condition: divide });
    hit('a', 0);
    hit('b', 1);
    await settle(alerts);
    expect(alerts.list().map((alert) => alert.id)).toEqual(['busy{page=b}']);
  });
});

describe('a restart', () => {
  it('goes on with the alerts as they were, and repeats no transition', async () => {
    const before = await alertsFor();
    hit('a', 11);
    await settle(before);
    start();
    const after = await alertsFor();
    await settle(after);
    expect(after.list()).toMatchObject([{ id: 'busy{page=a}', state: 'firing' }]);
    hit('a', 1);
    await settle(after);
    expect(await transitions()).toEqual(['firing busy{page=a}', 'resolved busy{page=a}']);
  });

  it('makes up for the rows that came while it was down', async () => {
    await before();
    hit('a', 11);
    start();
    const after = await alertsFor();
    await settle(after);
    expect(await transitions()).toEqual(['firing busy{page=a}']);
  });

  it('at any moment leaves each transition in the topic exactly once', async () => {
    for (let crashAt = 0; crashAt < 8; crashAt++) {
      log = new MemoryLog();
      log.addTopic('pages', 'upsert');
      start();
      let alerts = await alertsFor();
      for (let n = 0; n < 8; n++) {
        hit('a', n % 2 === 0 ? 11 : 1);
        turns.run();
        if (n === crashAt) {
          start();
          alerts = await alertsFor();
        }
      }
      await settle(alerts);
      const all = await transitions();
      const expected = Array.from({ length: 8 }, (_, n) => `${n % 2 === 0 ? 'firing' : 'resolved'} busy{page=a}`);
      expect(all).toEqual(expected);
    }
  });

  it('resolves the alerts of a rule that is gone', async () => {
    const alerts = await alertsFor();
    hit('a', 11);
    await settle(alerts);
    start();
    const without = await createAlerts({ log, tables, clock, rules: [] });
    await settle(without);
    expect(without.list()).toMatchObject([{ id: 'busy{page=a}', state: 'resolved' }]);
  });

  it('loses nothing when the log refuses for a while', async () => {
    const alerts = await alertsFor();
    await settle(alerts);
    log.commitFailure = new HeadraceError('committing: full', {
      code: 'LOG_DISK_FULL',
      domain: 'log',
      retryable: true,
    });
    hit('a', 11);
    await settle(alerts);
    hit('a', 1);
    await settle(alerts);
    expect(await transitions()).toEqual([]);
    log.commitFailure = undefined;
    clock.advance(1_000);
    await settle(alerts);
    expect(await transitions()).toEqual(['firing busy{page=a}', 'resolved busy{page=a}']);
  });

  async function before(): Promise<void> {
    const alerts = await alertsFor();
    hit('a', 1);
    await settle(alerts);
    await alerts.close();
  }
});

describe('a webhook', () => {
  const url = 'https://hooks.example/secret';
  const state = (request: WebhookRequest) => (JSON.parse(request.body) as Alert).state;

  it('hears of firing and resolved, in order, each with an idempotency key', async () => {
    const sent: WebhookRequest[] = [];
    const alerts = await alertsFor({ webhook: url }, async (request) => {
      sent.push(request);
      return { status: 200 };
    });
    hit('a', 11);
    hit('a', 1);
    await settle(alerts);
    expect(sent.map(state)).toEqual(['firing', 'resolved']);
    expect(sent.map((request) => request.headers['idempotency-key'])).toEqual(['_alerts:0:0', '_alerts:0:1']);
  });

  it('is tried again until it answers, with the same key', async () => {
    const keys: (string | undefined)[] = [];
    const answers = [503, 500, 200];
    const alerts = await alertsFor({ webhook: url }, async (request) => {
      keys.push(request.headers['idempotency-key']);
      return { status: answers[keys.length - 1] ?? 200 };
    });
    hit('a', 11);
    for (let n = 0; n < 4; n++) {
      await settle(alerts);
      clock.advance(1_000);
    }
    expect(keys).toEqual(['_alerts:0:0', '_alerts:0:0', '_alerts:0:0']);
  });

  it('is not sent twice after a restart, and is sent when the process died before the answer', async () => {
    const first: WebhookRequest[] = [];
    const never = new Promise<{ status: number }>(() => undefined);
    const alerts = await alertsFor({ webhook: url }, (request) => {
      first.push(request);
      return first.length === 1 ? Promise.resolve({ status: 200 }) : never;
    });
    hit('a', 11);
    hit('a', 1);
    await settle(alerts);
    start();
    const second: WebhookRequest[] = [];
    const again = await alertsFor({ webhook: url }, async (request) => {
      second.push(request);
      return { status: 200 };
    });
    await settle(again);
    expect(first.map(state)).toEqual(['firing', 'resolved']);
    expect(second.map(state)).toEqual(['resolved']);
  });

  it('is given up on when the address refuses for good, without its secret in the report', async () => {
    const reports: string[] = [];
    const alerts = await createAlerts({
      log,
      tables,
      clock,
      rules: [{ ...rule, webhook: url }],
      post: async () => ({ status: 410 }),
      report: (error, about) => reports.push(`${about}: ${(error as Error).message}`),
    });
    hit('a', 11);
    await settle(alerts);
    expect(reports).toHaveLength(1);
    expect(reports[0]).not.toContain('secret');
  });

  it('leaves what was given up on in the dead letters, once, with its bytes, its place and the reason', async () => {
    const metrics = createMetrics();
    const options = { tables, clock, metrics, rules: [{ ...rule, webhook: url }], random: () => 0.5 };
    const post: PostWebhook = async () => ({ status: 503 });
    const alerts = await createAlerts({ ...options, log, post });
    hit('a', 11);
    for (let attempt = 0; attempt < 80; attempt++) {
      await settle(alerts);
      clock.advance(60_000);
    }
    const [letter, ...more] = await deadLetters();
    expect(more).toEqual([]);
    expect(letter).toMatchObject({ topic: '_alerts', partition: 0, offset: 0, reason: 'webhook', receivedAt: 1_000 });
    expect(letter?.message).toContain('it answered 503');
    expect(JSON.parse(letter?.value ?? '')).toMatchObject({ id: 'busy{page=a}', state: 'firing' });
    expect(JSON.stringify(letter)).not.toContain('secret');
    expect(metrics.expose()).toContain('headrace_dead_letters_total{reason="webhook"} 1');
    await alerts.close();
    start();
    const sent: WebhookRequest[] = [];
    const again = await alertsFor({ webhook: url }, async (request) => {
      sent.push(request);
      return { status: 200 };
    });
    await settle(again);
    expect(sent).toEqual([]);
  });

  it('writes the dead letter when the log takes it again', async () => {
    const alerts = await alertsFor({ webhook: url }, async () => {
      log.commitFailure = new HeadraceError('committing: full', { code: 'LOG_DISK_FULL', domain: 'log' });
      return { status: 410 };
    });
    hit('a', 11);
    await settle(alerts);
    expect(await deadLetters()).toEqual([]);
    log.commitFailure = undefined;
    clock.advance(1_000);
    await settle(alerts);
    expect(await deadLetters()).toMatchObject([{ reason: 'webhook' }]);
    await alerts.close();
  });
});
