import type { Log } from '../log/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';

const FSYNC_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Registers the time of fsyncs; what it returns is given to `openLog`. */
export function fsyncMeter(metrics: MetricRegistry): (elapsedMs: number) => void {
  const seconds = metrics.histogram('headrace_log_fsync_seconds', 'Time of the fsync of a round', FSYNC_BUCKETS);
  return (elapsedMs) => seconds.observe(elapsedMs / 1000);
}

/** Registers the size of the log and of its topics; read at each scrape. */
export function collectLogMetrics(metrics: MetricRegistry, log: Log): void {
  const rounds = metrics.counter('headrace_log_rounds_total', 'Rounds committed');
  const written = metrics.counter('headrace_log_written_bytes_total', 'Bytes made durable');
  const pending = metrics.gauge('headrace_log_pending_bytes', 'Bytes that wait for a round');
  const full = metrics.gauge('headrace_log_disk_full', '1 while the disk is full and writes are refused');
  const size = metrics.gauge('headrace_topic_size_bytes', 'Bytes of a topic on disk', ['topic']);
  const records = metrics.gauge('headrace_topic_records', 'Offsets from the start to the end of a topic', ['topic']);
  let seen = { rounds: 0, bytesWritten: 0 };
  metrics.onCollect(() => {
    const stats = log.stats();
    rounds.add(stats.rounds - seen.rounds);
    written.add(stats.bytesWritten - seen.bytesWritten);
    seen = stats;
    pending.set(log.pendingBytes());
    full.set(stats.diskFull ? 1 : 0);
    for (const { name, partitions } of log.topics()) {
      let bytes = 0;
      let kept = 0;
      for (let partition = 0; partition < partitions; partition++) {
        const bounds = log.bounds(name, partition);
        bytes += bounds.bytes;
        kept += bounds.highWatermark - bounds.logStart;
      }
      size.set(bytes, { topic: name });
      records.set(kept, { topic: name });
    }
  });
}
