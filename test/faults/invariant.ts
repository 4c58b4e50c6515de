/** What holds after every fault: acknowledged events are in the log once, and every window equals a batch over the log. */
import { systemClock } from '../../src/base/clock.ts';
import { DEAD_LETTER_TOPIC } from '../../src/log/dead-letter.ts';
import { openLog } from '../../src/log/open.ts';
import { until } from './fault.ts';
import { expectedWindows, leftOut, readValues, type WindowRow } from './oracle.ts';

const IDLE_MS_MAX = 60_000;
const WINDOWS = [
  { view: 'events_1m', seconds: 60 },
  { view: 'events_5m', seconds: 300 },
  { view: 'events_1h', seconds: 3600 },
];

interface PipelinesAnswer {
  readonly pipelines: readonly { readonly lagRecords: number; readonly state: string; readonly error?: unknown }[];
}

export async function pipelinesOf(url: string): Promise<PipelinesAnswer['pipelines']> {
  return ((await (await fetch(`${url}/api/v2/pipelines`)).json()) as PipelinesAnswer).pipelines;
}

export async function waitIdle(url: string): Promise<void> {
  let last = '';
  await until(
    'the pipeline to have read everything',
    IDLE_MS_MAX,
    async () => {
      const pipelines = await pipelinesOf(url);
      last = JSON.stringify(pipelines).slice(0, 2_000);
      return (pipelines.length > 0 && pipelines.every((p) => p.state === 'running' && p.lagRecords === 0)) || undefined;
    },
    () => last,
  );
}

interface QueryAnswer {
  readonly rows: readonly (readonly [string, string, string, number | string, number])[];
  readonly freshness: { readonly lagRecords: number };
}

/** @throws Error when the query is not answered */
export async function query(url: string, sql: string): Promise<QueryAnswer> {
  const response = await fetch(`${url}/api/v2/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  const answer = (await response.json()) as QueryAnswer;
  if (response.status !== 200) throw new Error(`querying: ${sql}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

export type ViewRows = ReadonlyMap<string, readonly string[]>;

/** The rows of every view, once every acknowledged event is in it. */
export async function viewRows(url: string): Promise<ViewRows> {
  const rows = new Map<string, readonly string[]>();
  for (const { view } of WINDOWS) rows.set(view, canonical(await tableRows(url, view)));
  return rows;
}

async function tableRows(url: string, view: string): Promise<WindowRow[]> {
  const sql = `SELECT window_start, event_type, source, events, amount FROM ${view}`;
  const answer = await until(`view ${view} to be without lag`, IDLE_MS_MAX, async () => {
    const found = await query(url, sql);
    return found.freshness.lagRecords === 0 ? found : undefined;
  });
  return answer.rows.map(([start, type, source, events, amount]) => ({
    window_start: new Date(start).toISOString(),
    event_type: type,
    source,
    events: Number(events),
    amount,
  }));
}

/** Sorted text of the rows; sums to the cent, since the oracle sums decimals. */
function canonical(rows: readonly WindowRow[]): string[] {
  return rows.map((r) => `${r.window_start} ${r.event_type} ${r.source} ${r.events} ${r.amount.toFixed(2)}`).sort();
}

function assertSame(what: string, actual: readonly string[], expected: readonly string[]): void {
  const missing = expected.filter((row) => !actual.includes(row));
  const extra = actual.filter((row) => !expected.includes(row));
  if (missing.length === 0 && extra.length === 0 && actual.length === expected.length) return;
  const some = (rows: readonly string[]) => JSON.stringify(rows.slice(0, 5));
  throw new Error(`${what}: missing ${some(missing)}, not expected ${some(extra)}`);
}

function assertOnce(acknowledged: readonly string[], values: readonly string[]): void {
  const inLog = countsOf(values.map((value) => /"event_id":"([^"]+)"/.exec(value)?.[1] ?? ''));
  for (const [id, count] of countsOf(acknowledged)) {
    const found = inLog.get(id) ?? 0;
    if (found !== count) throw new Error(`event ${id}: acknowledged ${count} times, in the log ${found} times`);
  }
  if (values.length !== acknowledged.length) {
    throw new Error(`the log holds ${values.length} events, ${acknowledged.length} were acknowledged`);
  }
}

function countsOf(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

export interface Checked {
  readonly events: number;
  /** Rows that came too late for a window, after waiting for the process to come back. */
  readonly late: number;
  /** Rows that were ahead of the clock of the process. */
  readonly future: number;
}

/** Reads the log of a process that has stopped, and compares. @throws Error */
export async function checkLog(dataDir: string, acknowledged: readonly string[], rows: ViewRows): Promise<Checked> {
  const log = await openLog({ dataDir, clock: systemClock });
  const values = readValues(log.view(), 'events', 0);
  const deadLetters = readValues(log.view(), DEAD_LETTER_TOPIC, 0);
  await log.close();
  assertOnce(acknowledged, values);
  let late = 0;
  let future = 0;
  for (const { view, seconds } of WINDOWS) {
    // A request that is sent again after a restart can come too late for its window.
    const without = leftOut(deadLetters, `aggregate:${view}`);
    late = Math.max(late, without.late.size);
    future = without.future.size;
    assertSame(view, rows.get(view) ?? [], canonical(await expectedWindows(values, seconds, without)));
  }
  return { events: values.length, late, future };
}
