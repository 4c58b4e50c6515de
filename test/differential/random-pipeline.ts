import { ExpressionMaker, type Phrase, phrase, same, type TypedColumn, type ValueType } from './random-expression.ts';
import type { RandomSource } from './random-source.ts';

/** A view and the query that gives its rows as a batch. */
export interface RandomPipeline {
  /** Statements of the pipeline, without its source; the view is called `result`. */
  readonly sql: string;
  /** Over `events`: the source with `p`, `o`, `seq` (order of processing) and `wm` (watermark of its partition before it); and `late_rows`. */
  readonly query: string;
  /** Columns of the answer, in order. */
  readonly columns: readonly { readonly name: string; readonly type: ValueType | 'time' }[];
  /** What it is made of. */
  readonly operators: readonly string[];
  /** When its rows are given, for one that emits on window close: with event time at the end of their window, or beyond it. */
  readonly closes?: 'at the end' | 'beyond the end' | undefined;
  /** Of sessions: the rows that come to them, in order, from which it follows which are late. */
  readonly sessions?: SessionInput | undefined;
}

export interface SessionInput {
  /** Gives `p`, `o`, `key`, `ts` and `wm` (µs). */
  readonly query: string;
  readonly gapUs: bigint;
}

const SOURCE_COLUMNS: readonly TypedColumn[] = [
  { name: 'id', type: 'text' },
  { name: 'k', type: 'text' },
  { name: 'i', type: 'int4' },
  { name: 'l', type: 'int8' },
  { name: 'f', type: 'float8' },
  { name: 'd', type: 'numeric' },
  { name: 'b', type: 'boolean' },
];
const TYPES: readonly ValueType[] = ['int4', 'int8', 'float8', 'numeric', 'text', 'boolean'];
/** What the oracle carries along beside the columns of a view. */
const CARRIED = 'ts, p, o, seq, wm';

/** A chain of views under construction: the last one, and its columns. */
interface Chain {
  readonly statements: readonly string[];
  readonly tables: readonly string[];
  readonly last: string;
  readonly columns: readonly TypedColumn[];
  readonly operators: readonly string[];
}

export function randomPipeline(random: RandomSource): RandomPipeline {
  let chain: Chain = { statements: [], tables: [], last: 'events', columns: SOURCE_COLUMNS, operators: [] };
  for (const step of random.pick(['', 'p', 'd', 'pd', 'dp', 'pp', 'f', 'fd', 'df'])) {
    chain = step === 'd' ? deduplicated(random, chain) : projected(random, chain, step === 'f');
  }
  return random.chance(0.3) ? plainResult(random, chain) : aggregated(random, chain, random.chance(0.8));
}

function projected(random: RandomSource, chain: Chain, filterOnly: boolean): Chain {
  const maker = new ExpressionMaker(random, chain.columns);
  const name = `v${chain.tables.length}`;
  const where = filterOnly || random.chance(0.5) ? phrase` WHERE ${maker.predicate(2)}` : same('');
  const kept = chain.columns.map(({ name: column }) => column).join(', ');
  const made = filterOnly
    ? []
    : Array.from({ length: 1 + random.below(3) }, (_, i) => {
        const type = random.pick(TYPES);
        return { name: `${name}_c${i}`, type, expression: maker.of(type, 3) };
      });
  const items = (side: keyof Phrase): string =>
    made.map((column) => `, ${column.expression[side]} AS ${column.name}`).join('');
  return {
    statements: [
      ...chain.statements,
      `CREATE VIEW ${name} AS SELECT ts, ${kept}${items('ours')} FROM ${chain.last}${where.ours};`,
    ],
    tables: [
      ...chain.tables,
      `${name} AS (SELECT ${CARRIED}, ${kept}${items('duck')} FROM ${chain.last}${where.duck})`,
    ],
    last: name,
    columns: [...chain.columns, ...made.map(({ name: column, type }) => ({ name: column, type }))],
    operators: [...chain.operators, filterOnly ? 'filter' : 'projection'],
  };
}

