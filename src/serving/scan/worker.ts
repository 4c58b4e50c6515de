import { parentPort } from 'node:worker_threads';
import { offset } from '../../base/brand.ts';
import { openPartitionReader } from '../../log/partition-reader.ts';
import { SCAN_BLOCKS_AHEAD_MAX } from '../limits.ts';
import { CONTROL, type ScanJob, type ScanMessage } from './message.ts';
import type { RowsBlock } from './row-collector.ts';
import { runScanJob } from './scan-job.ts';

/** A thread that scans segments for queries. */
function post(message: ScanMessage): void {
  parentPort?.postMessage(message);
}

/** Waits while more blocks are on their way than may be: memory is bounded whatever the speed of the one who takes them. */
function send(job: ScanJob, block: RowsBlock): void {
  const control = new Int32Array(job.control);
  post({ kind: 'rows', id: job.id, block });
  Atomics.add(control, CONTROL.blocksSent, 1);
  while (Atomics.load(control, CONTROL.stop) === 0) {
    const taken = Atomics.load(control, CONTROL.blocksTaken);
    if (Atomics.load(control, CONTROL.blocksSent) - taken <= SCAN_BLOCKS_AHEAD_MAX) return;
    Atomics.wait(control, CONTROL.blocksTaken, taken);
  }
}

parentPort?.on('message', (job: ScanJob) => {
  post(
    runScanJob(job, {
      open: (partition, from) => openPartitionReader(job.view, job.topic, partition, offset(from)),
      emit: (block) => send(job, block),
    }),
  );
});
