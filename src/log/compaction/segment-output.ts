import { join } from 'node:path';
import { leaderEpochAt } from '../batch-header.ts';
import type { CompactSegmentsTask, PlainOperation, SealedSegment } from '../disk.ts';
import { indexName, segmentName, unfinishedName } from '../file-layout.ts';
import { IndexBuilder } from '../segment-index.ts';
import { CompactedBatch } from './compacted-batch.ts';
import type { RecordCursor } from './record-cursor.ts';

/** What a task leaves when it fails. */
export function unfinishedFiles({ directory, segments, version }: CompactSegmentsTask): readonly string[] {
  const file = { base: segments[0]!.base, version };
  return [segmentName(file), indexName(file)].map((name) => join(directory, unfinishedName(name)));
}

/** The file that is made, and its index. */
export class SegmentOutput {
  readonly #directory: string;
  readonly #paths: { readonly segment: string; readonly index: string };
  readonly #unfinished: { readonly segment: string; readonly index: string };
  readonly #index: IndexBuilder;
  readonly #end: number;
  #batch: CompactedBatch | undefined;
  #base: number;
  #written: Uint8Array[] = [];
  #writtenFrom = 0;
  length = 0;
  maxTimestamp = -1;

  constructor({ directory, segments, version, intervalBytes }: CompactSegmentsTask) {
    const { base } = segments[0]!;
    const file = { base, version };
    this.#directory = directory;
    this.#paths = { segment: join(directory, segmentName(file)), index: join(directory, indexName(file)) };
    this.#unfinished = { segment: unfinishedName(this.#paths.segment), index: unfinishedName(this.#paths.index) };
    this.#index = new IndexBuilder(base, intervalBytes);
    this.#base = base;
    this.#end = segments[segments.length - 1]!.end;
  }

  begin(): readonly PlainOperation[] {
    return this.discard();
  }

  discard(): readonly PlainOperation[] {
    return [this.#unfinished.segment, this.#unfinished.index].map((path) => ({ kind: 'remove', path }));
  }

  add(record: RecordCursor, segment: SealedSegment, horizon: number | undefined): void {
    if (this.#batch?.isFullFor(record) === true) this.endBatch(record.offset);
    this.#batch ??= new CompactedBatch(this.#base, leaderEpochAt(record.bytes, 0));
    if (record.offset < this.#base || record.offset >= segment.end) throw new RangeError('records are out of order');
    this.#batch.add(record, horizon);
  }

  /** The next batch begins at `end`. */
  endBatch(end: number): void {
    if (end === this.#base) return;
    const batch = this.#batch ?? new CompactedBatch(this.#base, 0);
    const encoded = batch.take(end);
    this.#batch = undefined;
    this.#base = end;
    this.#index.add(this.length, encoded.baseOffset, encoded.maxTimestamp);
    this.#written.push(encoded.batch);
    this.length += encoded.batch.length;
    this.maxTimestamp = Math.max(this.maxTimestamp, encoded.maxTimestamp);
  }

  /** Piece by piece, each synced: a commit's fsync would wait for all that the disk has been given. */
  takeWrites(): readonly PlainOperation[] {
    if (this.#written.length === 0) return [];
    const path = this.#unfinished.segment;
    const buffers = this.#written;
    const position = this.#writtenFrom;
    this.#written = [];
    this.#writtenFrom = this.length;
    return [
      { kind: 'write', path, position, buffers },
      { kind: 'sync', path },
    ];
  }

  finish(): readonly PlainOperation[] {
    this.#index.seal(this.length, this.#end);
    const { segment, index } = this.#unfinished;
    return [
      ...this.takeWrites(),
      { kind: 'write', path: index, position: 0, buffers: [this.#index.bytes()] },
      { kind: 'sync', path: index },
      { kind: 'rename', from: index, to: this.#paths.index },
      { kind: 'rename', from: segment, to: this.#paths.segment },
      { kind: 'sync-directory', path: this.#directory },
    ];
  }
}
