/** What the server says of its pipelines. */
import type { Server } from './server.ts';

export interface PipelineReport {
  readonly lagRecords: number;
  readonly lateRows: number;
  readonly duplicateRows: number;
  readonly epoch: number;
  readonly snapshotEpoch: number | null;
  readonly epochMs: { readonly p50: number; readonly p99: number };
}

export async function pipelinesOf(server: Pick<Server, 'url'>): Promise<readonly PipelineReport[]> {
  const answer = (await (await fetch(`${server.url}/api/v2/pipelines`)).json()) as {
    readonly pipelines: readonly PipelineReport[];
  };
  return answer.pipelines;
}

export async function lagOf(server: Pick<Server, 'url'>): Promise<number> {
  return (await pipelinesOf(server)).reduce((sum, pipeline) => sum + pipeline.lagRecords, 0);
}

/** Waits until everything has been read; seconds. */
export async function drain(server: Pick<Server, 'url'>): Promise<number> {
  const from = performance.now();
  while ((await lagOf(server)) > 0) await new Promise((done) => setTimeout(done, 10));
  return (performance.now() - from) / 1000;
}
