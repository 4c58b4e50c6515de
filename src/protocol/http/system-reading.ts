import { DEAD_LETTER_TOPIC } from '../../log/dead-letter.ts';
import type { Log } from '../../log/log.ts';
import { endToEndMs } from './end-to-end.ts';
import type { HttpServices } from './services.ts';

/** Running totals and present levels of the whole process. */
export interface SystemReading {
  /** What has come in, by whatever door or source: the ends of all topics that no pipeline writes. */
  readonly records: number;
  readonly bytes: number;
  /** Records that pipelines have decoded. */
  readonly processed: number;
  readonly deadLetters: number;
  readonly lagRecords: number;
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  readonly fsyncP99Ms: number;
  readonly memoryBytes: number;
}

export function readSystem(services: HttpServices): SystemReading {
  const { log } = services;
  const written = new Set<string>();
  let lagRecords = 0;
  let processed = 0;
  for (const running of services.pipelines()) {
    const status = running.status();
    lagRecords += status.lagRecords;
    for (const operator of status.operators) if (operator.kind === 'source') processed += operator.rowsOut;
    for (const output of running.pipeline.outputs) written.add(output.topic);
  }
  let records = 0;
  let bytes = 0;
  for (const { name } of log.topics()) {
    if (name.startsWith('_') || written.has(name)) continue;
    const ends = endsOf(log, name);
    records += ends.records;
    bytes += ends.bytes;
  }
  return {
    records,
    bytes,
    processed,
    deadLetters: endsOf(log, DEAD_LETTER_TOPIC).records,
    lagRecords,
    latencyMs: endToEndMs(services.metrics.snapshot()),
    fsyncP99Ms: log.stats().fsyncMs.p99,
    memoryBytes: process.memoryUsage.rss(),
  };
}

function endsOf(log: Log, topic: string): { readonly records: number; readonly bytes: number } {
  let records = 0;
  let bytes = 0;
  const partitions = log.topic(topic)?.partitions ?? 0;
  for (let partition = 0; partition < partitions; partition++) {
    const bounds = log.bounds(topic, partition);
    records += bounds.highWatermark;
    bytes += bounds.bytes;
  }
  return { records, bytes };
}
