/**
 * Endurance: steady load while keys, windows, sessions, connections, subscribers and a pipeline come and go. Memory, open
 * files, disk and latency must stay level.
 *
 *   npm run test:soak -- --minutes 60 [--rate 2000 --edits 15 --samples FILE]
 *
 * Prints the slope of each figure (per hour, by Theil and Sen, after a warm-up) as a line of JSON; the exit code is 1 when
 * one is above its bound, or when events are missing at the end. Ten minutes are the least for which slopes are judged.
 */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../bench/load/event-body.ts';
import { drain } from '../../bench/load/pipelines.ts';
import { report, rounded } from '../../bench/load/report.ts';
import { startServer } from '../../bench/load/server.ts';
import { Churn } from './churn.ts';
import { type Sample, takeSample } from './sample.ts';
import { leastOf, median, medianOf, type Point, theilSen } from './slope.ts';
import { SteadyLoad } from './steady-load.ts';

const SAMPLE_MS = 2_000;
/** Longer than what the pipelines keep, and than the time until retention works the first time. */
const WARMUP_MINUTES_MAX = 3;
const WARMUP_PART = 0.4;
/** Longer than the saw-teeth of garbage collection, of the commit log and of retention: what each leaves is compared. */
const SPAN_HOURS = 2 / 60;
/** With fewer spans a slope says nothing: it is told, and not judged. */
const SPANS_MIN = 3;
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

type Timed = Sample & { readonly at: number; readonly p50: number; readonly p99: number };

const FIGURES: readonly Figure[] = [
  { name: 'resident memory', unit: 'MB/h', of: (s) => s.residentBytes / MB, perHourMax: 32, noise: 32 },
  { name: 'heap', unit: 'MB/h', of: (s) => s.heapBytes / MB, perHourMax: 8, noise: 8 },
  { name: 'external memory', unit: 'MB/h', of: (s) => s.externalBytes / MB, perHourMax: 8, noise: 8 },
  { name: 'state of pipelines', unit: 'MB/h', of: (s) => s.stateBytes / MB, perHourMax: 8, noise: 4 },
  { name: 'open files', unit: '1/h', of: (s) => s.openFiles, perHourMax: 8, noise: 6 },
  { name: 'disk, bounded', unit: 'MB/h', of: (s) => s.boundedDiskBytes / MB, perHourMax: 64, noise: 48 },
  { name: 'disk, changes of views', unit: 'MB/h', of: (s) => s.viewDiskBytes / MB, perHourMax: undefined, noise: 0 },
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

function judge(figure: Figure, points: readonly Point[]): boolean {
  const level = figure.unit.startsWith('ms') ? medianOf(points, SPAN_HOURS) : leastOf(points, SPAN_HOURS);
  const perHour = theilSen(level);
  const span = (level.at(-1)?.at ?? 0) - (level[0]?.at ?? 0);
  const { perHourMax, noise } = figure;
  const isJudged = perHourMax !== undefined && level.length >= SPANS_MIN;
  const good = !isJudged || perHour <= perHourMax || perHour * span <= noise;
  report({
    bench: `soak, ${figure.name}`,
    value: rounded(perHour),
    unit: figure.unit,
    against: perHourMax === undefined ? null : `at most ${perHourMax} ${figure.unit}, or ${noise} within the run`,
    ratio: perHourMax === undefined ? null : rounded(perHour / perHourMax),
    detail: { median: rounded(median(points.map(({ value }) => value))), spans: level.length, judged: isJudged, good },
  });
  return good;
}

async function countRecords(url: string): Promise<number> {
  const answer = (await (await fetch(`${url}/api/v2/topics/events`)).json()) as {
    readonly partitions: readonly { readonly highWatermark: number }[];
  };
  return answer.partitions.reduce((sum, { highWatermark }) => sum + highWatermark, 0);
}

async function soak(): Promise<boolean> {
  const project = mkdtempSync(join(tmpdir(), 'headrace-soak-'));
  cpSync('test/soak/project', project, { recursive: true });
  const sql = readFileSync(join(project, 'pipelines', 'soak.sql'), 'utf8');
  const source = sql.slice(sql.indexOf('CREATE SOURCE'), sql.indexOf('CREATE VIEW'));
  const server = await startServer({ command: 'dev', project });
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
      const sample = { ...(await takeSample(server)), ...load.takeLatency(), at: hours() };
      samples.push(sample);
      if (values.samples !== undefined) appendFileSync(values.samples, `${JSON.stringify(sample)}\n`);
    }
    churn.stop();
    load.stop();
    await drain(server);
    const records = await countRecords(server.url);
    const warm = Math.min(WARMUP_MINUTES_MAX, minutes * WARMUP_PART) / 60;
    const kept = samples.filter(({ at }) => at >= warm);
    const verdicts = FIGURES.map((figure) =>
      judge(
        figure,
        kept.map((s) => ({ at: s.at, value: figure.of(s) })),
      ),
    );
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
