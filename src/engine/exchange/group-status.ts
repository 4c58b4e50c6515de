import { epoch } from '../../base/brand.ts';
import type { OperatorStatus, PipelineState, PipelineStatus, SnapshotStatus } from '../engine.ts';
import type { StagePlan } from './stage-plan.ts';

/** The worst first: that of one task is that of the pipeline. */
const RANKS: Readonly<Record<PipelineState, number>> = {
  failed: 0,
  retrying: 1,
  paused: 2,
  recovering: 3,
  running: 4,
  stopped: 5,
};

/** One status for the tasks of a pipeline, by stage: sums over the tasks, and the least of what they wait for. */
export function groupStatus(
  name: string,
  stages: readonly (readonly PipelineStatus[])[],
  plan: StagePlan,
): PipelineStatus {
  const all = stages.flat();
  const sum = (of: (status: PipelineStatus) => number): number => all.reduce((total, status) => total + of(status), 0);
  const worst = all.reduce<PipelineState>(
    (least, { state }) => (RANKS[state] < RANKS[least] ? state : least),
    'stopped',
  );
  const snapshots = all.flatMap(({ snapshotEpoch }) => (snapshotEpoch === undefined ? [] : [Number(snapshotEpoch)]));
  const ids = new StageIds();
  const operators = stages.flatMap((tasks, stage) => mergedOperators(tasks, (id) => ids.of(stage, id)));
  const edges = stages.flatMap((tasks, stage) => mergedEdges(tasks, (id) => ids.of(stage, id)));
  const last = stages.at(-1)!;
  return {
    ...all[0]!,
    name,
    state: worst,
    epoch: epoch(Math.max(...all.map((status) => Number(status.epoch)))),
    error: all.find((status) => status.error !== undefined)?.error,
    lagRecords: sum((status) => status.lagRecords),
    watermark: least(last.map((status) => status.watermark)),
    operators,
    inputs: stages[0]!.flatMap((status) => status.inputs),
    edges: [...edges, ...exchanged(plan, operators, ids)],
    lateRows: sum((status) => status.lateRows),
    duplicateRows: sum((status) => status.duplicateRows),
    forgottenRows: sum((status) => status.forgottenRows),
    epochMs: {
      p50: Math.max(...all.map(({ epochMs }) => epochMs.p50)),
      p99: Math.max(...all.map(({ epochMs }) => epochMs.p99)),
    },
    stateBytes: sum((status) => status.stateBytes),
    stateKeys: sum((status) => status.stateKeys),
    snapshotEpoch: snapshots.length < all.length ? undefined : epoch(Math.min(...snapshots)),
    snapshot: mergedSnapshot(all),
    memoryBytes: sum((status) => status.memoryBytes),
    memoryBytesMax: sum((status) => status.memoryBytesMax),
  };
}

/** What a recovery of all tasks would read; undefined while one has no snapshot. */
function mergedSnapshot(tasks: readonly PipelineStatus[]): SnapshotStatus | undefined {
  const snapshots = tasks.flatMap(({ snapshot }) => (snapshot === undefined ? [] : [snapshot]));
  if (snapshots.length < tasks.length) return undefined;
  const sum = (of: (snapshot: SnapshotStatus) => number): number =>
    snapshots.reduce((total, one) => total + of(one), 0);
  const taken = snapshots.flatMap(({ takenAtMs }) => (takenAtMs === undefined ? [] : [takenAtMs]));
  return {
    epoch: epoch(Math.min(...snapshots.map((snapshot) => Number(snapshot.epoch)))),
    takenAtMs: taken.length === 0 ? undefined : Math.min(...taken),
    files: sum(({ files }) => files),
    bytes: sum(({ bytes }) => bytes),
    writtenBytes: sum(({ writtenBytes }) => writtenBytes),
  };
}

/** Ids of operators over all stages: two stages may have one of the same. */
class StageIds {
  readonly #stages = new Map<string, number>();

  of(stage: number, id: string): string {
    const first = this.#stages.get(id) ?? stage;
    this.#stages.set(id, first);
    return first === stage ? id : `${id}@${stage}`;
  }
}

function least<Value extends bigint>(values: readonly (Value | undefined)[]): Value | undefined {
  let found: Value | undefined;
  for (const value of values) {
    if (value === undefined) return undefined;
    if (found === undefined || value < found) found = value;
  }
  return found;
}

function mergedOperators(tasks: readonly PipelineStatus[], idOf: (id: string) => string): readonly OperatorStatus[] {
  const merged = new Map<string, OperatorStatus>();
  for (const { operators } of tasks) {
    for (const operator of operators) {
      const id = idOf(operator.id);
      const known = merged.get(id);
      merged.set(id, known === undefined ? { ...operator, id } : added(known, operator));
    }
  }
  return [...merged.values()];
}

function added(one: OperatorStatus, other: OperatorStatus): OperatorStatus {
  const waits = [one.waitsFor, other.waitsFor].filter((time) => time !== undefined);
  const waiting = (one.waitingRows ?? 0) + (other.waitingRows ?? 0);
  return {
    ...one,
    rowsIn: one.rowsIn + other.rowsIn,
    rowsOut: one.rowsOut + other.rowsOut,
    watermark: least([one.watermark, other.watermark]),
    waitsFor: waits.length === 0 ? undefined : least(waits),
    ...(one.waitingRows !== undefined && { waitingRows: waiting }),
    stateKeys: one.stateKeys + other.stateKeys,
    stateBytes: one.stateBytes + other.stateBytes,
    busyMs: one.busyMs + other.busyMs,
  };
}

function mergedEdges(tasks: readonly PipelineStatus[], idOf: (id: string) => string): PipelineStatus['edges'] {
  const merged = new Map<string, PipelineStatus['edges'][number]>();
  for (const { edges } of tasks) {
    for (const { from, to, rows } of edges) {
      const key = `${from} ${to}`;
      merged.set(key, { from: idOf(from), to: idOf(to), rows: rows + (merged.get(key)?.rows ?? 0) });
    }
  }
  return [...merged.values()];
}

/** From what sends to what receives. */
function exchanged(plan: StagePlan, operators: readonly OperatorStatus[], ids: StageIds): PipelineStatus['edges'] {
  return plan.edges.flatMap(({ number, from, to }) => {
    const sends = ids.of(from, `exchange:${number}`);
    const receives = ids.of(to, `received:${number}`);
    const rows = operators.find(({ id }) => id === receives)?.rowsOut ?? 0;
    return [{ from: sends, to: receives, rows }];
  });
}