/** Keeps a row when no kept row of its key is less than the time-to-live away; rows a time-to-live behind are late. */
function deduplicated(random: RandomSource, chain: Chain): Chain {
  const name = `v${chain.tables.length}`;
  const seconds = random.pick([1, 30, 120, 3600]);
  const keys = random.chance(0.7) ? ['id'] : random.some(['id', 'k', 'i', 'f']);
  const on = keys.join(', ');
  const ttl = `INTERVAL '${seconds} seconds'`;
  const near = `len(list_filter(g.kept, x -> x < r.ts + ${ttl} AND x > r.ts - ${ttl})) > 0`;
  const tables = [
    ...chain.tables,
    `${name}_in AS MATERIALIZED (SELECT *, concat_ws('|', ${keys.map((key) => `coalesce(CAST(${key} AS VARCHAR), '<null>')`).join(', ')}) AS key
      FROM ${chain.last} WHERE ts IS NOT NULL AND (wm IS NULL OR ts > wm - ${ttl}))`,
    `${name}_rn AS MATERIALIZED (SELECT *, row_number() OVER (PARTITION BY key ORDER BY seq) AS rn FROM ${name}_in)`,
    `${name}_greedy AS (
      SELECT key, rn, [ts] AS kept, true AS keep FROM ${name}_rn WHERE rn = 1
      UNION ALL
      SELECT r.key, r.rn, CASE WHEN ${near} THEN g.kept ELSE list_append(g.kept, r.ts) END, NOT (${near})
      FROM ${name}_greedy g JOIN ${name}_rn r ON r.key = g.key AND r.rn = g.rn + 1)`,
    `${name} AS (SELECT r.* EXCLUDE (key, rn) FROM ${name}_rn r JOIN ${name}_greedy g ON g.key = r.key AND g.rn = r.rn WHERE g.keep)`,
  ];
  const view = `CREATE VIEW ${name} WITH (ttl = '${seconds} seconds') AS SELECT DISTINCT ON (${on}) * FROM ${chain.last};`;
  const operators = [...chain.operators, 'deduplication'];
  return { ...chain, statements: [...chain.statements, view], tables, last: name, operators };
}

const withTables = (tables: readonly string[], select: string): string =>
  tables.length === 0 ? select : `WITH RECURSIVE ${tables.join(',\n')}\n${select}`;

function plainResult(random: RandomSource, chain: Chain): RandomPipeline {
  const columns = random.some(chain.columns);
  const names = columns.map((column) => column.name).join(', ');
  return {
    sql: [...chain.statements, `CREATE MATERIALIZED VIEW result AS SELECT ts, ${names} FROM ${chain.last};`].join('\n'),
    query: withTables(chain.tables, `SELECT epoch_ms(ts) AS ts, ${names} FROM ${chain.last}`),
    columns: [{ name: 'ts', type: 'time' }, ...columns],
    operators: chain.operators,
  };
}

interface MadeAggregate {
  readonly name: string;
  readonly type: ValueType;
  readonly call: Phrase;
}

function aggregateCalls(random: RandomSource, chain: Chain): readonly MadeAggregate[] {
  const maker = new ExpressionMaker(random, chain.columns);
  return Array.from({ length: 1 + random.below(4) }, (_, i): MadeAggregate => {
    const name = `a${i}`;
    const filter = random.chance(0.3) ? phrase` FILTER (WHERE ${maker.predicate(1)})` : same('');
    const type = random.pick(['int4', 'int8', 'float8', 'numeric'] as const);
    const argument = maker.of(type, 1);
    const any = random.pick(TYPES);
    switch (random.below(9)) {
      case 7: {
        const text = maker.of('text', 1);
        return { name, type: 'text', call: phrase`string_agg(${text}, ',' ORDER BY ${text})${filter}` };
      }
      case 8: {
        const call = random.pick(['bool_and', 'bool_or']);
        return { name, type: 'boolean', call: phrase`${call}(${maker.predicate(1)})${filter}` };
      }
      case 0:
        return { name, type: 'int8', call: phrase`count(*)${filter}` };
      case 1:
        return { name, type: 'int8', call: phrase`count(${maker.of(any, 1)})${filter}` };
      case 2:
        return { name, type: 'int8', call: phrase`count(DISTINCT ${maker.of(any, 1)})${filter}` };
      case 3:
        return { name, type: 'numeric', call: phrase`sum(${argument})${filter}` };
      case 4:
        return { name, type: 'float8', call: phrase`avg(${argument})${filter}` };
      default: {
        const ordered = random.pick(['int4', 'int8', 'float8', 'numeric', 'text'] as const);
        const least = random.pick(['min', 'max']);
        return { name, type: ordered, call: phrase`${least}(${maker.of(ordered, 1)})${filter}` };
      }
    }
  });
}

/** How rows fall into windows: in FROM, and for the oracle as the table `windowed`, less the rows that are late. */
interface Windowing {
  readonly from: string;
  readonly table: string;
  readonly kind: 'tumble' | 'hop' | 'session';
  readonly sessions?: SessionInput;
}

const IN_TIME = 'ts IS NOT NULL AND (wm IS NULL OR window_end > wm)';

