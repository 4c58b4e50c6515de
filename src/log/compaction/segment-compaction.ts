import { attributesAt, baseTimestampAt, DELETE_HORIZON } from '../batch-header.ts';
import type { CompactSegmentsTask, Derivation, DiskReader, PlainOperation, SealedSegment } from '../disk.ts';
import { isCancelled } from './cancel.ts';
import { KeyOffsets } from './key-offsets.ts';
import { RecordCursor } from './record-cursor.ts';
import { segmentBatches } from './segment-batches.ts';
import { SegmentOutput } from './segment-output.ts';

/** Bytes of one write, and of what is read between two rests. */
const STEP_BYTES = 1024 * 1024;

/**
 * Writes what still counts of the segments as one: the last record of each key, deletions until they have been there for
 * their time, and records without a key. The file has its name only when it is whole and durable; it counts when a round
 * says so.
 * @throws HeadraceError `LOG_CORRUPT`, `LOG_BATCH_COMPRESSED`, `LOG_BATCH_INVALID`
 */
export function* compactSegments(reader: DiskReader, task: CompactSegmentsTask): Derivation {
  const selection = new RecordSelection(task);
  if (!(yield* isWorthIt(reader, task, selection))) return { kind: isCancelled(task) ? 'cancelled' : 'unchanged' };
  const output = new SegmentOutput(task);
  yield output.begin();
  let read = 0;
  for (const segment of task.segments) {
    for (const batch of segmentBatches(reader, task.directory, segment)) {
      addKept(output, selection, segment, batch);
      read += batch.length;
      if (read < STEP_BYTES) continue;
      read = 0;
      yield output.takeWrites();
      if (isCancelled(task)) {
        yield output.discard();
        return { kind: 'cancelled' };
      }
    }
    // A reader that ends this segment goes on at the beginning of a batch.
    output.endBatch(segment.end);
  }
  yield output.finish();
  const { length, maxTimestamp } = output;
  return { kind: 'compacted', length, maxTimestamp, deletesFrom: selection.deletesFrom };
}

/** One segment that was compacted before is left alone when nothing of it would go. */
function* isWorthIt(
  reader: DiskReader,
  task: CompactSegmentsTask,
  selection: RecordSelection,
): Generator<readonly PlainOperation[], boolean> {
  const [segment] = task.segments;
  if (segment === undefined || task.segments.length > 1 || segment.version === 0) return true;
  let read = 0;
  for (const batch of segmentBatches(reader, task.directory, segment)) {
    const record = new RecordCursor(batch);
    const horizon = horizonOf(batch);
    while (record.next()) if (!selection.keeps(record, horizon)) return true;
    read += batch.length;
    if (read < STEP_BYTES) continue;
    read = 0;
    yield [];
    if (isCancelled(task)) return false;
  }
  return false;
}

function addKept(output: SegmentOutput, selection: RecordSelection, segment: SealedSegment, batch: Uint8Array): void {
  const record = new RecordCursor(batch);
  const horizon = horizonOf(batch);
  while (record.next()) {
    if (selection.keeps(record, horizon)) output.add(record, segment, selection.horizonFor(record, horizon));
  }
}

/** From when on the deletions of the batch may go; undefined when compaction has not met them before. */
function horizonOf(batch: Uint8Array): number | undefined {
  return (attributesAt(batch, 0) & DELETE_HORIZON) === 0 ? undefined : baseTimestampAt(batch, 0);
}

/** Which records stay. */
class RecordSelection {
  readonly #keys: KeyOffsets;
  readonly #now: number;
  readonly #newHorizon: number;
  /** The offset after the last deletion that does not stay, though nothing takes its place. */
  deletesFrom = 0;

  constructor({ keys, now, deleteRetentionMs }: CompactSegmentsTask) {
    this.#keys = new KeyOffsets(keys);
    this.#now = now;
    this.#newHorizon = now + deleteRetentionMs;
  }

  keeps(record: RecordCursor, horizon: number | undefined): boolean {
    if (record.keyLength < 0) return true;
    if (this.#keys.get(record.bytes, record.keyStart, record.keyLength) > record.offset) return false;
    // What it deleted went when compaction first met it.
    const isOver = record.isDeletion && horizon !== undefined && horizon <= this.#now;
    if (isOver) this.deletesFrom = Math.max(this.deletesFrom, record.offset + 1);
    return !isOver;
  }

  horizonFor(record: RecordCursor, horizon: number | undefined): number | undefined {
    return record.isDeletion ? (horizon ?? this.#newHorizon) : undefined;
  }
}
