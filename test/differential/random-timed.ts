import { WORLD_START } from '../../src/engine/engine-world.fixture.ts';
import type { ComparedColumn } from './comparison.ts';
import { type MatchSpec, randomMatch } from './random-match.ts';
import type { RandomSource } from './random-source.ts';

/** Events `a` and `b`, late and out of order, and versions `t` by key, in order. */
export interface TimedData {
  readonly sources: readonly { readonly name: string; readonly partitions: number; readonly delaySeconds: number }[];
  /** Between groups the pipelines process what is there. */
  readonly groups: readonly (readonly {
    readonly source: string;
    readonly partition: number;
    readonly rows: readonly object[];
  }[])[];
}

/** A view, and what is to be its rows. */
export interface TimedView {
  readonly name: string;
  readonly sql: string;
  readonly columns: readonly ComparedColumn[];
  /**
   * For DuckDB: over `a`, `b` and `t`, whose rows have `p`, `o`, `wm` (event time of their partition just before them) and `w` (event time
   * of all that the view reads, at the moment that is compared).
   */
  readonly query?: string;
  /** A pattern, for the model of patterns. */
  readonly match?: MatchSpec;
  /** Whether its rows are those of the query only once all input has ended. */
  readonly atEnd: boolean;
  /** What it reads: event time is the least of theirs. */
  readonly reads: readonly string[];
  /** What it shows. */
  readonly operator: string;
}

export const VERSIONS = 't';
const TEXT = 'text' as const;
const INTEGER = 'int8' as const;

export function randomTimedData(random: RandomSource): TimedData {
  const sources = ['a', 'b', VERSIONS].map((name) => ({
    name,
    partitions: name === VERSIONS ? 1 : random.pick([1, 1, 2]),
    delaySeconds: name === VERSIONS ? 0 : random.pick([0, 1, 10, 60]),
  }));
  const clocks = new Map<string, number>();
  let ids = 0;
  const row = (source: string, partition: number): object => {
    const slot = `${source}${partition}`;
    const isVersion = source === VERSIONS;
    const clock = (clocks.get(slot) ?? 0) + (isVersion ? 1 : 0) + random.below(12);
    clocks.set(slot, clock);
    const behind = isVersion ? 0 : random.chance(0.1) ? random.below(200) : random.chance(0.4) ? random.below(10) : 0;
    const time = new Date(WORLD_START + (clock - behind) * 1000).toISOString();
    return {
      id: `${source}${ids++}`,
      ts: !isVersion && random.chance(0.03) ? null : time,
      k: random.chance(0.05) ? null : random.below(3),
      v: random.chance(0.1) ? null : random.below(10),
    };
  };
  const groups = Array.from({ length: 1 + random.below(4) }, () =>
    Array.from({ length: 1 + random.below(5) }, () => {
      const { name, partitions } = random.pick(sources);
      const partition = random.below(partitions);
      const rows = Array.from({ length: 1 + random.below(12) }, () => row(name, partition));
      return { source: name, partition, rows };
    }),
  );
  return { sources, groups };
}

const idColumns = (...names: readonly string[]): readonly ComparedColumn[] =>
  names.map((name) => ({ name, type: TEXT }));

/** Rows of a source that are in time where the other side forgets. */
const inTime = (source: string, judged: boolean, over: string = 'ts < wm'): string =>
  judged ? `(SELECT * FROM ${source} WHERE ts IS NULL OR wm IS NULL OR NOT (${over}))` : `(SELECT * FROM ${source})`;

export function randomTimedView(random: RandomSource, name: string): TimedView {
  const kind = random.pick(['interval', 'interval', 'exists', 'windows', 'as-of', 'frame', 'match', 'counts'] as const);
  switch (kind) {
    case 'interval':
      return intervalJoin(random, name);
    case 'exists':
      return existence(random, name);
    case 'windows':
      return windowJoin(random, name);
    case 'as-of':
      return asOf(random, name);
    case 'frame':
      return frame(random, name);
    case 'match': {
      const match = randomMatch(random);
      const columns = [...idColumns('first_id', 'last_id'), { name: 'n', type: INTEGER }, ...idColumns('last_is')];
      return { name, sql: match.sql, columns, match, atEnd: true, reads: ['a'], operator: 'match' };
    }
    case 'counts':
      return countsOfPairs(random, name);
  }
}

interface TimeBounds {
  readonly text: string;
  /** Which sides' rows can be late. */
  readonly judges: { readonly a: boolean; readonly b: boolean };
}

function timeBounds(random: RandomSource): TimeBounds {
  const seconds = (): string => `INTERVAL '${random.pick([0, 5, 20, 60])} seconds'`;
  const lower = `b.ts >= a.ts - ${seconds()}`;
  const upper = `b.ts <= a.ts + ${seconds()}`;
  const which = random.pick(['both', 'both', 'lower', 'upper']);
  if (which === 'lower') return { text: lower, judges: { a: true, b: false } };
  if (which === 'upper') return { text: upper, judges: { a: false, b: true } };
  return { text: `${lower} AND ${upper}`, judges: { a: true, b: true } };
}

