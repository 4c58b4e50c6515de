import { EngineWorld, seededRandom, sqlPipeline } from '../../src/engine/engine-world.fixture.ts';
import type { Pipeline } from '../../src/plan/node.ts';
import { standingRows } from '../standing-rows.ts';
import { type Connection, comparableRow, difference, type Oracle } from './comparison.ts';
import { crashingRun, EXPECTED_REASONS } from './crashing-run.ts';
import { matchesOf, type OrderedRow } from './match-model.ts';
import type { MatchSpec } from './random-match.ts';
import { RandomSource } from './random-source.ts';
import { randomTimedData, randomTimedView, type TimedData, type TimedView } from './random-timed.ts';
import type { RoundCoverage } from './round.ts';

/** Events with times through views that look at times, compared with DuckDB at commits, with crashes between. */
export async function runTimedRound(seed: number, views: number, oracle: Oracle): Promise<RoundCoverage> {
  const random = new RandomSource(seed);
  const data = randomTimedData(random);
  const made = Array.from({ length: views }, (_, i) => randomTimedView(random, `v${i}`));
  const world = await EngineWorld.open({
    random: seededRandom(seed),
    ...(random.chance(0.5) ? { snapshotIntervalMs: 1 } : {}),
  });
  try {
    await new TimedRound(world, oracle.connection, { seed, data, views: made }).run(random);
  } finally {
    await world.stop();
  }
  return made.map(({ operator }) => [operator]);
}

interface TimedInput {
  readonly seed: number;
  readonly data: TimedData;
  readonly views: readonly TimedView[];
}

class TimedRound {
  readonly #world: EngineWorld;
  readonly #connection: Connection;
  readonly #input: TimedInput;
  readonly #compiled: Pipeline[] = [];

  constructor(world: EngineWorld, connection: Connection, input: TimedInput) {
    this.#world = world;
    this.#connection = connection;
    this.#input = input;
  }

  async run(random: RandomSource): Promise<void> {
    const { data, views } = this.#input;
    for (const { name, partitions } of data.sources) await this.#world.createTopic(name, { partitions });
    for (const view of views) this.#compiled.push(await compiled(data, view));
    await crashingRun(this.#world, random, {
      pipelines: this.#compiled,
      groups: data.groups.map((group) => group.map(({ source, ...part }) => ({ ...part, topic: source }))),
      crashes: 0.25,
      compare: (ended) => this.#compare(ended),
    });
  }

  async #compare(ended: boolean): Promise<void> {
    const { views, data } = this.#input;
    for (const source of data.sources) await loadSource(this.#connection, this.#world, source);
    for (const [i, view] of views.entries()) {
      if (ended || !view.atEnd) await this.#compareView(view, this.#compiled[i]!, ended);
    }
  }

  async #compareView(view: TimedView, pipeline: Pipeline, ended: boolean): Promise<void> {
    const { seed, data } = this.#input;
    const connection = this.#connection;
    await this.#setWatermark(view, ended);
    const expected =
      view.match === undefined ? await answers(connection, view.query!) : await matched(connection, view.match);
    const wanted = expected.map((row) => comparableRow(view.columns, (name) => row[name]));
    const actual = standingRows(this.#world, pipeline.outputs[0]!).map((text) => {
      const row = JSON.parse(text) as Readonly<Record<string, unknown>>;
      return comparableRow(view.columns, (name) => row[name]);
    });
    const unexpected = this.#world
      .letters()
      .filter((letter) => letter.pipeline === view.name && !EXPECTED_REASONS.has(letter.reason));
    const [missing, extra] = [difference(wanted, actual), difference(actual, wanted)];
    if (missing.length + extra.length + unexpected.length === 0) return;
    throw new Error(
      [
        `seed ${seed}, view ${view.name}${ended ? ', at the end' : ''}: ${missing.length} rows are missing, ${extra.length} are not expected, of ${wanted.length}`,
        `missing: ${missing.slice(0, 5).join('\n         ')}`,
        `extra:   ${extra.slice(0, 5).join('\n         ')}`,
        `letters: ${unexpected.slice(0, 3).map((letter) => `${letter.reason}: ${letter.message}`)}`,
        JSON.stringify(data.sources),
        view.sql,
        view.query ?? '',
      ].join('\n'),
    );
  }

  /** The column `w`: how far event time has come for what the view reads; beyond everything at the end. */
  async #setWatermark({ reads }: TimedView, ended: boolean): Promise<void> {
    const { sources } = this.#input.data;
    const parts = sources
      .filter(({ name }) => reads.includes(name))
      .map(({ name, partitions, delaySeconds }) => {
        const largest = `SELECT max(ts) AS ts FROM ${name} GROUP BY p`;
        return `(SELECT CASE WHEN count(ts) = ${partitions} THEN min(ts) - INTERVAL '${delaySeconds} seconds' END FROM (${largest}))`;
      });
    const least = `CASE WHEN ${parts.map((part) => `${part} IS NULL`).join(' OR ')} THEN TIMESTAMP '1900-01-01' ELSE least(${parts.join(', ')}) END`;
    const value = ended ? `TIMESTAMP '2100-01-01'` : least;
    await this.#connection.run(`CREATE OR REPLACE TEMP TABLE reached AS SELECT ${value} AS w`);
    for (const { name } of sources) await this.#connection.run(`UPDATE ${name} SET w = (SELECT w FROM reached)`);
  }
}

