import type { LoggedEvent, LoggedInput } from './input.ts';
import type { SimulatedView } from './view.ts';
import { cents, grouped, keptByType, minutesByType, money } from './window-views.ts';

const pairs: SimulatedView = {
  name: 'pairs',
  sources: ['calm'],
  sql: 'SELECT a.n AS a, b.n AS b FROM calm a JOIN calm b ON a.type = b.type AND abs(a.amount - b.amount) < 0.3 AND a.n < b.n',
  appends: true,
  always: true,
  show: ({ a, b }) => `${a} ${b}`,
  expected: ({ events: { events } }) =>
    events.flatMap((a) =>
      events.flatMap((b) =>
        a.type === b.type && Math.abs(a.cents - b.cents) < 30 && a.n < b.n ? [`${a.n} ${b.n}`] : [],
      ),
    ),
};

const matches = (a: LoggedEvent, b: LoggedEvent): boolean => a.type === b.type && a.k === b.k;

const outer: SimulatedView = {
  name: 'outer_join',
  sources: ['calm', 'others'],
  sql: 'SELECT a.n AS a, b.n AS b FROM calm a FULL JOIN others b ON a.type = b.type AND a.k = b.k',
  appends: false,
  always: true,
  show: ({ a, b }) => `${a} ${b}`,
  expected: ({ events, others }) => [
    ...events.events.flatMap((a) => {
      const met = others.events.filter((b) => matches(a, b)).map((b) => `${a.n} ${b.n}`);
      return met.length > 0 ? met : [`${a.n} null`];
    }),
    ...others.events.filter((b) => !events.events.some((a) => matches(a, b))).map((b) => `null ${b.n}`),
  ],
};

const alone: SimulatedView = {
  name: 'alone',
  sources: ['calm', 'others'],
  sql: 'SELECT a.n FROM calm a WHERE NOT EXISTS (SELECT 1 FROM others b WHERE b.type = a.type AND b.k = a.k)',
  appends: false,
  always: true,
  show: ({ n }) => String(n),
  expected: ({ events, others }) =>
    events.events.filter((a) => !others.events.some((b) => matches(a, b))).map((a) => String(a.n)),
};

const near: SimulatedView = {
  name: 'near',
  sources: ['calm', 'others'],
  sql: `SELECT a.n AS a, b.n AS b FROM calm a JOIN others b
ON a.type = b.type AND b.time BETWEEN a.time AND a.time + INTERVAL '10 seconds'`,
  appends: true,
  always: true,
  show: ({ a, b }) => `${a} ${b}`,
  expected: ({ events, others }) =>
    events.events.flatMap((a) =>
      others.events.flatMap((b) =>
        a.type === b.type && b.seconds >= a.seconds && b.seconds <= a.seconds + 10 ? [`${a.n} ${b.n}`] : [],
      ),
    ),
};

const types = ({ events }: LoggedInput): LoggedEvent[][] =>
  [...'abc'].map((type) => events.events.filter((event) => event.type === type));

const top: SimulatedView = {
  name: 'top',
  sources: ['calm'],
  sql: `SELECT * FROM (SELECT n, type, amount, row_number() OVER (PARTITION BY type ORDER BY amount DESC, n) AS place FROM calm) q
WHERE place <= 3`,
  appends: false,
  always: true,
  show: ({ type, n, place }) => `${type} ${place} ${n}`,
  expected: (input) =>
    types(input).flatMap((events) =>
      events
        .sort((a, b) => b.cents - a.cents || a.n - b.n)
        .slice(0, 3)
        .map(({ type, n }, i) => `${type} ${i + 1} ${n}`),
    ),
};

const last: SimulatedView = {
  name: 'latest',
  sources: ['calm'],
  sql: `SELECT type, n FROM (SELECT *, row_number() OVER (PARTITION BY type ORDER BY time DESC, n DESC) AS place FROM calm) q
WHERE place = 1`,
  appends: false,
  always: true,
  show: ({ type, n }) => `${type} ${n}`,
  expected: (input) =>
    types(input).flatMap((events) => {
      const [first] = events.sort((a, b) => b.seconds - a.seconds || b.n - a.n);
      return first === undefined ? [] : [`${first.type} ${first.n}`];
    }),
};

const running: SimulatedView = {
  name: 'running',
  sources: ['calm'],
  sql: `SELECT n, sum(k) OVER (PARTITION BY type ORDER BY k, n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS three FROM calm`,
  appends: false,
  always: true,
  show: ({ n, three }) => `${n} ${three}`,
  expected: (input) =>
    types(input).flatMap((events) => {
      events.sort((a, b) => a.k - b.k || a.n - b.n);
      return events.map(({ n }, i) => {
        const sum = events.slice(Math.max(0, i - 2), i + 1).reduce((total, { k }) => total + k, 0);
        return `${n} ${sum}`;
      });
    }),
};

