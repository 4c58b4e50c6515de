import { DELAY_SECONDS, type LoggedEvent, type LoggedInput, timeOf } from './input.ts';
import type { SimulatedView, ViewLetter } from './view.ts';

/** The first of each id, and whether its minute was over when it came: by what its own partition had passed. */
function deduplicated({ events }: LoggedInput): { readonly event: LoggedEvent; readonly late: boolean }[] {
  const seen = new Set<string>();
  const largest = new Map<number, number>();
  const kept: { event: LoggedEvent; late: boolean }[] = [];
  for (const event of events.events) {
    const passed = largest.get(event.partition) ?? Number.NEGATIVE_INFINITY;
    largest.set(event.partition, Math.max(passed, event.seconds));
    if (seen.has(event.id)) continue;
    seen.add(event.id);
    kept.push({ event, late: minuteOf(event.seconds) + 60 <= passed - DELAY_SECONDS });
  }
  return kept;
}

const minuteOf = (seconds: number): number => Math.floor(seconds / 60) * 60;
const inTime = (input: LoggedInput): LoggedEvent[] =>
  deduplicated(input).flatMap(({ event, late }) => (late ? [] : [event]));

function lateLetters(input: LoggedInput): ViewLetter[] {
  const late = deduplicated(input).filter(({ late }) => late);
  return late.map(({ event: { partition, offset } }) => ({ topic: 'events', partition, offset, reason: 'late' }));
}

export interface Group {
  readonly key: string;
  n: number;
  cents: number;
}

/** Counts and sums by key. */
export function grouped(events: readonly LoggedEvent[], keysOf: (event: LoggedEvent) => readonly string[]): Group[] {
  const groups = new Map<string, Group>();
  for (const event of events) {
    for (const key of keysOf(event)) {
      const group = groups.get(key) ?? { key, n: 0, cents: 0 };
      groups.set(key, group);
      group.n++;
      group.cents += event.cents;
    }
  }
  return [...groups.values()];
}

export const money = (value: unknown): string => Number(value).toFixed(2);
export const cents = (value: number): string => (value / 100).toFixed(2);

const kept: SimulatedView = {
  name: 'kept',
  sources: ['once'],
  sql: 'SELECT n, type, amount FROM once',
  appends: true,
  always: true,
  show: ({ n, type, amount }) => `${n} ${type} ${money(amount)}`,
  expected: (input) => deduplicated(input).map(({ event }) => `${event.n} ${event.type} ${cents(event.cents)}`),
};

/** Rows of the view `totals`. */
export const minutesByType = (input: LoggedInput): Group[] =>
  grouped(inTime(input), ({ seconds, type }) => [`${timeOf(minuteOf(seconds))} ${type}`]);

/** Rows of the view `kept`, by type. */
export const keptByType = (input: LoggedInput): Group[] =>
  grouped(
    deduplicated(input).map(({ event }) => event),
    ({ type }) => [type],
  );

const totals: SimulatedView = {
  name: 'totals',
  sources: ['once'],
  sql: `SELECT window_start, window_end, type, count(*) AS n, sum(amount) AS total
FROM TUMBLE(once, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type`,
  appends: false,
  always: true,
  show: ({ window_start, type, n, total }) => `${window_start} ${type} ${n} ${money(total)}`,
  expected: (input) => minutesByType(input).map(({ key, n, cents: sum }) => `${key} ${n} ${cents(sum)}`),
  letters: lateLetters,
};

const closed: SimulatedView = {
  name: 'closed',
  sources: ['once'],
  sql: `SELECT window_start, window_end, count(*) AS n
FROM TUMBLE(once, time, INTERVAL '1 minute') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE`,
  appends: true,
  always: false,
  show: ({ window_start, n }) => `${window_start} ${n}`,
  expected: (input) =>
    grouped(inTime(input), ({ seconds }) => [timeOf(minuteOf(seconds))]).map(({ key, n }) => `${key} ${n}`),
  letters: lateLetters,
};

const HOP_SECONDS = 20;
const hopsOf = (seconds: number): number[] => {
  const last = Math.floor(seconds / HOP_SECONDS) * HOP_SECONDS;
  return [last, last - HOP_SECONDS, last - 2 * HOP_SECONDS];
};

const hops: SimulatedView = {
  name: 'hops',
  sources: ['calm'],
  sql: `SELECT window_start, window_end, type, count(*) AS n, sum(amount) AS total
FROM HOP(calm, time, INTERVAL '20 seconds', INTERVAL '1 minute') GROUP BY window_start, window_end, type`,
  appends: false,
  always: true,
  show: ({ window_start, type, n, total }) => `${window_start} ${type} ${n} ${money(total)}`,
  expected: ({ events }) =>
    grouped(events.events, ({ seconds, type }) => hopsOf(seconds).map((start) => `${timeOf(start)} ${type}`)).map(
      ({ key, n, cents: sum }) => `${key} ${n} ${cents(sum)}`,
    ),
};

const GAP_SECONDS = 10;

function sessionsOf({ events }: LoggedInput): string[] {
  const found: string[] = [];
  for (const type of 'abc') {
    const times = events.events.filter((event) => event.type === type).map(({ seconds }) => seconds);
    times.sort((a, b) => a - b);
    let from = 0;
    for (let i = 1; i <= times.length; i++) {
      if (i < times.length && times[i]! - times[i - 1]! <= GAP_SECONDS) continue;
      found.push(`${type} ${timeOf(times[from]!)} ${timeOf(times[i - 1]! + GAP_SECONDS)} ${i - from}`);
      from = i;
    }
  }
  return found;
}

const SESSIONS = `SELECT type, window_start, window_end, count(*) AS n
FROM SESSION(calm, time, INTERVAL '10 seconds') GROUP BY type, window_start, window_end`;
const showSession: SimulatedView['show'] = ({ type, window_start, window_end, n }) =>
  `${type} ${window_start} ${window_end} ${n}`;

const sessions: SimulatedView = {
  name: 'sessions',
  sources: ['calm'],
  sql: SESSIONS,
  appends: false,
  always: true,
  show: showSession,
  expected: sessionsOf,
};

const finished: SimulatedView = {
  name: 'finished',
  sources: ['calm'],
  sql: `${SESSIONS} EMIT ON WINDOW CLOSE`,
  appends: true,
  always: false,
  show: showSession,
  expected: sessionsOf,
};

const withoutC = (input: LoggedInput): LoggedInput => ({
  ...input,
  events: { ...input.events, events: input.events.events.filter(({ type }) => type !== 'c') },
});

/** What views become when their filter is changed. */
export const ALTERED_WINDOW_VIEWS: readonly SimulatedView[] = [
  {
    ...hops,
    sql: hops.sql.replace('GROUP BY', "WHERE type <> 'c' GROUP BY"),
    expected: (input) => hops.expected(withoutC(input)),
  },
  {
    ...sessions,
    sql: sessions.sql.replace('GROUP BY', "WHERE type <> 'c' GROUP BY"),
    expected: (input) => sessions.expected(withoutC(input)),
  },
];

export const WINDOW_VIEWS = { kept, totals, closed, hops, sessions, finished };