function intervalJoin(random: RandomSource, name: string): TimedView {
  const { text, judges } = timeBounds(random);
  const kind = random.pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN']);
  const rest = random.chance(0.3) ? ' AND a.v <= b.v' : '';
  const on = `a.k = b.k AND ${text}${rest}`;
  const isBounded = judges.a && judges.b;
  const final = isBounded && random.chance(0.4);
  return {
    name,
    sql: `SELECT a.id AS aid, b.id AS bid FROM a ${kind} b ON ${on}${final ? ' EMIT ON WINDOW CLOSE' : ''}`,
    query: `SELECT a.id AS aid, b.id AS bid FROM ${inTime('a', judges.a)} a ${kind} ${inTime('b', judges.b)} b ON ${on}`,
    columns: idColumns('aid', 'bid'),
    atEnd: final,
    reads: ['a', 'b'],
    operator: `interval ${kind.toLowerCase()}${final ? ' at the end' : ''}`,
  };
}

function existence(random: RandomSource, name: string): TimedView {
  const { text, judges } = timeBounds(random);
  const not = random.chance(0.5) ? 'NOT ' : '';
  const where = `${not}EXISTS (SELECT 1 FROM `;
  const on = `b WHERE a.k = b.k AND ${text})`;
  return {
    name,
    sql: `SELECT a.id AS aid FROM a WHERE ${where}${on}`,
    query: `SELECT a.id AS aid FROM ${inTime('a', judges.a)} a WHERE ${where}${inTime('b', judges.b)} ${on}`,
    columns: idColumns('aid'),
    atEnd: false,
    reads: ['a', 'b'],
    operator: `interval ${not.toLowerCase()}exists`,
  };
}

function windowJoin(random: RandomSource, name: string): TimedView {
  const seconds = random.pick([10, 30]);
  const size = `INTERVAL '${seconds} seconds'`;
  const kind = random.pick(['JOIN', 'LEFT JOIN', 'FULL JOIN']);
  const on = 'a.k = b.k AND a.window_start = b.window_start AND a.window_end = b.window_end';
  const start = `time_bucket(${size}, ts, TIMESTAMP '2000-01-01')`;
  const windowed = (source: string): string =>
    `(SELECT * FROM (SELECT *, ${start} AS window_start, window_start + ${size} AS window_end FROM ${source} WHERE ts IS NOT NULL)
      WHERE wm IS NULL OR window_end > wm)`;
  return {
    name,
    sql: `SELECT a.id AS aid, b.id AS bid FROM TUMBLE(a, ts, ${size}) AS a ${kind} TUMBLE(b, ts, ${size}) AS b ON ${on}`,
    query: `SELECT a.id AS aid, b.id AS bid FROM ${windowed('a')} a ${kind} ${windowed('b')} b ON ${on}`,
    columns: idColumns('aid', 'bid'),
    atEnd: false,
    reads: ['a', 'b'],
    operator: `window ${kind.toLowerCase()}`,
  };
}

function asOf(random: RandomSource, name: string): TimedView {
  const kind = random.pick(['JOIN', 'LEFT JOIN']);
  const version = `(SELECT t.id FROM t WHERE t.k = a.k AND t.ts <= a.ts ORDER BY t.ts DESC LIMIT 1)`;
  const joined = `SELECT a.id AS aid, ${version} AS tid FROM ${inTime('a', true)} a WHERE ts < w OR k IS NULL OR ts IS NULL`;
  return {
    name,
    sql: `SELECT a.id AS aid, r.id AS tid FROM a ${kind} t FOR SYSTEM_TIME AS OF a.ts AS r ON r.k = a.k`,
    query: `SELECT * FROM (${joined})${kind === 'JOIN' ? ' WHERE tid IS NOT NULL' : ''}`,
    columns: idColumns('aid', 'tid'),
    atEnd: false,
    reads: ['a', VERSIONS],
    operator: 'join as of a time',
  };
}

function frame(random: RandomSource, name: string): TimedView {
  const distance = `INTERVAL '${random.pick([1, 10, 60])} seconds'`;
  const order = random.pick([
    `ORDER BY ts RANGE BETWEEN ${distance} PRECEDING AND CURRENT ROW`,
    `ORDER BY ts RANGE BETWEEN ${distance} PRECEDING AND ${distance} FOLLOWING`,
    `ORDER BY ts, id ROWS BETWEEN ${1 + random.below(3)} PRECEDING AND CURRENT ROW`,
  ]);
  const list = (from: string): string =>
    `SELECT id, sum(v) OVER w AS s, count(*) OVER w AS n FROM ${from} WHERE ts IS NOT NULL WINDOW w AS (PARTITION BY k ${order})`;
  const final = random.chance(0.4);
  return {
    name,
    sql: `${list('a')}${final ? ' EMIT ON WINDOW CLOSE' : ''}`,
    query: list(inTime('a', true)),
    columns: [...idColumns('id'), { name: 's', type: INTEGER }, { name: 'n', type: INTEGER }],
    atEnd: final,
    reads: ['a'],
    operator: `over a frame of times${final ? ' at the end' : ''}`,
  };
}

function countsOfPairs(random: RandomSource, name: string): TimedView {
  const { text, judges } = timeBounds(random);
  const left = random.chance(0.5) ? 'LEFT ' : '';
  const list = 'SELECT a.k AS k, count(*) AS n, count(b.id) AS met, sum(b.v) AS s FROM';
  return {
    name,
    sql: `${list} a ${left}JOIN b ON a.k = b.k AND ${text} GROUP BY a.k`,
    query: `${list} ${inTime('a', judges.a)} a ${left}JOIN ${inTime('b', judges.b)} b ON a.k = b.k AND ${text} GROUP BY a.k`,
    columns: ['k', 'n', 'met', 's'].map((column) => ({ name: column, type: INTEGER })),
    atEnd: false,
    reads: ['a', 'b'],
    operator: 'aggregate of an interval join',
  };
}