const countedRows = ({ events: { events } }: LoggedInput): string[] =>
  grouped(events, ({ type }) => [type]).map(({ key, n, cents: sum }) => {
    const ks = events.filter(({ type }) => type === key).map(({ k }) => k);
    return `${key} ${n} ${cents(sum)} ${Math.min(...ks)} ${Math.max(...ks)} ${new Set(ks).size}`;
  });
const COUNTED = `SELECT type, count(*) AS n, sum(amount) AS total, min(k) AS least, max(k) AS most, count(DISTINCT k) AS ks
FROM calm GROUP BY type`;
const showCounted: SimulatedView['show'] = ({ type, n, total, least, most, ks }) =>
  `${type} ${n} ${money(total)} ${least} ${most} ${ks}`;

const counted: SimulatedView = {
  name: 'counted',
  sources: ['calm'],
  sql: COUNTED,
  appends: false,
  always: true,
  show: showCounted,
  expected: countedRows,
};

const seldom: SimulatedView = {
  name: 'seldom',
  sources: ['calm'],
  sql: `${COUNTED} EMIT EVERY INTERVAL '3 seconds'`,
  appends: false,
  always: false,
  show: showCounted,
  expected: countedRows,
};

const quotients: SimulatedView = {
  name: 'quotients',
  sources: ['calm'],
  sql: 'SELECT n, 60 / k AS q FROM calm',
  appends: true,
  always: true,
  show: ({ n, q }) => `${n} ${q}`,
  expected: ({ events }) => events.events.filter(({ k }) => k !== 0).map(({ n, k }) => `${n} ${Math.floor(60 / k)}`),
  letters: ({ events }) =>
    events.events.flatMap(({ k, partition, offset }) =>
      k === 0 ? [{ topic: 'events', partition, offset, reason: 'expression' }] : [],
    ),
};

/** What the simulated look-up knows of an id: nothing of some. */
export const nameOf = (id: string): string | null => (id.endsWith('3') ? null : `name of ${id}`);

const looked: SimulatedView = {
  name: 'looked',
  sources: ['calm', 'names'],
  sql: 'SELECT c.n, m.name FROM calm c LEFT JOIN names m ON m.id = c.id',
  appends: true,
  always: true,
  show: ({ n, name }) => `${n} ${String(name).replace(/, asked .*/, '')}`,
  expected: ({ events }) => events.events.map(({ n, id }) => `${n} ${nameOf(id)}`),
};

const perType: SimulatedView = {
  name: 'per_type',
  sources: ['totals_in'],
  sql: 'SELECT type, count(*) AS minutes, sum(n) AS n, sum(total) AS total FROM totals_in GROUP BY type',
  appends: false,
  always: true,
  show: ({ type, minutes, n, total }) => `${type} ${minutes} ${n} ${money(total)}`,
  expected: (input) =>
    [...'abc'].flatMap((type) => {
      const own = minutesByType(input).filter(({ key }) => key.endsWith(type));
      const n = own.reduce((sum, group) => sum + group.n, 0);
      const total = own.reduce((sum, group) => sum + group.cents, 0);
      return own.length === 0 ? [] : [`${type} ${own.length} ${n} ${cents(total)}`];
    }),
};

const ofKept: SimulatedView = {
  name: 'of_kept',
  sources: ['rows_in'],
  sql: 'SELECT type, count(*) AS n, sum(amount) AS total FROM rows_in GROUP BY type',
  appends: false,
  always: true,
  show: ({ type, n, total }) => `${type} ${n} ${money(total)}`,
  expected: (input) => keptByType(input).map(({ key, n, cents: sum }) => `${key} ${n} ${cents(sum)}`),
};

/** What views become when they are edited. */
export const ALTERED_TABLE_VIEWS: readonly SimulatedView[] = [
  {
    ...counted,
    sql: counted.sql.replace('GROUP BY', 'WHERE k <> 0 GROUP BY'),
    expected: (input) =>
      countedRows({
        ...input,
        events: { ...input.events, events: input.events.events.filter(({ k }) => k !== 0) },
      }),
  },
  {
    ...top,
    sql: top.sql.replace('place <= 3', 'place <= 2'),
    expected: (input) => top.expected(input).filter((row) => row.split(' ')[1] !== '3'),
  },
  {
    ...alone,
    sql: `${alone.sql} AND a.k <> 0`,
    expected: (input) =>
      alone.expected({
        ...input,
        events: { ...input.events, events: input.events.events.filter(({ k }) => k !== 0) },
      }),
  },
  {
    ...last,
    sql: last.sql.replace('time DESC, n DESC', 'n'),
    expected: (input) =>
      types(input).flatMap((events) => {
        const [first] = events.sort((a, b) => a.n - b.n);
        return first === undefined ? [] : [`${first.type} ${first.n}`];
      }),
  },
];

export const TABLE_VIEWS = {
  pairs,
  outer,
  alone,
  near,
  top,
  last,
  running,
  counted,
  seldom,
  quotients,
  looked,
  perType,
  ofKept,
};
