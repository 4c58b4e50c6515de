import type { HttpServices } from './services.ts';
import type { ThroughputTotals } from './throughput.ts';

/** What has come in so far, by whatever door or source: the ends of all topics that no pipeline writes. */
export function readTotals(services: HttpServices): ThroughputTotals {
  const written = new Set<string>();
  let lagRecords = 0;
  for (const running of services.pipelines()) {
    lagRecords += running.status().lagRecords;
    for (const output of running.pipeline.outputs) written.add(output.topic);
  }
  let records = 0;
  let bytes = 0;
  for (const { name, partitions } of services.log.topics()) {
    if (name.startsWith('_') || written.has(name)) continue;
    for (let partition = 0; partition < partitions; partition++) {
      const bounds = services.log.bounds(name, partition);
      records += bounds.highWatermark;
      bytes += bounds.bytes;
    }
  }
  return { records, bytes, lagRecords };
}
