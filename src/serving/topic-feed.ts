import type { Offset } from '../base/brand.ts';
import { HeadraceError, messageOf } from '../base/error.ts';
import type { Log, TopicConfig } from '../log/log.ts';
import type { ReadBuffer } from '../log/read-buffer.ts';
import type { Advancing } from './feed-scheduler.ts';
import { FEED_SLICE_RECORDS } from './limits.ts';
import type { BatchDecoder } from './partition-tail.ts';
import { PartitionTail } from './partition-tail.ts';
import { formatPosition, positionFrames, type TopicPosition } from './topic-position.ts';
import { type PositionFrame, TopicRecord } from './topic-record.ts';

/** Receives every record of a topic once, in the order of each partition. Must not throw. */
export interface RecordListener {
  records(records: readonly TopicRecord[]): void;
  /** Retention took records before they were read. */
  gap(partition: number, from: Offset, to: Offset): void;
  /** The topic cannot be read any further. */
  failed(error: HeadraceError): void;
}

/** What a feed needs besides its topic. */
export interface FeedContext {
  readonly log: Log;
  readonly decode: BatchDecoder;
  readonly buffer: ReadBuffer;
}

/**
 * Reads the partitions of one topic from a position on and hands the records to one listener in slices: the common part
 * of the shared feed and of the replay that leads up to it.
 */
export class TopicCursor {
  readonly topic: TopicConfig;
  readonly #tails: PartitionTail[];
  readonly #log: Log;
  #turn = 0;

  constructor(context: FeedContext, topic: TopicConfig, from: TopicPosition) {
    this.topic = topic;
    this.#log = context.log;
    this.#tails = from.map(
      (start, partition) =>
        new PartitionTail(context.log, topic.name, partition, start, context.decode, context.buffer),
    );
  }

  position(): TopicPosition {
    return this.#tails.map((tail) => tail.position);
  }

  resumeOffset(): string {
    return formatPosition(this.position());
  }

  /** Records that are visible and not yet taken. */
  lag(): number {
    let lag = 0;
    for (const tail of this.#tails) lag += Math.max(0, tail.highWatermark - tail.position);
    return lag;
  }

  reached(until: TopicPosition): boolean {
    return this.#tails.every((tail, partition) => tail.position >= until[partition]!);
  }

  highWatermarks(): TopicPosition {
    return this.#tails.map((tail) => tail.highWatermark);
  }

  /** The next slice below `until` from the partitions in turn; empty when there is none. */
  take(until: TopicPosition, count: number = FEED_SLICE_RECORDS): readonly TopicRecord[] {
    for (let tried = 0; tried < this.#tails.length; tried++) {
      const partition = this.#turn;
      this.#turn = (this.#turn + 1) % this.#tails.length;
      const tail = this.#tails[partition]!;
      const taken = tail.take(count, until[partition]!);
      if (taken.length === 0) continue;
      const frame = this.#positionFrame(partition);
      return taken.map((r) => new TopicRecord(partition, r.offset, r.timestamp, r.key, r.text, frame));
    }
    return [];
  }

  /** Moves partitions that retention has passed to where the log now begins; tells of each. */
  skipLost(tell: (partition: number, from: Offset, to: Offset) => void): void {
    this.#tails.forEach((tail, partition) => {
      const { logStart } = this.#log.bounds(this.topic.name, partition);
      if (tail.position >= logStart) return;
      const from = tail.position;
      tail.seek(logStart);
      tell(partition, from, logStart);
    });
  }

  close(): void {
    for (const tail of this.#tails) tail.close();
  }

  #positionFrame(partition: number): PositionFrame {
    return positionFrames(this.position(), this.topic.kind)[partition]!;
  }
}

/** Where the log begins, of every partition of the topic. */
export function logStarts(log: Log, topic: TopicConfig): TopicPosition {
  return partitionsOf(topic).map((partition) => log.bounds(topic.name, partition).logStart);
}

/** The end of what is visible, of every partition of the topic. */
export function highWatermarks(log: Log, topic: TopicConfig): TopicPosition {
  return partitionsOf(topic).map((partition) => log.bounds(topic.name, partition).highWatermark);
}

function partitionsOf(topic: TopicConfig): readonly number[] {
  return Array.from({ length: topic.partitions }, (_, partition) => partition);
}

/** The topic's configuration. @throws HeadraceError `SERVING_UNKNOWN_TOPIC` */
export function topicNamed(log: Log, name: string): TopicConfig {
  const topic = log.topic(name);
  if (topic !== undefined) return topic;
  throw new HeadraceError(`reading topic "${name}": there is no such topic`, {
    code: 'SERVING_UNKNOWN_TOPIC',
    domain: 'serving',
    next: 'see "headrace topics" for those that exist',
  });
}

/** The one reader of a topic's tail that all listeners share: a record is decoded once. It begins at the end of the log. */
export class TopicFeed implements Advancing {
  readonly topic: TopicConfig;
  readonly #cursor: TopicCursor;
  readonly #listeners = new Set<RecordListener>();
  #failure: HeadraceError | undefined;

  constructor(context: FeedContext, topic: TopicConfig) {
    this.topic = topic;
    this.#cursor = new TopicCursor(context, topic, highWatermarks(context.log, topic));
  }

  get failure(): HeadraceError | undefined {
    return this.#failure;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Every listener that is attached now has had everything below. */
  position(): TopicPosition {
    return this.#cursor.position();
  }

  lag(): number {
    return this.#cursor.lag();
  }

  attach(listener: RecordListener): void {
    this.#listeners.add(listener);
  }

  detach(listener: RecordListener): void {
    this.#listeners.delete(listener);
  }

  behind(): boolean {
    return this.#failure === undefined && this.#cursor.lag() > 0;
  }

  advance(overtime: () => boolean): void {
    this.advanceTo(this.#cursor.highWatermarks(), overtime);
  }

  /** Hands on what lies below `until`. */
  advanceTo(until: TopicPosition, overtime: () => boolean): void {
    if (this.#failure !== undefined) return;
    try {
      do {
        const records = this.#take(until);
        if (records.length === 0) return;
        for (const listener of this.#listeners) listener.records(records);
      } while (!overtime());
    } catch (error) {
      this.fail(asServingError(error, this.topic.name));
    }
  }

  /** Ends the feed: every listener is told and let go. */
  fail(failure: HeadraceError): void {
    this.#failure = failure;
    for (const listener of [...this.#listeners]) listener.failed(failure);
    this.#listeners.clear();
  }

  close(): void {
    this.#cursor.close();
    this.#listeners.clear();
  }

  #take(until: TopicPosition): readonly TopicRecord[] {
    try {
      return this.#cursor.take(until);
    } catch (error) {
      if (!isOffsetOutOfRange(error)) throw error;
      this.#cursor.skipLost((partition, from, to) => {
        for (const listener of this.#listeners) listener.gap(partition, from, to);
      });
      return this.#cursor.take(until);
    }
  }
}

export function isOffsetOutOfRange(error: unknown): boolean {
  return error instanceof HeadraceError && error.code === 'LOG_OFFSET_OUT_OF_RANGE';
}

export function asServingError(error: unknown, topic: string): HeadraceError {
  if (error instanceof HeadraceError) return error;
  return new HeadraceError(`reading topic "${topic}": ${messageOf(error)}`, {
    code: 'SERVING_READ_FAILED',
    domain: 'serving',
    cause: error,
    next: 'look at the log of the process for what happened before',
  });
}
