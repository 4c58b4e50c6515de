import { parentPort } from 'node:worker_threads';
import { offset } from '../../base/brand.ts';
import { openPartitionReader } from '../../log/partition-reader.ts';
import type { ScanJob } from './message.ts';
import { runScanJob } from './scan-job.ts';

/** A thread that scans segments for queries. */
parentPort?.on('message', (job: ScanJob) => {
  const report = runScanJob(job, (partition, from) =>
    openPartitionReader(job.view, job.topic, partition, offset(from)),
  );
  parentPort?.postMessage(report);
});
