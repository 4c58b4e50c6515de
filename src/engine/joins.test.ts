import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, EngineWorld } from './engine-world.fixture.ts';

let world: EngineWorld;

beforeEach(async () => {
  world = await EngineWorld.open();
  await world.createTopic('orders');
  await world.createTopic('payments');
});

afterEach(() => world.stop());

const SOURCES = `
CREATE SOURCE orders (id int8, customer text, amount int8, parts int8, time timestamptz,
  WATERMARK FOR time AS time - INTERVAL '1 second'
) WITH (topic = 'orders', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
CREATE SOURCE payments (order_id int8, paid int8, time timestamptz,
  WATERMARK FOR time AS time - INTERVAL '1 second'
) WITH (topic = 'payments', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');
`;

const order = (id: number, second: number, more: object = {}): object => ({
  id,
  customer: 'c',
  amount: 10,
  parts: 1,
  time: at(second),
  ...more,
});
const payment = (id: number | null, second: number, paid = 10): object => ({ order_id: id, paid, time: at(second) });

/** The rows of an append topic (without keys), or the table that its keys make. */
const shown = (topic: string, ...names: string[]): string[] =>
  (world.records(topic).some(({ key }) => key !== null) ? world.table(topic) : world.values(topic))
    .map((row) => names.map((name) => String(row[name])).join(' '))
    .sort();

describe('joins in a view', () => {
  it('inner and outer: rows with nulls go when a match comes', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW met AS SELECT o.id, p.paid FROM orders o JOIN payments p ON p.order_id = o.id;
      CREATE MATERIALIZED VIEW every AS SELECT o.id, p.order_id, p.paid FROM orders o FULL JOIN payments p ON p.order_id = o.id;
      CREATE MATERIALIZED VIEW unpaid AS
        SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id);`);
    await world.write('orders', [order(1, 1), order(2, 2)]);
    await world.write('payments', [payment(2, 3, 5), payment(null, 3, 7), payment(9, 3, 9)]);
    await running.idle();
    expect(shown('every', 'id', 'order_id', 'paid')).toEqual(['1 null null', '2 2 5', 'null 9 9', 'null null 7']);
    expect(shown('unpaid', 'id')).toEqual(['1']);
    await world.write('payments', [payment(1, 4), payment(1, 4)]);
    await running.idle();
    expect(shown('met', 'id', 'paid')).toEqual(['1 10', '1 10', '2 5']);
    expect(shown('every', 'id', 'order_id', 'paid')).toEqual(['1 1 10', '1 1 10', '2 2 5', 'null 9 9', 'null null 7']);
    expect(shown('unpaid', 'id')).toEqual([]);
  });

  it('aggregates above a join follow what it takes back', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW v AS
        SELECT o.customer, count(*) AS rows, count(p.paid) AS payments, sum(p.paid) AS paid
        FROM orders o LEFT JOIN payments p ON p.order_id = o.id GROUP BY o.customer;`);
    await world.write('orders', [order(1, 1), order(2, 2)]);
    await running.idle();
    expect(world.table('v')).toEqual([{ customer: 'c', rows: 2, payments: 0, paid: null }]);
    await world.write('payments', [payment(1, 3, 5), payment(1, 3, 6)]);
    await running.idle();
    expect(world.table('v')).toEqual([{ customer: 'c', rows: 3, payments: 2, paid: 11 }]);
  });

  it('a source with itself', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW v AS SELECT a.id AS a, b.id AS b FROM orders a JOIN orders b ON a.customer = b.customer;`);
    await world.write('orders', [order(1, 1), order(2, 2)]);
    await running.idle();
    await world.write('orders', [order(3, 3)]);
    await running.idle();
    expect(shown('v', 'a', 'b')).toEqual(['1 1', '1 2', '1 3', '2 1', '2 2', '2 3', '3 1', '3 2', '3 3']);
  });

  it('of three inputs', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, p.paid, q.paid AS again FROM orders o
        JOIN payments p ON p.order_id = o.id LEFT JOIN payments q ON q.order_id = p.order_id AND q.paid > p.paid;`);
    await world.write('orders', [order(1, 1)]);
    await world.write('payments', [payment(1, 1, 1), payment(1, 1, 2), payment(1, 1, 3)]);
    await running.idle();
    expect(shown('v', 'id', 'paid', 'again')).toEqual(['1 1 2', '1 1 3', '1 2 3', '1 3 null']);
  });

  it('a pair whose condition has no value goes to dead letters, and names it', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, p.paid FROM orders o
        LEFT JOIN payments p ON p.order_id = o.id AND p.paid / o.parts > 1;`);
    await world.write('orders', [order(1, 1, { parts: 0 }), order(2, 1)]);
    await world.write('payments', [payment(1, 1), payment(2, 1)]);
    await running.idle();
    expect(shown('v', 'id', 'paid')).toEqual(['1 null', '2 10']);
    const [letter, ...more] = world.letters();
    expect(more).toEqual([]);
    expect(letter).toMatchObject({ reason: 'expression', pipeline: 'p' });
    expect(letter!.message).toMatch(/^join: .*division by zero.*, in .*paid \/ .*parts.* > 1/);
    expect(JSON.parse(letter!.value!)).toMatchObject({ id: 1, parts: 0, order_id: 1, paid: 10 });
  });

  it('a row whose key has no value goes to dead letters', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id FROM orders o JOIN payments p ON p.order_id = o.amount / o.parts;`);
    await world.write('orders', [order(1, 1, { parts: 0 }), order(2, 1)]);
    await world.write('payments', [payment(10, 1)]);
    await running.idle();
    expect(shown('v', 'id')).toEqual(['2']);
    expect(world.letters()).toMatchObject([{ topic: 'orders', offset: 0, reason: 'expression' }]);
  });
});

