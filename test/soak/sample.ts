/** What is measured of the process now and then. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from '../../bench/load/server.ts';

export interface Sample {
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** State of operators: WebAssembly memory in use, for the most part. */
  readonly stateBytes: number;
  readonly openFiles: number;
  /** Inputs, commit log, snapshots: what retention, checkpoints and newer snapshots bound. */
  readonly boundedDiskBytes: number;
  /** Topics of views, which are compacted. */
  readonly viewDiskBytes: number;
}

export async function takeSample(server: Server): Promise<Sample> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const total = bytesUnder(server.dataDir);
  const input = bytesUnder(join(server.dataDir, 'topics', 'events'));
  const topics = bytesUnder(join(server.dataDir, 'topics'));
  return {
    residentBytes: metric(text, 'process_resident_memory_bytes'),
    heapBytes: metric(text, 'nodejs_heap_size_used_bytes'),
    externalBytes: metric(text, 'nodejs_external_memory_bytes'),
    stateBytes: metric(text, 'headrace_pipeline_state_bytes'),
    openFiles: readdirSync(`/proc/${server.process.pid}/fd`).length,
    boundedDiskBytes: total - topics + input,
    viewDiskBytes: topics - input,
  };
}

/** The sum over its labels. */
function metric(text: string, name: string): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

/** Blocks that files take, as far as they do not go while they are counted. */
function bytesUnder(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      bytes += entry.isDirectory() ? bytesUnder(path) : statSync(path).blocks * 512;
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return bytes;
}
