import { HeadraceError, messageOf } from '../../base/error.ts';
import { Kernel } from '../../kernel/kernel.ts';
import type { PartitionReader } from '../../log/log.ts';
import type { AggregateNode } from '../../plan/node.ts';
import { deserializePlan } from '../../plan/pipeline-text.ts';
import { SCAN_MEMORY_BYTES_MAX } from '../limits.ts';
import { BestRows } from './best-rows.ts';
import { ChainScan } from './chain-scan.ts';
import { CONTROL, type ScanJob, type ScanReport } from './message.ts';
import { RowCollector, type RowsBlock } from './row-collector.ts';
import type { ScanPartial } from './scan-partial.ts';
import { columnsAggregated } from './scan-plan.ts';
import { RangeScan } from './scan-range.ts';
import { TopicAggregation } from './topic-aggregation.ts';

export interface ScanDoor {
  open(partition: number, from: number): PartitionReader;
  /** Hands over rows; waits until they can be taken. */
  emit(block: RowsBlock): void;
}

/** Takes ranges of a scan, one after the other, until none is left or the scan is stopped. */
export function runScanJob(job: ScanJob, door: ScanDoor): ScanReport {
  const { id, ranges } = job;
  try {
    const kernel = Kernel.create({ memoryBytesMax: SCAN_MEMORY_BYTES_MAX });
    const { chain, finish } = job.wanted === undefined ? aggregateScan(kernel, job) : rowScan(kernel, job, door);
    const scan = new RangeScan(kernel, chain);
    const control = new Int32Array(job.control);
    const stopped = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;
    while (!stopped()) {
      const range = ranges[Atomics.add(control, CONTROL.nextRange, 1)];
      if (range === undefined) break;
      const reader = door.open(range.partition, range.from);
      try {
        scan.read(reader, range, stopped);
      } finally {
        reader.close();
      }
    }
    return { kind: 'done', id, partials: finish(), newestMs: scan.newestMs };
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error;
    const { code, domain, retryable } = error;
    return { kind: 'failed', id, code, domain, message: messageOf(error), retryable };
  }
}

interface ScanWork {
  readonly chain: ChainScan;
  /** Ends the scan: what it found, if it aggregates. */
  readonly finish: () => readonly ScanPartial[];
}

function aggregateScan(kernel: Kernel, job: ScanJob): ScanWork {
  const { topic, fields, nowMs } = job;
  const aggregate = deserializePlan(job.plan) as AggregateNode;
  const aggregation = new TopicAggregation(kernel, aggregate, nowMs);
  const wanted = columnsAggregated(aggregate);
  const chain = new ChainScan(kernel, { topic, fields, top: aggregate.input, wanted, nowMs }, aggregation);
  return { chain, finish: () => aggregation.partials() };
}

function rowScan(kernel: Kernel, job: ScanJob, door: ScanDoor): ScanWork {
  const { topic, fields, nowMs, wanted = [] } = job;
  const plan = deserializePlan(job.plan);
  const top = plan.kind === 'sort' ? plan.input : plan;
  const collector = new RowCollector(kernel, top.columns, wanted, (block) => door.emit(block));
  const best =
    plan.kind === 'sort' && job.best !== undefined
      ? new BestRows(kernel, plan, { count: job.best, wanted, nowUs: BigInt(nowMs) * 1000n, next: collector })
      : undefined;
  const chain = new ChainScan(kernel, { topic, fields, top, wanted: new Set(wanted), nowMs }, best ?? collector);
  return {
    chain,
    finish() {
      best?.finish();
      collector.flush();
      return [];
    },
  };
}