const INTERVAL = `p.order_id = o.id AND p.time BETWEEN o.time AND o.time + INTERVAL '10 seconds'`;

describe('joins in time', () => {
  const stateOf = async (running: Awaited<ReturnType<typeof world.startSql>>): Promise<number> => {
    const { operators } = await running.status();
    return operators.find(({ kind }) => kind === 'join')!.stateKeys;
  };

  it('an interval join forgets, and rows that come too late are dead letters', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, p.paid FROM orders o JOIN payments p ON ${INTERVAL};`);
    await world.write('orders', [order(1, 1), order(2, 2)]);
    await world.write('payments', [payment(1, 3), payment(2, 13)]);
    await running.idle();
    expect(shown('v', 'id', 'paid')).toEqual(['1 10']);
    await world.write('orders', [order(3, 100)]);
    await world.write('payments', [payment(3, 100)]);
    await running.idle();
    expect(await stateOf(running)).toBe(2);
    await world.write('payments', [payment(3, 50), payment(3, 101)]);
    await running.idle();
    expect(shown('v', 'id', 'paid')).toEqual(['1 10', '3 10', '3 10']);
    expect(world.letters()).toMatchObject([{ topic: 'payments', offset: 3, reason: 'late' }]);
  });

  it('an outer interval join that emits at the end only appends', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, p.paid FROM orders o LEFT JOIN payments p ON ${INTERVAL}
      EMIT ON WINDOW CLOSE;`);
    await world.write('orders', [order(1, 1), order(2, 2)]);
    await world.write('payments', [payment(2, 3)]);
    await running.idle();
    expect(world.values('v')).toEqual([{ id: 2, paid: 10 }]);
    await running.idle({ closeWindows: true });
    expect(world.values('v')).toEqual([
      { id: 2, paid: 10 },
      { id: 1, paid: null },
    ]);
  });

  it('windows above an interval join wait for what may still be joined', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE VIEW pairs AS SELECT o.time AS time, p.paid FROM orders o JOIN payments p ON ${INTERVAL};
      CREATE MATERIALIZED VIEW v AS SELECT window_start, window_end, sum(paid) AS paid
        FROM TUMBLE(pairs, time, INTERVAL '20 seconds') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;`);
    await world.write('orders', [order(1, 1), order(2, 19), order(3, 23)]);
    await world.write('payments', [payment(1, 2), payment(2, 23)]);
    await running.idle();
    expect(world.values('v')).toEqual([]);
    await world.write('payments', [payment(2, 28)]);
    await running.idle({ closeWindows: true });
    expect(world.values('v')).toMatchObject([{ paid: 30 }]);
    expect(world.letters()).toEqual([]);
  });

  it('a join of windows forgets those that are over', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE VIEW o AS SELECT window_start, window_end, sum(amount) AS amount
        FROM TUMBLE(orders, time, INTERVAL '10 seconds') GROUP BY window_start, window_end;
      CREATE VIEW p AS SELECT window_start, window_end, sum(paid) AS paid
        FROM TUMBLE(payments, time, INTERVAL '10 seconds') GROUP BY window_start, window_end;
      CREATE MATERIALIZED VIEW v AS SELECT o.window_start, o.amount, p.paid
        FROM o LEFT JOIN p ON o.window_start = p.window_start AND o.window_end = p.window_end EMIT ON WINDOW CLOSE;`);
    await world.write('orders', [order(1, 1), order(2, 2), order(3, 12)]);
    await world.write('payments', [payment(1, 3)]);
    await running.idle({ closeWindows: true });
    expect(shown('v', 'amount', 'paid')).toEqual(['10 null', '20 10']);
    expect(await stateOf(running)).toBe(0);
  });

  it('a time-to-live bounds what is kept', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE MATERIALIZED VIEW v WITH (ttl = '1 minute') AS
        SELECT o.id, p.paid FROM orders o JOIN payments p ON p.order_id = o.id;`);
    await world.write('orders', [order(1, 1)]);
    await world.write('payments', [payment(1, 2)]);
    await world.write('orders', [order(2, 200)]);
    await world.write('payments', [payment(2, 200)]);
    await running.idle();
    await world.write('payments', [payment(1, 201)]);
    await running.idle();
    expect(shown('v', 'id')).toEqual(['1', '2']);
    expect(await stateOf(running)).toBe(3);
    expect((await running.status()).forgottenRows).toBe(2);
  });
});

describe('joins as of a time', () => {
  const RATES = `
CREATE TABLE rates (currency text, rate int8, since timestamptz, PRIMARY KEY (currency),
  WATERMARK FOR since AS since - INTERVAL '1 second'
) WITH (topic = 'payments', format = 'json', idle_timeout = '1 hour', future_limit = '1 day');`;
  const rate = (currency: string, value: number, second: number): object => ({
    currency,
    rate: value,
    since: at(second),
  });

  it('take the version of a table that held, however late it is read', async () => {
    const running = await world.startSql(`${SOURCES.slice(0, SOURCES.indexOf('CREATE SOURCE payments'))}${RATES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, o.amount * r.rate AS total
        FROM orders o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.time AS r ON r.currency = o.customer;`);
    await world.write('payments', [rate('eur', 2, 0), rate('eur', 3, 10)]);
    await world.write('orders', [
      order(1, 5, { customer: 'eur' }),
      order(2, 12, { customer: 'eur' }),
      order(3, 12, { customer: 'usd' }),
    ]);
    await running.idle();
    expect(world.values('v')).toEqual([{ id: 1, total: 20 }]);
    await world.write('orders', [order(4, 31, { customer: 'eur' })]);
    await world.write('payments', [rate('eur', 4, 11), rate('eur', 5, 30)]);
    await running.idle();
    await running.idle({ closeWindows: true });
    expect(world.values('v')).toEqual([
      { id: 1, total: 20 },
      { id: 2, total: 40 },
      { id: 3, total: null },
      { id: 4, total: 50 },
    ]);
    expect(world.letters()).toEqual([]);
  });

  it('without a time take the row that stands', async () => {
    const running = await world.startSql(`${SOURCES.slice(0, SOURCES.indexOf('CREATE SOURCE payments'))}${RATES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, r.rate
        FROM orders o JOIN rates FOR SYSTEM_TIME AS OF PROCTIME() AS r ON r.currency = o.customer;`);
    await world.write('payments', [rate('eur', 2, 0)]);
    await running.idle();
    await world.write('orders', [order(1, 5, { customer: 'eur' })]);
    await running.idle();
    await world.write('payments', [rate('eur', 3, 0)]);
    await running.idle();
    await world.write('orders', [order(2, 5, { customer: 'eur' })]);
    await running.idle();
    expect(world.values('v')).toEqual([
      { id: 1, rate: 2 },
      { id: 2, rate: 3 },
    ]);
  });
});

describe('joins as of a time, of rows that change', () => {
  const ORDERS = `
CREATE TABLE orders (id int8 PRIMARY KEY, customer text, amount int8, parts int8) WITH (topic = 'orders', format = 'json');`;
  const RATES = `
CREATE TABLE rates (currency text PRIMARY KEY, rate int8) WITH (topic = 'payments', format = 'json');`;
  const rate = (currency: string, value: number): object => ({ currency, rate: value });
  const priced = (id: number, customer: string, amount: number): object => ({ id, customer, amount, parts: 1 });

  it('take back what a row got when it came, whatever stands now, also after a crash', async () => {
    const sql = `${ORDERS}${RATES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, o.amount * r.rate AS total
        FROM orders o LEFT JOIN rates FOR SYSTEM_TIME AS OF PROCTIME() AS r ON r.currency = o.customer;
      CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS orders, sum(total) AS total FROM v;`;
    const first = await world.startSql(sql);
    await world.write('payments', [rate('eur', 2)]);
    await first.idle();
    await world.write('orders', [priced(1, 'eur', 10), priced(2, 'eur', 10), priced(3, 'usd', 10)]);
    await first.idle();
    await first.stop();
    const second = await world.startSql(sql);
    await world.write('payments', [rate('eur', 5)]);
    await second.idle();
    await world.write('orders', [priced(1, 'eur', 11)]);
    await second.idle();
    expect(shown('v', 'id', 'total')).toEqual(['1 55', '2 20', '3 null']);
    await world.crash(true);
    await world.start();
    const third = await world.startSql(sql);
    await world.write('orders', [priced(2, 'usd', 1)]);
    await third.idle();
    expect(shown('v', 'id', 'total')).toEqual(['1 55', '2 null', '3 null']);
    expect(shown('totals', 'orders', 'total')).toEqual(['3 55']);
    expect(world.letters()).toEqual([]);
  });

  it('know which of the rows it is that goes, also where they look alike in the result', async () => {
    const running = await world.startSql(`${ORDERS}${RATES}
      CREATE MATERIALIZED VIEW v AS SELECT r.rate, count(*) AS orders
        FROM orders o JOIN rates FOR SYSTEM_TIME AS OF PROCTIME() AS r ON r.currency = o.customer GROUP BY r.rate;`);
    for (const id of [1, 2, 3]) {
      await world.write('payments', [rate('eur', id)]);
      await running.idle();
      await world.write('orders', [priced(id, 'eur', 10)]);
      await running.idle();
    }
    await world.write('orders', [priced(2, 'usd', 10)]);
    await running.idle();
    expect(shown('v', 'rate', 'orders')).toEqual(['1 1', '3 1']);
  });

  it('take back the dead letter of a pair whose condition had no value', async () => {
    const running = await world.startSql(`${ORDERS}${RATES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, r.rate
        FROM orders o JOIN rates FOR SYSTEM_TIME AS OF PROCTIME() AS r ON r.currency = o.customer AND 10 / r.rate > 0;`);
    await world.write('payments', [rate('eur', 0)]);
    await running.idle();
    await world.write('orders', [priced(1, 'eur', 10)]);
    await running.idle();
    await world.write('payments', [rate('eur', 5)]);
    await running.idle();
    await world.write('orders', [priced(1, 'eur', 11)]);
    await running.idle();
    expect(shown('v', 'id', 'rate')).toEqual(['1 5']);
    const [came, went, ...more] = world.letters();
    expect(more).toEqual([]);
    expect({ ...came, retracts: true, receivedAt: went!.receivedAt }).toEqual(went);
    expect(JSON.parse(went!.value!)).toMatchObject({ id: 1, customer: 'eur', currency: 'eur', rate: 0 });
  });

  it('wait until a window of the left can change no more', async () => {
    const running = await world.startSql(`${SOURCES}
      CREATE VIEW counted AS SELECT window_start, window_end, customer, count(*) AS orders
        FROM TUMBLE(orders, time, INTERVAL '10 seconds') GROUP BY window_start, window_end, customer;
      CREATE MATERIALIZED VIEW v AS SELECT c.orders, p.paid FROM counted c
        LEFT JOIN payments FOR SYSTEM_TIME AS OF c.window_start AS p ON p.order_id = c.orders;`);
    await world.write('orders', [order(1, 1)]);
    await world.write('payments', [payment(2, 0), payment(9, 5)]);
    await running.idle();
    await world.write('orders', [order(2, 2), order(3, 8)]);
    await world.write('payments', [payment(9, 9)]);
    await running.idle();
    expect(world.table('v')).toEqual([]);
    await world.write('orders', [order(4, 30)]);
    await world.write('payments', [payment(9, 30)]);
    await running.idle();
    expect(shown('v', 'orders', 'paid')).toEqual(['3 null']);
    expect(world.letters()).toEqual([]);
  });
});

describe('a sub-query that is a value', () => {
  it('has no value for a row for which it gives two, until one of them is gone', async () => {
    const running = await world.startSql(`${SOURCES.slice(0, SOURCES.indexOf('CREATE SOURCE payments'))}
      CREATE TABLE paid (id int8 PRIMARY KEY, order_id int8, paid int8) WITH (topic = 'payments', format = 'json');
      CREATE MATERIALIZED VIEW v AS SELECT o.id, (SELECT p.paid FROM paid p WHERE p.order_id = o.id) AS paid FROM orders o;`);
    await world.write('orders', [order(1, 1), order(2, 2), order(3, 3)]);
    await world.write('payments', [
      { id: 1, order_id: 1, paid: 10 },
      { id: 2, order_id: 2, paid: 20 },
      { id: 3, order_id: 2, paid: 30 },
    ]);
    await running.idle();
    expect(shown('v', 'id', 'paid')).toEqual(['1 10', '3 null']);
    const [letter] = world.letters().filter(({ retracts }) => retracts !== true);
    expect(letter!.message).toContain('more than one row returned by a subquery used as an expression');
    await world.write('payments', [{ id: 2, order_id: 3, paid: 20 }]);
    await running.idle();
    expect(shown('v', 'id', 'paid')).toEqual(['1 10', '2 30', '3 20']);
    const standing = world.letters().reduce((sum, { retracts }) => sum + (retracts === true ? -1 : 1), 0);
    expect(standing).toBe(0);
  });
});

describe('a join after a crash', () => {
  it('goes on from its snapshot and what was committed since', async () => {
    const sql = `${SOURCES}
      CREATE MATERIALIZED VIEW v AS SELECT o.id, p.paid FROM orders o LEFT JOIN payments p ON p.order_id = o.id;`;
    const first = await world.startSql(sql);
    await world.write('orders', [order(1, 1), order(2, 2), order(3, 3)]);
    await first.idle();
    await first.stop();
    const second = await world.startSql(sql);
    await world.write('payments', [payment(1, 4)]);
    await second.idle();
    await world.crash(false);
    await world.start();
    const third = await world.startSql(sql);
    await world.write('payments', [payment(1, 5, 11), payment(2, 5, 12)]);
    await third.idle();
    expect(shown('v', 'id', 'paid')).toEqual(['1 10', '1 11', '2 12', '3 null']);
  });
});
