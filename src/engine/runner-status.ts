import { epoch as epochOf, timestampUs } from '../base/brand.ts';
import type { HeadraceError } from '../base/error.ts';
import type { PipelineState, PipelineStatus, SnapshotStatus } from './engine.ts';
import type { SnapshotPointer } from './task/journal.ts';
import type { TaskReport } from './task/task-status.ts';

/** What is known of one task on the main thread. */
export interface RunnerFacts {
  readonly name: string;
  readonly state: PipelineState;
  /** Of the last epoch that is durable. */
  readonly epoch: number;
  readonly error: HeadraceError | undefined;
  readonly lagRecords: number;
  /** What the last epochs took. */
  readonly epochMs: readonly number[];
  /** What the task said of itself last. */
  readonly report: TaskReport | undefined;
  readonly snapshot: SnapshotPointer | undefined;
  readonly memoryBytesMax: number;
}

/** The status of a pipeline, or of one task of it. Pure. */
export function runnerStatus({ epochMs, report, snapshot, ...facts }: RunnerFacts): PipelineStatus {
  const operators = report?.operators ?? [];
  const sorted = [...epochMs].sort((a, b) => a - b);
  const quantile = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  return {
    ...facts,
    epoch: epochOf(facts.epoch),
    watermark: stamp(report?.watermark),
    operators: operators.map((operator) => ({
      ...operator,
      watermark: stamp(operator.watermark),
      waitsFor: stamp(operator.waitsFor),
    })),
    inputs: (report?.inputs ?? []).map((input) => ({ ...input, watermark: stamp(input.watermark) })),
    edges: report?.edges ?? [],
    lateRows: report?.lateRows ?? 0,
    duplicateRows: report?.duplicateRows ?? 0,
    forgottenRows: report?.forgottenRows ?? 0,
    epochMs: { p50: quantile(0.5), p99: quantile(0.99) },
    stateBytes: operators.reduce((sum, operator) => sum + operator.stateBytes, 0),
    stateKeys: operators.reduce((sum, operator) => sum + operator.stateKeys, 0),
    snapshotEpoch: snapshot === undefined ? undefined : epochOf(snapshot.epoch),
    snapshot: snapshot === undefined ? undefined : snapshotStatus(snapshot),
    memoryBytes: report?.memoryBytes ?? 0,
  };
}

function stamp(text: string | undefined): PipelineStatus['watermark'] {
  return text === undefined ? undefined : timestampUs(BigInt(text));
}

function snapshotStatus({ epoch, takenAtMs, bytes, before = [] }: SnapshotPointer): SnapshotStatus {
  const total = before.reduce((sum, file) => sum + file.bytes, bytes);
  return { epoch: epochOf(epoch), takenAtMs, files: before.length + 1, bytes: total, writtenBytes: bytes };
}