function windowing(random: RandomSource, chain: Chain): Windowing {
  const seconds = random.pick([1, 10, 60, 3600]);
  const size = `INTERVAL '${seconds} seconds'`;
  const kind = random.pick(['tumble', 'hop', 'session'] as const);
  const start = (step: string): string => `time_bucket(${step}, ts, TIMESTAMP '2000-01-01')`;
  if (kind === 'tumble') {
    const opened = `SELECT *, ${start(size)} AS window_start, window_start + ${size} AS window_end FROM ${chain.last}`;
    const table = `windowed AS (SELECT * FROM (${opened}) WHERE ${IN_TIME})`;
    return { kind, from: `TUMBLE(${chain.last}, ts, ${size})`, table };
  }
  if (kind === 'hop') {
    const times = random.pick([1, 2, 3]);
    const wide = `INTERVAL '${seconds * times} seconds'`;
    const steps = Array.from({ length: times }, (_, i) => `${start(size)} - INTERVAL '${seconds * i} seconds'`);
    const opened = `SELECT *, unnest([${steps.join(', ')}]) AS window_start FROM ${chain.last} WHERE ts IS NOT NULL`;
    const ended = `SELECT *, window_start + ${wide} AS window_end FROM (${opened})`;
    const table = `windowed AS (SELECT * FROM (${ended}) WHERE ${IN_TIME})`;
    return { kind, from: `HOP(${chain.last}, ts, ${size}, ${wide})`, table };
  }
  const keys = random.some(chain.columns.filter(({ name }) => /^(id|k|i|b)$/.test(name))).map(({ name }) => name);
  const by = keys.join(', ');
  const key = keys.map((name) => `coalesce(CAST(${name} AS VARCHAR), '<null>')`).join(", '|', ");
  const rows = `SELECT p, o, concat(${key}) AS key, epoch_us(ts) AS ts, epoch_us(wm) AS wm FROM ${chain.last} WHERE ts IS NOT NULL ORDER BY seq`;
  const sessions = { query: withTables(chain.tables, rows), gapUs: BigInt(seconds) * 1_000_000n };
  const inTime = `SELECT * FROM ${chain.last} WHERE ts IS NOT NULL AND (p, o) NOT IN (SELECT (p, o) FROM late_rows)`;
  const order = `OVER (PARTITION BY ${by} ORDER BY ts, seq)`;
  const begun = `SELECT *, CASE WHEN ts - lag(ts) ${order} <= ${size} THEN 0 ELSE 1 END AS begins FROM (${inTime})`;
  const numbered = `SELECT *, sum(begins) ${order} AS session FROM (${begun})`;
  const whole = `OVER (PARTITION BY ${by}, session)`;
  const table = `windowed AS (SELECT *, min(ts) ${whole} AS window_start, max(ts) ${whole} + ${size} AS window_end FROM (${numbered}))`;
  return { kind, from: `SESSION(${chain.last}, ts, ${size}, ${by})`, table, sessions };
}

function aggregated(random: RandomSource, chain: Chain, windowed: boolean): RandomPipeline {
  const window = windowed ? windowing(random, chain) : undefined;
  const groups = random.chance(0.7)
    ? random.some(chain.columns.filter(({ name }) => /^(k|i|b|v\d_c\d)$/.test(name)))
    : [];
  const keys = groups.length === 0 && !windowed ? [chain.columns[1]!] : groups;
  const calls = aggregateCalls(random, chain);
  const names = keys.map(({ name }) => name);
  const by = [...(windowed ? ['window_start', 'window_end'] : []), ...names].join(', ');
  const items = (side: keyof Phrase): string => calls.map((made) => `${made.call[side]} AS ${made.name}`).join(', ');
  const having = random.chance(0.2) ? ` HAVING count(*) > ${random.below(3)}` : '';
  const emit = windowed && random.chance(0.5) ? ' EMIT ON WINDOW CLOSE' : '';
  const view = `CREATE MATERIALIZED VIEW result AS SELECT ${by}, ${items('ours')} FROM ${window?.from ?? chain.last} GROUP BY ${by}${having}${emit};`;
  const times = windowed ? 'epoch_ms(window_start) AS window_start, epoch_ms(window_end) AS window_end, ' : '';
  const selected = `SELECT ${times}${names.map((name) => `${name}, `).join('')}${items('duck')} FROM ${windowed ? 'windowed' : chain.last}
    GROUP BY ${by}${having}`;
  const timeColumns = ['window_start', 'window_end'].map((name) => ({ name, type: 'time' as const }));
  return {
    sql: [...chain.statements, view].join('\n'),
    query: withTables(window === undefined ? chain.tables : [...chain.tables, window.table], selected),
    columns: [...(windowed ? timeColumns : []), ...keys, ...calls],
    operators: [...chain.operators, window?.kind ?? 'aggregate', ...(emit === '' ? [] : ['emit on window close'])],
    closes: emit === '' ? undefined : window?.kind === 'session' ? 'beyond the end' : 'at the end',
    sessions: window?.sessions,
  };
}
