import { offset } from '../../base/brand.ts';
import { HeadraceError, messageOf } from '../../base/error.ts';
import { Kernel } from '../../kernel/kernel.ts';
import type { PartitionReader } from '../../log/log.ts';
import type { AggregateNode } from '../../plan/node.ts';
import { deserializePlan } from '../../plan/pipeline-text.ts';
import { SCAN_MEMORY_BYTES_MAX } from '../limits.ts';
import { ChainScan } from './chain-scan.ts';
import { CONTROL, type ScanJob, type ScanReport } from './message.ts';
import { columnsAggregated } from './scan-plan.ts';
import { RangeScan } from './scan-range.ts';
import { TopicAggregation } from './topic-aggregation.ts';

/** Takes ranges of a scan, one after the other, until none is left or the scan is stopped. */
export function runScanJob(job: ScanJob, open: (partition: number, from: number) => PartitionReader): ScanReport {
  const { id, topic, fields, nowMs, ranges } = job;
  try {
    const aggregate = deserializePlan(job.plan) as AggregateNode;
    const kernel = Kernel.create({ memoryBytesMax: SCAN_MEMORY_BYTES_MAX });
    const aggregation = new TopicAggregation(kernel, aggregate, nowMs);
    const chain = { topic, fields, top: aggregate.input, wanted: columnsAggregated(aggregate), nowMs };
    const scan = new RangeScan(kernel, new ChainScan(kernel, chain, aggregation));
    const control = new Int32Array(job.control);
    const stopped = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;
    while (!stopped()) {
      const range = ranges[Atomics.add(control, CONTROL.nextRange, 1)];
      if (range === undefined) break;
      const reader = open(range.partition, offset(range.from));
      try {
        scan.read(reader, range, stopped);
      } finally {
        reader.close();
      }
    }
    return { kind: 'done', id, partials: aggregation.partials(), newestMs: scan.newestMs };
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error;
    const { code, domain, retryable } = error;
    return { kind: 'failed', id, code, domain, message: messageOf(error), retryable };
  }
}
