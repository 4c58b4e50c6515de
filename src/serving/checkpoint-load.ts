import { offset } from '../base/brand.ts';
import type { Log, TopicConfig } from '../log/log.ts';
import { ReadBuffer } from '../log/read-buffer.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { FEED_READ_BYTES } from './limits.ts';
import type { BatchDecoder } from './partition-tail.ts';
import { PartitionTail } from './partition-tail.ts';
import type { RowStore } from './row-store.ts';
import {
  type AppliedRecord,
  appliedRecord,
  type CheckpointBytes,
  type CheckpointHeader,
  TableCheckpointReader,
} from './table-checkpoint.ts';

export interface CheckpointLoadOptions {
  readonly log: Log;
  readonly decode: BatchDecoder;
  readonly checkpoints: CheckpointStore;
  readonly table: string;
  readonly topic: TopicConfig;
  /** What was wrong with a checkpoint that is there and cannot be used. */
  readonly report: (error: unknown, about: string) => void;
}

/** Fills a table from its checkpoint, block by block. */
export class CheckpointLoad {
  readonly header: CheckpointHeader;
  readonly #options: CheckpointLoadOptions;
  readonly #reader: TableCheckpointReader;

  private constructor(options: CheckpointLoadOptions, reader: TableCheckpointReader) {
    this.#options = options;
    this.#reader = reader;
    this.header = reader.header;
  }

  /** Undefined when there is no checkpoint, or none of what the topic holds now. */
  static open(options: CheckpointLoadOptions): CheckpointLoad | undefined {
    let bytes: CheckpointBytes | undefined;
    try {
      bytes = options.checkpoints.read(options.table);
      if (bytes === undefined) return undefined;
      const reader = new TableCheckpointReader(bytes);
      if (isOfTopic(reader.header, options)) return new CheckpointLoad(options, reader);
    } catch (error) {
      options.report(error, `table ${options.table}`);
    }
    bytes?.close();
    return undefined;
  }

  /** Loads until done or out of time. `failed`: the rows so far are to be discarded, and the topic read instead. */
  advance(store: RowStore, overtime: () => boolean): 'more' | 'done' | 'failed' {
    try {
      do {
        const records = this.#reader.next();
        if (records === undefined) return this.#end('done');
        for (const record of records) store.apply(record);
      } while (!overtime());
      return 'more';
    } catch (error) {
      this.#options.report(error, `table ${this.#options.table}`);
      return this.#end('failed');
    }
  }

  close(): void {
    this.#reader.close();
  }

  #end<T>(how: T): T {
    this.#reader.close();
    return how;
  }
}

/** A topic that was deleted and made again has other records, or none, where the checkpoint ends. */
function isOfTopic(header: CheckpointHeader, options: CheckpointLoadOptions): boolean {
  const { log, topic } = options;
  if (header.topic !== topic.name || header.position.length !== topic.partitions) return false;
  return header.position.every((end, partition) => {
    const { logStart, highWatermark, deletesFrom } = log.bounds(topic.name, partition);
    // Compaction has taken deletions that the rows do not reflect.
    if (end > highWatermark || end < logStart || end < deletesFrom) return false;
    const last = header.last[partition] ?? null;
    return last === null ? end === logStart : holds(last, partition, header, options);
  });
}

function holds(
  last: AppliedRecord,
  partition: number,
  { ids }: CheckpointHeader,
  { log, topic, decode }: CheckpointLoadOptions,
): boolean {
  const { logStart, id } = log.bounds(topic.name, partition);
  if (last.offset < logStart) return false;
  const tail = new PartitionTail(
    log,
    topic.name,
    partition,
    offset(last.offset),
    decode,
    new ReadBuffer(FEED_READ_BYTES),
  );
  try {
    const [found] = tail.take(1, offset(last.offset + 1));
    if (found === undefined) return ids?.[partition] === id;
    const { crc, timestamp } = appliedRecord(found);
    return found.offset === last.offset && timestamp === last.timestamp && crc === last.crc;
  } finally {
    tail.close();
  }
}
