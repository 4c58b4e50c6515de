/**
 * Endurance: steady load while keys, windows, sessions, connections, subscribers and a pipeline come and go. Memory, open
 * files, disk and latency must stay level.
 *
 *   npm run test:soak -- --minutes 60 [--rate 2000 --edits 15 --samples FILE]
 *
 * Prints the slope of each figure over the second half (per hour, by Theil and Sen, with its 95 % interval) as a line of JSON; the
 * exit code is 1 when one rises beyond doubt and by more than its bound, or when events are missing at the end. Memory is read after
 * a garbage collection that the test asks for. Ten minutes are the least for which slopes are judged.
 */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../bench/load/event-body.ts';
import { drain } from '../../bench/load/pipelines.ts';
import { report, rounded } from '../../bench/load/report.ts';
import { type Server, startServer } from '../../bench/load/server.ts';
import { Churn } from './churn.ts';
import { type Sample, takeSample } from './sample.ts';
import { leastOf, median, medianOf, type Point, trendOf } from './slope.ts';
import { SteadyLoad } from './steady-load.ts';

const SAMPLE_MS = 2_000;
/** Garbage is collected for one in so many samples. */
const COLLECT_EVERY = 10;
/** V8 gives pages back beside. */
const COLLECT_MS = 1_000;
/** The second half is cut into so many spans, of a minute at least: longer than the saw-teeth of the commit log and of retention. */
const SPANS = 8;
const SPAN_HOURS_MIN = 1 / 60;
/** With fewer spans a slope says nothing: it is told, and not judged. */
const SPANS_MIN = 5;
const MB = 1024 * 1024;

interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly of: (sample: Timed) => number;
  /** The most that it may rise in an hour; undefined is only told. */
  readonly perHourMax: number | undefined;
  /** A rise within the run that is less than this is noise. */
  readonly noise: number;
}

type Timed = Sample & {
  readonly at: number;
  readonly p50: number;
  readonly p99: number;
  /** Garbage was collected just before. */
  readonly collected: boolean;
};

const FIGURES: readonly Figure[] = [
  { name: 'resident memory', unit: 'MB/h', of: (s) => s.residentBytes / MB, perHourMax: 32, noise: 32 },
  { name: 'heap', unit: 'MB/h', of: (s) => s.heapBytes / MB, perHourMax: 8, noise: 8 },
  { name: 'external memory', unit: 'MB/h', of: (s) => s.externalBytes / MB, perHourMax: 8, noise: 8 },
  { name: 'state of pipelines', unit: 'MB/h', of: (s) => s.stateBytes / MB, perHourMax: 8, noise: 4 },
  { name: 'open files', unit: '1/h', of: (s) => s.openFiles, perHourMax: 8, noise: 6 },
  { name: 'disk, bounded', unit: 'MB/h', of: (s) => s.boundedDiskBytes / MB, perHourMax: 64, noise: 48 },
  { name: 'disk, topics of views', unit: 'MB/h', of: (s) => s.viewDiskBytes / MB, perHourMax: 64, noise: 64 },
  { name: 'latency p50', unit: 'ms/h', of: (s) => s.p50, perHourMax: 2, noise: 3 },
  { name: 'latency p99', unit: 'ms/h', of: (s) => s.p99, perHourMax: 20, noise: 50 },
];

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    rate: { type: 'string', default: '2000' },
    /** Seconds between two edits of a pipeline. */
    edits: { type: 'string', default: '15' },
    /** A file for the samples, one a line. */
    samples: { type: 'string' },
  },
});
const minutes = Number(values.minutes);

const isMemory = (figure: Figure): boolean => figure.name.includes('memory') || figure.name === 'heap';

