import type { LoadReport } from '../../../bench/load/http-load.ts';
import { drain } from '../../../bench/load/pipelines.ts';
import { rounded } from '../../../bench/load/report.ts';
import { runLoad } from '../../../bench/load/run-load.ts';
import { type Server, startServer } from '../../../bench/load/server.ts';
import { check, type Fault } from '../fault.ts';
import { query } from '../invariant.ts';

const PROJECT = 'bench/projects/pipeline';
const EVENTS_PER_BODY = 200;
/** The generator repeats one id in each hundred. */
const UNIQUE_PART = 0.99;
/** Each has one request under way: the sustained rate is measured with few, and overload comes from many. */
const SUSTAINED_CONNECTIONS = 64;
const CONNECTIONS = 768;
const SECONDS = 4;
const WARMUP_SECONDS = 1;
/** p99 of what is accepted at twice the sustained rate, against that at 80 % of it; below the floor no ratio is asked for. */
const SLOWER_FACTOR = 4;
const SLOWER_FLOOR_MS = 200;
/** The same for half the rate, from one second after the overload, against half the rate before it. */
const AFTER_FACTOR = 2;
const AFTER_FLOOR_MS = 50;

/** Twice as much as can be made durable, from many connections: what is accepted is not slow, and the rest is told at once. */
export const overload: Fault = {
  name: 'overload',
  does: 'twice the sustained rate: accepted requests stay quick, the others get 429 with Retry-After; afterwards all is as before',
  rounds: 1,
  async run({ rounds }) {
    const server = await startServer({ project: PROJECT });
    try {
      let detail: Readonly<Record<string, unknown>> = {};
      for (let round = 0; round < rounds; round++) detail = await overloaded(server, round);
      return detail;
    } finally {
      await server.stop();
      server.removeData();
    }
  },
};

async function overloaded(server: Server, round: number): Promise<Readonly<Record<string, unknown>>> {
  let phase = round * 10;
  let accepted = await countRecords(server);
  const load = async (eventsPerSecond: number | undefined, connections = CONNECTIONS): Promise<LoadReport> => {
    const report = await runLoad({
      port: server.port,
      path: '/api/v2/ingest/events',
      connections,
      eventsPerBody: EVENTS_PER_BODY,
      seconds: SECONDS,
      warmupSeconds: WARMUP_SECONDS,
      firstEvent: ++phase * 1e9,
      ...(eventsPerSecond !== undefined && { eventsPerSecond }),
    });
    check(report.failures === 0, `requests failed: ${report.firstFailure}`);
    accepted += report.accepted;
    return report;
  };
  const sustained = (await load(undefined, SUSTAINED_CONNECTIONS)).eventsPerSecond;
  const before = await load(0.5 * sustained);
  const high = await load(0.8 * sustained);
  const twice = await load(2 * sustained);
  const after = await load(0.5 * sustained);
  await drain(server);
  const detail = {
    sustainedEventsPerSecond: sustained,
    acceptedEventsPerSecond: twice.eventsPerSecond,
    halfMs: before.latencyMs,
    highMs: high.latencyMs,
    twiceMs: twice.latencyMs,
    refusedMs: twice.refusedMs,
    afterMs: after.latencyMs,
    slower: rounded(twice.latencyMs.p99 / high.latencyMs.p99),
    accepted,
  };
  const text = JSON.stringify(detail);
  check(twice.refusedBusy > 0, `nothing was refused: the test shows nothing: ${text}`);
  check(twice.refusedWithoutRetryAfter === 0, 'refusals do not say when to come back');
  const bearable = Math.max(SLOWER_FACTOR * high.latencyMs.p99, SLOWER_FLOOR_MS);
  check(twice.latencyMs.p99 <= bearable, `what is accepted at twice the rate is slow: ${text}`);
  check(twice.refusedMs.p99 <= bearable, `refusals are slow: ${text}`);
  check(after.refusedBusy === 0, `half the rate is refused after the overload: ${text}`);
  const usual = Math.max(AFTER_FACTOR * before.latencyMs.p99, AFTER_FLOOR_MS);
  check(after.latencyMs.p99 <= usual, `half the rate is slow after the overload: ${text}`);
  await checkOnce(server, accepted);
  return detail;
}

/** What was acknowledged is in the topic, nothing else, and each event is in one window. */
async function checkOnce(server: Server, accepted: number): Promise<void> {
  const inTopic = await countRecords(server);
  check(inTopic === accepted, `${accepted} events were acknowledged, the topic has ${inTopic}`);
  const { rows } = await query(server.url, 'SELECT CAST(sum(events) AS bigint) FROM events_1h');
  const counted = Number(rows[0]?.[0]);
  const expected = Math.round(accepted * UNIQUE_PART);
  check(counted === expected, `the windows count ${counted} events, not ${expected}`);
}

async function countRecords(server: Server): Promise<number> {
  const answer = (await (await fetch(`${server.url}/api/v2/topics/events`)).json()) as {
    readonly partitions: readonly { readonly highWatermark: number }[];
  };
  return answer.partitions.reduce((sum, { highWatermark }) => sum + highWatermark, 0);
}
