import { at, EngineWorld, seededRandom, sqlPipeline } from './engine-world.fixture.ts';

const STEPS = 14;
const PARTITIONS = 2;
const DELAY_SECONDS = 20;
const SQL = `
CREATE SOURCE events (id text, type text, time timestamptz, amount numeric(12,2),
  WATERMARK FOR time AS time - INTERVAL '${DELAY_SECONDS} seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '1 day', future_limit = '30 days');
CREATE VIEW once WITH (ttl = '1 day') AS SELECT DISTINCT ON (id) * FROM events;
CREATE MATERIALIZED VIEW rows AS SELECT id, amount FROM once;
CREATE MATERIALIZED VIEW totals AS
SELECT window_start, window_end, type, count(*) AS n, sum(amount) AS total
FROM TUMBLE(once, time, INTERVAL '1 minute') GROUP BY window_start, window_end, type;
CREATE MATERIALIZED VIEW closed AS
SELECT window_start, window_end, count(*) AS n
FROM TUMBLE(once, time, INTERVAL '1 minute') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;
CREATE MATERIALIZED VIEW pairs AS
SELECT a.id AS a, b.id AS b FROM once a JOIN once b ON a.type = b.type AND abs(a.amount - b.amount) < 0.3 AND a.id < b.id;
CREATE MATERIALIZED VIEW alone AS
SELECT a.id FROM once a WHERE NOT EXISTS (SELECT 1 FROM once b WHERE a.type = b.type AND a.id <> b.id AND abs(a.amount - b.amount) < 0.3);
`;

interface Event {
  readonly id: string;
  readonly type: string;
  readonly seconds: number;
  readonly cents: number;
}

interface Step {
  readonly partition: number;
  readonly events: readonly Event[];
  readonly settle: boolean;
  readonly advanceMs: number;
}

/** What is written, and when; from the seed alone, so that a crash changes nothing of it. */
function scriptOf(random: () => number): Step[] {
  const below = (n: number): number => Math.floor(random() * n);
  const sent: Event[][] = Array.from({ length: PARTITIONS }, () => []);
  return Array.from({ length: STEPS }, (_, step) => {
    const partition = below(PARTITIONS);
    const events = Array.from({ length: 1 + below(12) }, (_, i): Event => {
      const earlier = sent[partition]!;
      if (earlier.length > 0 && random() < 0.15) return earlier[below(earlier.length)]!;
      const behind = random() < 0.1 ? below(400) : below(30);
      const event = { id: `${step}-${i}`, type: 'abc'[below(3)]!, seconds: step * 25 - behind, cents: below(1000) };
      earlier.push(event);
      return event;
    });
    return { partition, events, settle: random() < 0.5, advanceMs: random() < 0.3 ? 1_500 : 0 };
  });
}

interface Expected {
  readonly rows: readonly string[];
  readonly totals: readonly string[];
  readonly closed: readonly string[];
  readonly late: readonly string[];
  readonly pairs: readonly string[];
  readonly alone: readonly string[];
}

const minuteOf = (seconds: number): number => Math.floor(seconds / 60) * 60;

function count(counts: Map<string, { n: number; cents: number }>, key: string, cents: number): void {
  const known = counts.get(key) ?? { n: 0, cents: 0 };
  counts.set(key, { n: known.n + 1, cents: known.cents + cents });
}

/** The outputs of all that was written, computed from the definition: late is what its own partition had passed. */
function expectedOf(script: readonly Step[]): Expected {
  const rows: string[] = [];
  const kept: Event[] = [];
  const late: string[] = [];
  const totals = new Map<string, { n: number; cents: number }>();
  const closed = new Map<string, { n: number; cents: number }>();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const seen = new Set<string>();
    let largest = Number.NEGATIVE_INFINITY;
    let offset = 0;
    for (const event of script.filter((step) => step.partition === partition).flatMap((step) => step.events)) {
      const { id, type, seconds, cents } = event;
      const start = minuteOf(seconds);
      const watermark = largest - DELAY_SECONDS;
      largest = Math.max(largest, seconds);
      if (!seen.has(id)) {
        rows.push(`${id} ${(cents / 100).toFixed(2)}`);
        kept.push(event);
        if (start + 60 <= watermark) late.push(`${partition}/${offset}`, `${partition}/${offset}`);
        else {
          count(totals, `${at(start)} ${type}`, cents);
          count(closed, at(start), cents);
        }
      }
      seen.add(id);
      offset++;
    }
  }
  return {
    rows: rows.sort(),
    totals: [...totals].map(([key, { n, cents }]) => `${key} ${n} ${(cents / 100).toFixed(2)}`).sort(),
    closed: [...closed].map(([key, { n }]) => `${key} ${n}`).sort(),
    late: late.sort(),
    ...pairsOf(kept),
  };
}

