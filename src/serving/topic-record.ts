import type { Offset, TimestampMs } from '../base/brand.ts';
import type { TopicKind } from '../log/log.ts';
import { parseJsonRow } from './json-row.ts';
import type { JsonRow, LiveFrame } from './serving.ts';

/** What the positions of the other partitions were when a slice of records of one partition was read: the ends of its resume offsets. */
export interface PositionFrame {
  readonly before: string;
  readonly after: string;
  readonly kind: TopicKind;
}

/**
 * One record of a topic, decoded once for all that listen. The value is parsed, and its frame made, when the first
 * listener asks: a table that nobody watches parses nothing.
 */
export class TopicRecord {
  readonly partition: number;
  readonly offset: Offset;
  readonly timestamp: TimestampMs;
  readonly key: string | null;
  /** The value as text; null is a tombstone. */
  readonly text: string | null;
  readonly #position: PositionFrame;
  #row: JsonRow | undefined;
  #frame: LiveFrame | undefined;

  constructor(
    partition: number,
    offset: Offset,
    timestamp: TimestampMs,
    key: string | null,
    text: string | null,
    position: PositionFrame,
  ) {
    this.partition = partition;
    this.offset = offset;
    this.timestamp = timestamp;
    this.key = key;
    this.text = text;
    this.#position = position;
  }

  row(): JsonRow | null {
    if (this.text === null) return null;
    this.#row ??= parseJsonRow(this.text);
    return this.#row;
  }

  /** Where to go on after this record: of every partition, the next offset. */
  resumeOffset(): string {
    return `${this.#position.before}${this.partition}:${this.offset + 1}${this.#position.after}`;
  }

  /** The same object for every subscriber, so that a door can keep its serialized text beside it. */
  frame(): LiveFrame {
    this.#frame ??= {
      op: this.#operation(),
      key: this.key,
      row: this.row(),
      offset: this.resumeOffset(),
    };
    return this.#frame;
  }

  #operation(): LiveFrame['op'] {
    if (this.#position.kind !== 'upsert') return 'append';
    return this.text === null ? 'delete' : 'upsert';
  }
}
