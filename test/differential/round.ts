import type { RunningPipeline } from '../../src/engine/engine.ts';
import { EngineWorld, seededRandom, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import { decodeJournalRecord, JOURNAL_SPACE } from '../../src/engine/task/journal.ts';
import type { OutputMode, Pipeline } from '../../src/plan/node.ts';
import { standingRows } from '../standing-rows.ts';
import { type Connection, comparableRow, difference, type Oracle } from './comparison.ts';
import { type RandomData, randomData } from './random-data.ts';
import { type RandomPipeline, randomPipeline } from './random-pipeline.ts';
import { RandomSource } from './random-source.ts';

const SNAPSHOT_TURN_MS = 1_000;
/** Reasons for which the engine may leave a row out; the query leaves the same rows out. */
const EXPECTED_REASONS = new Set(['late', 'no-event-time']);

/** What each pipeline of a round was made of. */
export type RoundCoverage = readonly (readonly string[])[];

/** One set of data through several pipelines, with crashes between; throws with both answers where they differ. */
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
    const compiled = await process(world, data, plans, random);
    await loadEvents(oracle.connection, world, data);
    for (const [i, plan] of plans.entries()) {
      await compare(world, oracle.connection, { plan, topic: `p${i}`, mode: compiled[i]!.outputs[0]!.mode, seed });
    }
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

async function process(
  world: EngineWorld,
  data: RandomData,
  plans: readonly RandomPipeline[],
  random: RandomSource,
): Promise<readonly Pipeline[]> {
  await world.createTopic('events', { partitions: data.partitions });
  const compiled: Pipeline[] = [];
  for (const [i, plan] of plans.entries()) {
    const pipeline = await sqlPipeline(sourceSql(data) + plan.sql, `p${i}`);
    compiled.push({ ...pipeline, outputs: pipeline.outputs.map((output) => ({ ...output, topic: `p${i}` })) });
  }
  const start = async (): Promise<RunningPipeline[]> => {
    const started: RunningPipeline[] = [];
    for (const pipeline of compiled) started.push(await world.startPipeline(pipeline, { bounded: true }));
    return started;
  };
  let running = await start();
  for (const group of data.groups) {
    for (const { partition, rows } of group) await world.write('events', rows, partition);
    world.clock.advance(SNAPSHOT_TURN_MS);
    for (const pipeline of running) await pipeline.idle();
    if (!random.chance(0.2)) continue;
    await world.crash(random.chance(0.5));
    await world.start();
    running = await start();
  }
  for (const pipeline of running) await pipeline.idle({ closeWindows: true });
  return compiled;
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
}

async function compare(
  world: EngineWorld,
  connection: Connection,
  { plan, topic, mode, seed }: Comparison,
): Promise<void> {
  const letters = world.letters().filter((letter) => letter.pipeline === topic);
  const unexpected = letters.filter((letter) => !EXPECTED_REASONS.has(letter.reason));
  const late = letters
    .filter(({ reason }) => reason === 'late')
    .map(({ partition, offset }) => `(${partition}, ${offset})`);
  await connection.run('CREATE OR REPLACE TABLE late_rows (p INTEGER, o INTEGER)');
  if (late.length > 0) await connection.run(`INSERT INTO late_rows VALUES ${late.join(', ')}`);
  const rows = standingRows(world, { topic, mode }).map((text) => JSON.parse(text) as Record<string, unknown>);
  const actual = rows.map((row) => comparableRow(plan.columns, (name) => row[name])).sort();
  const answer = await connection.runAndReadAll(plan.query).catch((cause: unknown) => {
    throw new Error(`seed ${seed}, pipeline ${topic}: the oracle refuses ${plan.query}`, { cause });
  });
  const expected = answer
    .getRowObjectsJS()
    .map((row) => comparableRow(plan.columns, (name) => row[name]))
    .sort();
  const missing = difference(expected, actual);
  const extra = difference(actual, expected);
  if (missing.length === 0 && extra.length === 0 && unexpected.length === 0) return;
  throw new Error(
    [
      `seed ${seed}, pipeline ${topic}: ${missing.length} rows are missing, ${extra.length} are not expected, of ${expected.length}`,
      `missing: ${missing.slice(0, 5).join('\n         ')}`,
      `extra:   ${extra.slice(0, 5).join('\n         ')}`,
      `letters: ${unexpected.slice(0, 3).map((letter) => `${letter.reason}: ${letter.message}`)}`,
      plan.sql,
      plan.query,
    ].join('\n'),
  );
}