function judge(figure: Figure, samples: readonly Timed[]): boolean {
  const counted = isMemory(figure) ? samples.filter(({ collected }) => collected) : samples;
  const points: readonly Point[] = counted.map((s) => ({ at: s.at, value: figure.of(s) }));
  const spanHours = Math.max(SPAN_HOURS_MIN, minutes / 60 / 2 / SPANS);
  const level = figure.unit.startsWith('ms') ? medianOf(points, spanHours) : leastOf(points, spanHours);
  const { slope: perHour, low, high } = trendOf(level);
  const span = (level.at(-1)?.at ?? 0) - (level[0]?.at ?? 0);
  const { perHourMax, noise } = figure;
  const isJudged = perHourMax !== undefined && level.length >= SPANS_MIN;
  const good = !isJudged || low <= 0 || perHour <= perHourMax || perHour * span <= noise;
  report({
    bench: `soak, ${figure.name}`,
    value: rounded(perHour),
    unit: figure.unit,
    against: perHourMax === undefined ? null : `at most ${perHourMax} ${figure.unit}, or ${noise} within the run`,
    ratio: perHourMax === undefined ? null : rounded(perHour / perHourMax),
    detail: {
      low: rounded(low),
      high: rounded(high),
      median: rounded(median(points.map(({ value }) => value))),
      spans: level.length,
      judged: isJudged,
      good,
    },
  });
  return good;
}

async function countRecords(url: string): Promise<number> {
  const answer = (await (await fetch(`${url}/api/v2/topics/events`)).json()) as {
    readonly partitions: readonly { readonly highWatermark: number }[];
  };
  return answer.partitions.reduce((sum, { highWatermark }) => sum + highWatermark, 0);
}

async function collectGarbage(server: Server): Promise<void> {
  server.process.kill('SIGUSR2');
  await new Promise((resolve) => setTimeout(resolve, COLLECT_MS));
}

async function soak(): Promise<boolean> {
  const project = mkdtempSync(join(tmpdir(), 'headrace-soak-'));
  cpSync('test/soak/project', project, { recursive: true });
  const sql = readFileSync(join(project, 'pipelines', 'soak.sql'), 'utf8');
  const source = sql.slice(sql.indexOf('CREATE SOURCE'), sql.indexOf('CREATE VIEW'));
  const nodeFlags = ['--require', resolve('test/soak/collect-garbage.cjs')];
  const server = await startServer({ command: 'dev', project, nodeFlags });
  const load = new SteadyLoad(server.port, Number(values.rate));
  const churn = new Churn({
    url: server.url,
    port: server.port,
    project,
    source,
    random: seededRandom(1),
    editEveryMs: Number(values.edits) * 1000,
  });
  const samples: Timed[] = [];
  try {
    load.start();
    churn.start();
    const startedAt = performance.now();
    const hours = (): number => (performance.now() - startedAt) / 3_600_000;
    while (hours() * 60 < minutes) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
      const collected = samples.length % COLLECT_EVERY === COLLECT_EVERY - 1;
      if (collected) await collectGarbage(server);
      const sample = { ...(await takeSample(server)), ...load.takeLatency(), at: hours(), collected };
      samples.push(sample);
      if (values.samples !== undefined) appendFileSync(values.samples, `${JSON.stringify(sample)}\n`);
    }
    churn.stop();
    load.stop();
    await drain(server);
    const records = await countRecords(server.url);
    const kept = samples.filter(({ at }) => at >= minutes / 60 / 2);
    const verdicts = FIGURES.map((figure) => judge(figure, kept));
    // An answer can be under way when the load ends: what is there may be more than what was acknowledged.
    const whole = records >= load.accepted && load.failed === 0 && churn.counts.failures === 0;
    const detail = {
      accepted: load.accepted,
      refused: load.refused,
      failed: load.failed,
      records,
      ...churn.counts,
      whole,
    };
    report({ bench: 'soak', value: minutes, unit: 'min', against: null, ratio: null, detail });
    return whole && verdicts.every((good) => good);
  } catch (error) {
    console.error(server.output());
    throw error;
  } finally {
    churn.stop();
    load.stop();
    await server.stop();
    server.removeData();
    rmSync(project, { recursive: true, force: true });
  }
}

process.exit((await soak()) ? 0 : 1);
