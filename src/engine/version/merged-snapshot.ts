import { ByteReader } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { HeadraceError, messageOf } from '../../base/error.ts';
import { Kernel } from '../../kernel/kernel.ts';
import type { Log } from '../../log/log.ts';
import { keepsState } from '../../plan/comparison/node-signature.ts';
import type { Pipeline } from '../../plan/node.ts';
import { RecordSink } from '../operator/record-sink.ts';
import { compilePipeline, type Vertex } from '../task/compile.ts';
import {
  decodeSnapshotPointer,
  JOURNAL_SPACE,
  journalOf,
  SNAPSHOT_SPACE,
  type SnapshotPointer,
} from '../task/journal.ts';
import type { SnapshotSection, SnapshotStore } from '../task/snapshot-store.ts';
import { Task } from '../task/task.ts';
import type { TopicOffset } from './pipeline-record.ts';

/** Enough for operators that hold nothing: only the first section of a snapshot is read into them. */
const EMPTY_STATE_BYTES = 256 * 1024 ** 2;

/** A version whose state, at least some of it, becomes that of another one. */
export interface StatePart {
  readonly pipeline: Pipeline;
  readonly key: string;
  /** Where it began to read, if not at the start of its inputs. */
  readonly from?: readonly TopicOffset[];
  /** The views of the new version whose state comes from here. */
  readonly views: readonly string[];
}

export interface MergeOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly snapshots: SnapshotStore;
  /** The new version, and what its snapshots are kept under. */
  readonly pipeline: Pipeline;
  readonly key: string;
  /** What several of them have comes from the first. */
  readonly parts: readonly StatePart[];
}

/** Whether all state that some views need is there in another version of the pipeline, operator by operator. */
export function servesState(before: Pipeline, next: Pipeline, views: readonly string[]): boolean {
  return placesOf(verticesOf(before), verticesOf(next), views, new Set()) !== undefined;
}

function verticesOf(pipeline: Pipeline): readonly Vertex[] {
  return compilePipeline(pipeline, {
    expressions: { clockMs: () => 0, userFunction: () => () => null },
    sink: (topic) => new RecordSink(topic),
  });
}

/** Places of the operators of `before` whose state is that of operators of `next` which views need, to theirs; undefined when one is missing. */
function placesOf(
  before: readonly Vertex[],
  next: readonly Vertex[],
  views: readonly string[],
  taken: Set<number>,
): ReadonlyMap<number, number> | undefined {
  const needed = new Set<Vertex>();
  const visit = (vertex: Vertex): void => {
    if (needed.has(vertex)) return;
    needed.add(vertex);
    for (const input of vertex.inputs) visit(input);
  };
  for (const vertex of next)
    if (vertex.kind === 'output' && views.includes(vertex.id.replace(/^output:/, ''))) visit(vertex);
  const places = new Map<number, number>();
  for (const [place, vertex] of next.entries()) {
    if (!needed.has(vertex) || taken.has(place)) continue;
    const from = before.findIndex(({ shape, kind }) => kind === vertex.kind && shape === vertex.shape);
    if (from >= 0) {
      places.set(from, place);
      taken.add(place);
    } else if (vertex.node === undefined || vertex.source !== undefined || keepsState(vertex.node)) return undefined;
  }
  return places;
}

/**
 * Writes the first snapshot of a version from the last ones of others, which have stopped at the same place of their inputs.
 *
 * @throws HeadraceError `ENGINE_STATE_NOT_CARRIED`, `ENGINE_SNAPSHOT_INVALID`; nothing is left of what was written
 */
export async function mergeSnapshots(options: MergeOptions): Promise<SnapshotPointer> {
  const { log, clock, snapshots, pipeline, key, parts } = options;
  const next = emptyTask(log, pipeline);
  const taken = new Set<number>();
  const sources = parts.map((part) => readPart(log, snapshots, part, next, taken));
  // The first counts: it comes last.
  for (const { task, places } of [...sources].reverse()) next.adopt(task, places);
  const writer = snapshots.create(key, next.epoch);
  try {
    await writer.append({ operator: undefined, bytes: next.header() });
    for (const { places, sections } of sources) {
      for (const { operator, bytes } of sections) {
        const place = operator === undefined ? undefined : places.get(operator);
        if (place !== undefined) await writer.append({ operator: place, bytes: bytes.slice() });
      }
    }
    const written = await writer.finish();
    const positions = next.inputs.map(({ topic, partition }, at) => {
      const needed = sources
        .flatMap((source) => source.positions)
        .filter((p) => p.topic === topic && p.partition === partition);
      return { topic, partition, offset: Math.min(next.positions[at]!, ...needed.map(({ offset }) => offset)) };
    });
    return { epoch: next.epoch, ...written, versions: next.versions, takenAtMs: clock.now(), positions };
  } catch (error) {
    await writer.abandon();
    if (error instanceof HeadraceError) throw error;
    throw notCarried(pipeline.name, `its snapshot cannot be written: ${messageOf(error)}`, error);
  } finally {
    next.close();
    for (const { task } of sources) task.close();
  }
}

function readPart(log: Log, snapshots: SnapshotStore, part: StatePart, next: Task, taken: Set<number>) {
  const stored = log.ledgerGet(SNAPSHOT_SPACE, part.key);
  const pointer = stored === undefined ? undefined : decodeSnapshotPointer(stored);
  if (journalOf(log.ledgerEntries(JOURNAL_SPACE), part.key, pointer?.epoch ?? 0).length > 0) {
    throw notCarried(part.pipeline.name, 'its last snapshot was not written');
  }
  const task = emptyTask(log, part.pipeline);
  const sections = pointer === undefined ? NO_SECTIONS : snapshots.read(part.key, pointer);
  if (pointer === undefined) setStart(log, task, part.from ?? []);
  else task.restoreHeader(headerOf(sections, part));
  const places = placesOf(task.vertices, next.vertices, part.views, taken);
  if (places === undefined) throw notCarried(part.pipeline.name, 'an operator has no counterpart');
  return { task, places, sections, positions: pointer?.positions ?? [] };
}

const NO_SECTIONS: Iterable<SnapshotSection> & Iterator<SnapshotSection> = [][Symbol.iterator]();

function headerOf(sections: Iterator<SnapshotSection>, { pipeline }: StatePart): ByteReader {
  const first = sections.next();
  if (first.done === true) throw notCarried(pipeline.name, 'its snapshot is empty');
  return new ByteReader(first.value.bytes);
}

/** A version that has not read anything yet reads on where it would have begun. */
function setStart(log: Log, task: Task, from: readonly TopicOffset[]): void {
  task.inputs.forEach(({ topic, partition }, at) => {
    const chosen = from.find((start) => start.topic === topic && start.partition === partition)?.offset ?? 0;
    task.setPosition(at, Math.max(chosen, Number(log.bounds(topic, partition).logStart)));
  });
}

function emptyTask(log: Log, pipeline: Pipeline): Task {
  return new Task({
    pipeline,
    kernel: Kernel.create({ memoryBytesMax: EMPTY_STATE_BYTES }),
    partitions: (topic) => log.topic(topic)?.partitions ?? 1,
    outputPartitions: (topic) => log.topic(topic)?.partitions ?? 1,
    userFunction: () => () => null,
  });
}

function notCarried(name: string, why: string, cause?: unknown): HeadraceError {
  return new HeadraceError(`going on with the state of pipeline "${name}" in another version: ${why}`, {
    code: 'ENGINE_STATE_NOT_CARRIED',
    domain: 'engine',
    cause,
    next: 'nothing has changed; apply the project again, or restart the pipeline first',
  });
}
