import { setTimeout as sleep } from 'node:timers/promises';
import { utf8 } from '../../src/base/bytes.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Log } from '../../src/log/log.ts';
import { encodeRecordBatch } from '../../src/log/record-batch.ts';
import { LatencyHistogram } from '../load/latency.ts';
import { generateReferenceLines } from '../reference-events.ts';
import { MINUTE_US, outputTopic, replayPipeline } from './plan.ts';
import { createTopic, outputRows } from './preload.ts';

const TOPIC = 'live';
const TICK_MS = 5;

export interface LatencyRun {
  readonly latency: LatencyHistogram;
  /** From the intended time of an append to its acknowledgement. */
  readonly acknowledged: LatencyHistogram;
  readonly events: number;
}

/**
 * Appends reference events at a steady rate, a batch every 5 ms, each made durable; the latency of a batch is from the time at
 * which it was due to the first commit whose output counts all of it.
 */
export async function runLatency(
  log: Log,
  engine: Engine,
  eventsPerSecond: number,
  seconds: number,
  warmupSeconds: number,
): Promise<LatencyRun> {
  await createTopic(log, TOPIC, 1);
  const running = await engine.start(replayPipeline('latency', TOPIC, true, [MINUTE_US]));
  const perTick = Math.round((eventsPerSecond * TICK_MS) / 1000);
  const ticks = Math.round(((seconds + warmupSeconds) * 1000) / TICK_MS);
  const startMs = Date.now() - 1_000;
  const lines = [...generateReferenceLines({ seed: 7, count: perTick * ticks, startMs, stepMs: TICK_MS / perTick })];
  const latency = new LatencyHistogram();
  const acknowledged = new LatencyHistogram();
  const due: { at: number; unique: number; warm: boolean }[] = [];
  const ids = new Set<string>();
  const counted = new Map<string, number>();
  let total = 0;
  let read = 0;
  let seen = 0;
  const topic = outputTopic(MINUTE_US);
  const look = (): void => {
    const end = log.bounds(topic, 0).highWatermark;
    if (end === read) return;
    for (const { name, row } of outputRows(log, topic, read)) {
      total += row.count - (counted.get(name) ?? 0);
      counted.set(name, row.count);
    }
    read = end;
    const now = performance.now();
    for (; seen < due.length && due[seen]!.unique <= total; seen++) {
      if (due[seen]!.warm) latency.record(now - due[seen]!.at);
    }
  };
  const unsubscribe = log.onCommit(look);
  const begin = performance.now() + 20;
  let last: Promise<void> = Promise.resolve();
  for (let tick = 0; tick < ticks; tick++) {
    const at = begin + tick * TICK_MS;
    const wait = at - performance.now();
    if (wait > 0) await sleep(wait);
    const batch = lines.slice(tick * perTick, (tick + 1) * perTick);
    for (const line of batch) ids.add(line.slice(13, 49));
    const warm = tick * TICK_MS >= warmupSeconds * 1000;
    due.push({ at, unique: ids.size, warm });
    const records = batch.map((line) => ({ key: null, value: utf8(line.trimEnd()), timestamp: Date.now() }));
    const commit = log.commit({ appends: [{ topic: TOPIC, partition: 0, ...encodeRecordBatch(records) }], puts: [] });
    last = commit.then(() => {
      if (warm) acknowledged.record(performance.now() - at);
    });
  }
  await last;
  await running.idle();
  look();
  unsubscribe();
  const { lateRows, duplicateRows } = running.status();
  await running.stop({ snapshot: false });
  if (seen < due.length) {
    throw new Error(
      `measuring latency: ${ids.size - total} events never showed in the output (${lateRows} late, ${duplicateRows} repeated)`,
    );
  }
  return { latency, acknowledged, events: lines.length };
}
