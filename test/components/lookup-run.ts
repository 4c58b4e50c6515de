import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { lookupsOf } from '../../src/app/lookups.ts';
import { EngineWorld } from '../../src/engine/engine-world.fixture.ts';
import { PASSWORD, type RealServer } from './real-server.ts';

const USERS = 500;
const ORDERS = 2_000;
/** Of them, those that come when the server is dead already. */
const ASKED_IN_OUTAGE = 500;
/** Long enough for the circuit breaker to open. */
const OUTAGE_MS = 3_000;

export interface User {
  readonly id: string;
  readonly region: string;
  readonly name: string;
  readonly level: number | null;
}

/** Every seventh is missing, every fifth has no level. */
export const users: readonly User[] = Array.from({ length: USERS }, (_, i) => ({
  id: `u${i}`,
  region: i % 2 === 0 ? 'eu' : 'us',
  name: `Üser "${i}"; --`,
  level: i % 5 === 0 ? null : i,
})).filter((_, i) => i % 7 !== 0);

const orders = Array.from({ length: ORDERS }, (_, i) => {
  const user = (i * 13) % USERS;
  return { id: i, customer: `u${user}`, region: user % 2 === 0 ? 'eu' : 'us' };
});

export interface LookupCase {
  readonly title: string;
  /** The outage is a server that does not answer, not one that is killed. */
  readonly frozen?: boolean;
  /** Columns and options of the look-up. */
  readonly declaration: string;
  /** What the join compares, of `o` and `u`. */
  readonly on: string;
  /** Columns of what is found, of `u`. */
  readonly columns: readonly ('name' | 'level')[];
}

function expected(columns: LookupCase['columns'], count: number): unknown[] {
  const byId = new Map(users.map((user) => [user.id, user]));
  return orders.slice(0, count).map(({ id, customer }) => {
    const user = byId.get(customer);
    return { id, ...Object.fromEntries(columns.map((column) => [column, user?.[column] ?? null])) };
  });
}

/** Enriches orders, the server being killed and started again under way, and compares with a join in memory. */
export async function enrichThroughOutage(dir: string, server: RealServer, given: LookupCase): Promise<void> {
  const world = await EngineWorld.open({ lookups: lookupsOf(dir) });
  await world.createTopic('orders');
  const columns = given.columns.map((column) => `u.${column}`).join(', ');
  const running = await world.startSql(`
CREATE SOURCE orders (id int4, customer text, region text) WITH (topic = 'orders');
CREATE LOOKUP users ${given.declaration};
CREATE MATERIALIZED VIEW v AS SELECT o.id, ${columns} FROM orders o LEFT JOIN users u ON ${given.on};`);
  const half = ORDERS / 2;
  try {
    await world.write('orders', orders.slice(0, half));
    await running.idle();
    assert.deepEqual(world.values('v'), expected(given.columns, half), 'before the outage');
    await world.write('orders', orders.slice(half, -ASKED_IN_OUTAGE));
    if (given.frozen) server.freeze();
    else await server.kill();
    await world.write('orders', orders.slice(-ASKED_IN_OUTAGE));
    await wait(OUTAGE_MS);
    assert.ok(world.values('v').length <= ORDERS - ASKED_IN_OUTAGE, 'rows wait during the outage');
    if (given.frozen) server.thaw();
    else await server.start();
    await running.idle();
    assert.deepEqual(world.values('v'), expected(given.columns, ORDERS), 'after the outage');
    assert.deepEqual(world.letters(), []);
  } finally {
    await world.stop();
  }
  console.log(`  ${given.title}: ${ORDERS} rows through an outage`);
}

/** Of one row whose look-up cannot succeed: its dead letter says why, and other rows go on. */
export async function refused(
  dir: string,
  declaration: string,
  customers: { readonly bad: string; readonly good: string },
): Promise<string> {
  const world = await EngineWorld.open({ lookups: lookupsOf(dir) });
  await world.createTopic('orders');
  const running = await world.startSql(`
CREATE SOURCE orders (customer text) WITH (topic = 'orders');
CREATE LOOKUP users ${declaration};
CREATE MATERIALIZED VIEW v AS SELECT o.customer, u.name FROM orders o JOIN users u ON u.id = o.customer;`);
  try {
    await world.write('orders', [{ customer: customers.good }, { customer: customers.bad }]);
    await running.idle();
    assert.equal(world.values('v').length, customers.good === customers.bad ? 0 : 1);
    const [letter] = world.letters();
    assert.ok(letter !== undefined, 'a dead letter');
    const text = JSON.stringify(letter);
    assert.ok(!text.includes(PASSWORD), 'the password is not in the dead letter');
    return text;
  } finally {
    await world.stop();
  }
}