function pairsOf(events: readonly Event[]): { pairs: string[]; alone: string[] } {
  const near = (a: Event): Event[] =>
    events.filter((b) => a.type === b.type && a.id !== b.id && Math.abs(a.cents - b.cents) < 30);
  const pairs = events.flatMap((a) => near(a).flatMap((b) => (a.id < b.id ? [`${a.id} ${b.id}`] : [])));
  const alone = events.filter((a) => near(a).length === 0).map((a) => a.id);
  return { pairs: pairs.sort(), alone: alone.sort() };
}

function actualOf(world: EngineWorld): Expected {
  const fixed = (value: unknown): string => Number(value).toFixed(2);
  return {
    rows: world
      .values('rows')
      .map((row) => `${row.id} ${fixed(row.amount)}`)
      .sort(),
    totals: world
      .table('totals')
      .map((row) => `${row.window_start} ${row.type} ${row.n} ${fixed(row.total)}`)
      .sort(),
    closed: world
      .values('closed')
      .map((row) => `${row.window_start} ${row.n}`)
      .sort(),
    late: world
      .letters()
      .map((letter) => `${letter.partition}/${letter.offset}`)
      .sort(),
    pairs: world
      .values('pairs')
      .map((row) => `${row.a} ${row.b}`)
      .sort(),
    alone: world
      .table('alone')
      .map((row) => String(row.id))
      .sort(),
  };
}

export interface Simulation {
  readonly seed: number;
  /** After how many disk operations each life of the process ends; it lives on when the list is used up. */
  readonly crashes: readonly number[];
  /** A crash of the machine: what was not synced is lost or torn, at random. Else of the process alone. */
  readonly power: boolean;
  /** Of the pipeline; 1 without it. */
  readonly workers?: number;
}

export interface SimulationResult {
  /** Disk operations of the last life, which ran to the end. */
  readonly operations: number;
  readonly lives: number;
  readonly actual: Expected;
  readonly expected: Expected;
}

/**
 * Writes events and processes them on a disk that crashes where it is told to, starts again each time, and gives what the
 * outputs hold in the end and what they must hold.
 */
export async function simulate({ seed, crashes, power, workers = 1 }: Simulation): Promise<SimulationResult> {
  const random = seededRandom(seed);
  const script = scriptOf(random);
  const plan = await sqlPipeline(SQL);
  const snapshotIntervalMs = random() < 0.4 ? 0 : Number.MAX_SAFE_INTEGER;
  const snapshotTurns = Math.floor(random() * 6);
  const world = new EngineWorld({ random: seededRandom(seed + 1e6), snapshotIntervalMs, snapshotTurns, workers });
  let lives = 0;
  for (;;) {
    let operations = 0;
    const crashAt = crashes[lives++] ?? Number.POSITIVE_INFINITY;
    world.fault = () => (operations++ === crashAt ? 'crash' : undefined);
    try {
      await world.start();
      await live(world, plan, script);
      const actual = actualOf(world);
      await world.stop();
      return { operations, lives, actual, expected: expectedOf(script) };
    } catch (error) {
      if (!world.disk.crashed) throw error;
      world.fault = undefined;
      await world.crash(power);
    }
  }
}

async function live(
  world: EngineWorld,
  plan: Awaited<ReturnType<typeof sqlPipeline>>,
  script: readonly Step[],
): Promise<void> {
  if (world.log.topic('events') === undefined) await world.createTopic('events', { partitions: PARTITIONS });
  const running = await world.startPipeline(plan);
  const written = script.map(() => 0);
  for (const value of world.values('events')) written[Number(value.step)]!++;
  for (const [step, { partition, events, settle, advanceMs }] of script.entries()) {
    const present = written[step]!;
    if (present !== 0 && present !== events.length)
      throw new Error(`step ${step}: ${present} of ${events.length} events`);
    if (present === 0) {
      await world.write(
        'events',
        events.map(({ id, type, seconds, cents }) => ({ step, id, type, time: at(seconds), amount: cents / 100 })),
        partition,
      );
    }
    if (settle) await running.idle();
    if (advanceMs > 0) world.clock.advance(advanceMs);
  }
  await running.idle({ closeWindows: true });
}