async function compiled({ sources }: TimedData, view: TimedView): Promise<Pipeline> {
  const declared = sources.map(
    ({ name, delaySeconds }) => `CREATE SOURCE ${name} (id text, ts timestamptz, k int4, v int4,
      WATERMARK FOR ts AS ts - INTERVAL '${delaySeconds} seconds') WITH (topic = '${name}', format = 'json');`,
  );
  const pipeline = await sqlPipeline(
    [...declared, `CREATE MATERIALIZED VIEW ${view.name} AS ${view.sql};`].join('\n'),
    view.name,
  );
  return { ...pipeline, outputs: pipeline.outputs.map((output) => ({ ...output, topic: `out_${view.name}` })) };
}

/** The table of a source, from the log. */
async function loadSource(
  connection: Connection,
  world: EngineWorld,
  { name, delaySeconds }: TimedData['sources'][number],
): Promise<void> {
  const offsets = new Map<number, number>();
  await connection.run('CREATE OR REPLACE TABLE log (p INTEGER, o INTEGER, value VARCHAR)');
  const appender = await connection.createAppender('log');
  for (const { partition, value } of world.records(name)) {
    const offset = offsets.get(partition) ?? 0;
    offsets.set(partition, offset + 1);
    appender.appendInteger(partition);
    appender.appendInteger(offset);
    appender.appendVarchar(JSON.stringify(value));
    appender.endRow();
  }
  appender.flushSync();
  appender.closeSync();
  const before = 'OVER (PARTITION BY p ORDER BY o ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)';
  await connection.run(`
    CREATE OR REPLACE TABLE ${name} AS
    SELECT p, o, id, ts, k, v, max(ts) ${before} - INTERVAL '${delaySeconds} seconds' AS wm, CAST(NULL AS TIMESTAMP) AS w
    FROM (SELECT p, o, value ->> '$.id' AS id, CAST(value ->> '$.ts' AS TIMESTAMP) AS ts,
      CAST(value ->> '$.k' AS INTEGER) AS k, CAST(value ->> '$.v' AS INTEGER) AS v FROM log)`);
}

type Answer = Readonly<Record<string, unknown>>;

async function answers(connection: Connection, query: string): Promise<readonly Answer[]> {
  const answer = await connection.runAndReadAll(query).catch((cause: unknown) => {
    throw new Error(`the oracle refuses ${query}`, { cause });
  });
  return answer.getRowObjectsJS();
}

/** What the model of patterns finds among the rows that are in time. */
async function matched(connection: Connection, match: MatchSpec): Promise<readonly Answer[]> {
  const rows = await answers(
    connection,
    `SELECT k, id, v, CAST(epoch_ms(ts) AS DOUBLE) AS time FROM a
    WHERE ts IS NOT NULL AND (wm IS NULL OR ts >= wm) ORDER BY ts, id`,
  );
  const partitions = new Map<unknown, OrderedRow[]>();
  for (const { k, id, v, time } of rows) {
    const row: OrderedRow = { id: String(id), v: v === null ? null : Number(v), time: Number(time) };
    const others = partitions.get(k);
    if (others === undefined) partitions.set(k, [row]);
    else others.push(row);
  }
  return [...partitions.values()].flatMap((partition) => matchesOf(match, partition).map((found) => ({ ...found })));
}
