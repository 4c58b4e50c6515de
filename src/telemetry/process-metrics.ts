import { readdirSync, statfsSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricRegistry } from './metrics.ts';

/** What the process's figures are read from; a parameter, so that a test can stand in for the system. */
export interface ProcessProbe {
  cpuSeconds(): number;
  memory(): { readonly rss: number; readonly heapUsed: number; readonly heapTotal: number; readonly external: number };
  /** Undefined where the system does not tell. */
  openFiles(): number | undefined;
  disk(path: string): { readonly freeBytes: number; readonly totalBytes: number } | undefined;
  uptimeSeconds(): number;
}

export const systemProbe: ProcessProbe = {
  cpuSeconds() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
  memory: () => process.memoryUsage(),
  openFiles() {
    try {
      return readdirSync('/proc/self/fd').length;
    } catch {
      return undefined;
    }
  },
  disk(path) {
    try {
      const { bavail, blocks, bsize } = statfsSync(path);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    } catch {
      return undefined;
    }
  },
  uptimeSeconds: () => process.uptime(),
};

/**
 * Registers CPU, memory, event-loop lag, open files and the data directory's disk under the names that Prometheus's
 * own client libraries use; read at each scrape. The returned function stops the event-loop monitor.
 */
export function collectProcessMetrics(
  metrics: MetricRegistry,
  dataDir: string,
  probe: ProcessProbe = systemProbe,
): () => void {
  const cpu = metrics.counter('process_cpu_seconds_total', 'User and system CPU time, seconds');
  const rss = metrics.gauge('process_resident_memory_bytes', 'Resident memory');
  const heapUsed = metrics.gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use');
  const heapTotal = metrics.gauge('nodejs_heap_size_total_bytes', 'JavaScript heap reserved');
  const external = metrics.gauge(
    'nodejs_external_memory_bytes',
    'Memory outside the heap that JavaScript objects hold',
  );
  const lag = metrics.gauge('nodejs_eventloop_lag_p99_seconds', 'Event loop delay since the last scrape, p99');
  const lagMax = metrics.gauge('nodejs_eventloop_lag_max_seconds', 'Event loop delay since the last scrape, largest');
  const files = metrics.gauge('process_open_fds', 'Open file descriptors');
  const uptime = metrics.gauge('headrace_uptime_seconds', 'Seconds since the process started');
  const diskFree = metrics.gauge('headrace_disk_free_bytes', 'Free space on the disk of the data directory');
  const diskTotal = metrics.gauge('headrace_disk_size_bytes', 'Size of the disk of the data directory');
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let cpuSeen = 0;
  metrics.onCollect(() => {
    const cpuNow = probe.cpuSeconds();
    cpu.add(cpuNow - cpuSeen);
    cpuSeen = cpuNow;
    const memory = probe.memory();
    rss.set(memory.rss);
    heapUsed.set(memory.heapUsed);
    heapTotal.set(memory.heapTotal);
    external.set(memory.external);
    lag.set(delay.percentile(99) / 1e9);
    lagMax.set(delay.max / 1e9);
    delay.reset();
    uptime.set(probe.uptimeSeconds());
    const open = probe.openFiles();
    if (open !== undefined) files.set(open);
    const disk = probe.disk(dataDir);
    if (disk !== undefined) {
      diskFree.set(disk.freeBytes);
      diskTotal.set(disk.totalBytes);
    }
  });
  return () => delay.disable();
}
