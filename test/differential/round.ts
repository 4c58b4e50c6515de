import { EngineWorld, seededRandom, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import { decodeJournalRecord, JOURNAL_SPACE } from '../../src/engine/task/journal.ts';
import type { OutputMode, Pipeline } from '../../src/plan/node.ts';
import { standingRows } from '../standing-rows.ts';
import { type Connection, comparableRow, difference, type Oracle } from './comparison.ts';
import { crashingRun, EXPECTED_REASONS } from './crashing-run.ts';
import { type RandomData, randomData } from './random-data.ts';
import { type RandomPipeline, randomPipeline, type SessionInput } from './random-pipeline.ts';
import { RandomSource } from './random-source.ts';
import { lateForSessions, type SessionRow } from './session-model.ts';

/** What each pipeline of a round was made of. */
export type RoundCoverage = readonly (readonly string[])[];

/** One set of data through several pipelines, compared at commits, with crashes between; throws with both answers where they differ. */
export async function runRound(seed: number, pipelines: number, oracle: Oracle): Promise<RoundCoverage> {
  const random = new RandomSource(seed);
  const data = randomData(random);
  const plans = Array.from({ length: pipelines }, () => randomPipeline(random));
  const world = await EngineWorld.open({
    random: seededRandom(seed),
    // A snapshot makes the journal shorter, which says in what order the partitions were read.
    ...(data.partitions === 1 ? { snapshotIntervalMs: 1 } : {}),
  });
  try {
    await new Round(world, oracle.connection, { seed, data, plans }).run(random);
  } finally {
    await world.stop();
  }
  return plans.map(({ operators }) => operators);
}

const sourceSql = (data: RandomData): string => `
CREATE SOURCE events (id text, ts timestamptz, k text, i int4, l int8, f float8, d numeric(12,2), b boolean,
  WATERMARK FOR ts AS ts - INTERVAL '${data.delaySeconds} seconds'
) WITH (topic = 'events', format = 'json');
`;

interface RoundInput {
  readonly seed: number;
  readonly data: RandomData;
  readonly plans: readonly RandomPipeline[];
}

class Round {
  readonly #world: EngineWorld;
  readonly #connection: Connection;
  readonly #input: RoundInput;
  readonly #compiled: Pipeline[] = [];

  constructor(world: EngineWorld, connection: Connection, input: RoundInput) {
    this.#world = world;
    this.#connection = connection;
    this.#input = input;
  }

  async run(random: RandomSource): Promise<void> {
    const { data, plans } = this.#input;
    await this.#world.createTopic('events', { partitions: data.partitions });
    for (const [i, plan] of plans.entries()) {
      const pipeline = await sqlPipeline(sourceSql(data) + plan.sql, `p${i}`);
      this.#compiled.push({ ...pipeline, outputs: pipeline.outputs.map((output) => ({ ...output, topic: `p${i}` })) });
    }
    await crashingRun(this.#world, random, {
      pipelines: this.#compiled,
      groups: data.groups.map((group) => group.map((part) => ({ ...part, topic: 'events' }))),
      crashes: 0.2,
      compare: (ended) => this.#compare(ended),
    });
  }

  async #compare(ended: boolean): Promise<void> {
    const { data, plans, seed } = this.#input;
    await loadEvents(this.#connection, this.#world, data);
    const closed = ended ? Number.POSITIVE_INFINITY : await watermarkMs(this.#connection, data);
    for (const [i, plan] of plans.entries()) {
      const { mode } = this.#compiled[i]!.outputs[0]!;
      await compare(this.#world, this.#connection, { plan, topic: `p${i}`, mode, seed, closed });
    }
  }
}

/** Event time of the source, milliseconds: the least of its partitions, each the largest time seen less the delay. */
async function watermarkMs(connection: Connection, data: RandomData): Promise<number> {
  const answer = await connection.runAndReadAll(
    `SELECT CAST(epoch_ms(min(largest)) AS DOUBLE) AS ms, count(largest) AS partitions
    FROM (SELECT max(ts) AS largest FROM events GROUP BY p)`,
  );
  const [row] = answer.getRowObjectsJS();
  if (Number(row!.partitions) < data.partitions) return Number.NEGATIVE_INFINITY;
  return Number(row!.ms) - data.delaySeconds * 1000;
}

/** The table `events`, from the log's bytes; the order of processing is that of the journal of the first pipeline. */
async function loadEvents(connection: Connection, world: EngineWorld, data: RandomData): Promise<void> {
  await connection.run('CREATE OR REPLACE TABLE log (epoch INTEGER, p INTEGER, o INTEGER, value VARCHAR)');
  const journal = [...world.log.ledgerEntries(JOURNAL_SPACE)]
    .filter(([key]) => key.startsWith('p0/'))
    .map(([, value]) => decodeJournalRecord(value));
  const offsets = new Map<number, number>();
  const appender = await connection.createAppender('log');
  for (const { partition, value } of world.records('events')) {
    const offset = offsets.get(partition) ?? 0;
    offsets.set(partition, offset + 1);
    const read = journal.find(({ ranges }) =>
      ranges.some((range) => range.partition === partition && range.from <= offset && offset < range.to),
    );
    const epoch = data.partitions === 1 ? 0 : read!.epoch;
    appender.appendInteger(epoch);
    appender.appendInteger(partition);
    appender.appendInteger(offset);
    appender.appendVarchar(JSON.stringify(value));
    appender.endRow();
  }
  appender.flushSync();
  appender.closeSync();
  await connection.run(`
    CREATE OR REPLACE TABLE events AS
    SELECT p, o, row_number() OVER (ORDER BY epoch, p, o) AS seq,
      value ->> '$.id' AS id, CAST(value ->> '$.ts' AS TIMESTAMP) AS ts, value ->> '$.k' AS k,
      CAST(value ->> '$.i' AS INTEGER) AS i, CAST(value ->> '$.l' AS BIGINT) AS l, CAST(value ->> '$.f' AS DOUBLE) AS f,
      CAST(value ->> '$.d' AS DECIMAL(12, 2)) AS d, CAST(value ->> '$.b' AS BOOLEAN) AS b,
      max(CAST(value ->> '$.ts' AS TIMESTAMP)) OVER (PARTITION BY p ORDER BY o ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        - INTERVAL '${data.delaySeconds} seconds' AS wm
    FROM log`);
}

interface Comparison {
  readonly plan: RandomPipeline;
  readonly topic: string;
  readonly mode: OutputMode;
  readonly seed: number;
  /** Event time, milliseconds: windows up to it are closed. */
  readonly closed: number;
}

async function compare(
  world: EngineWorld,
  connection: Connection,
  { plan, topic, mode, seed, closed }: Comparison,
): Promise<void> {
  const letters = world.letters().filter((letter) => letter.pipeline === topic);
  const unexpected = letters.filter((letter) => !EXPECTED_REASONS.has(letter.reason));
  const said = letters
    .filter(({ reason, message }) => reason === 'late' && message.startsWith('session:'))
    .map(({ partition, offset }) => `(${partition}, ${offset})`);
  const late = plan.sessions === undefined ? [] : await lateRows(connection, plan.sessions);
  const rows = standingRows(world, { topic, mode }).map((text) => JSON.parse(text) as Record<string, unknown>);
  const actual = rows.map((row) => comparableRow(plan.columns, (name) => row[name])).sort();
  const answer = await connection.runAndReadAll(plan.query).catch((cause: unknown) => {
    throw new Error(`seed ${seed}, pipeline ${topic}: the oracle refuses ${plan.query}`, { cause });
  });
  const isGiven = (end: unknown): boolean =>
    Number(end) < closed || (plan.closes === 'at the end' && Number(end) === closed);
  const expected = answer
    .getRowObjectsJS()
    .filter(({ window_end }) => plan.closes === undefined || isGiven(window_end))
    .map((row) => comparableRow(plan.columns, (name) => row[name]))
    .sort();
  const missing = difference(expected, actual);
  const extra = difference(actual, expected);
  const unsaid = [...difference(late, said), ...difference(said, late)];
  if ([missing, extra, unexpected, unsaid].every(({ length }) => length === 0)) return;
  throw new Error(
    [
      `seed ${seed}, pipeline ${topic}: ${missing.length} rows are missing, ${extra.length} are not expected, of ${expected.length}`,
      `missing: ${missing.slice(0, 5).join('\n         ')}`,
      `extra:   ${extra.slice(0, 5).join('\n         ')}`,
      `late for sessions: ${difference(late, said)}; said to be, but not: ${difference(said, late)}`,
      `letters: ${unexpected.slice(0, 3).map((letter) => `${letter.reason}: ${letter.message}`)}`,
      plan.sql,
      plan.query,
    ].join('\n'),
  );
}

/** Fills the table `late_rows`, which the query leaves out: what the model of sessions says of the rows that come to them. */
async function lateRows(connection: Connection, { query, gapUs }: SessionInput): Promise<readonly string[]> {
  const rows = (await connection.runAndReadAll(query)).getRowObjectsJS().map(
    ({ p, o, key, ts, wm }): SessionRow => ({
      partition: Number(p),
      offset: Number(o),
      key: String(key),
      time: BigInt(ts as bigint),
      watermark: wm === null ? null : BigInt(wm as bigint),
    }),
  );
  const late = lateForSessions(rows, gapUs).map(({ partition, offset }) => `(${partition}, ${offset})`);
  await connection.run('CREATE OR REPLACE TABLE late_rows (p INTEGER, o INTEGER)');
  if (late.length > 0) await connection.run(`INSERT INTO late_rows VALUES ${late.join(', ')}`);
  return late;
}
