import type { HeadraceError } from '../base/error.ts';
import { FEED_SLICE_RECORDS } from './limits.ts';
import {
  asServingError,
  type FeedContext,
  isOffsetOutOfRange,
  type RecordListener,
  TopicCursor,
  type TopicFeed,
} from './topic-feed.ts';
import type { TopicPosition } from './topic-position.ts';
import type { TopicRecord } from './topic-record.ts';

/**
 * Leads a listener from a position of its own up to the shared feed and attaches it there, without a gap and without an
 * overlap: both are read by one thread, so when the replay has reached the feed's position nothing can come between.
 */
export class Replay {
  readonly #feed: TopicFeed;
  readonly #listener: RecordListener;
  #cursor: TopicCursor | undefined;

  constructor(context: FeedContext, feed: TopicFeed, from: TopicPosition, listener: RecordListener) {
    this.#feed = feed;
    this.#listener = listener;
    this.#cursor = new TopicCursor(context, feed.topic, from);
  }

  get attached(): boolean {
    return this.#cursor === undefined;
  }

  position(): TopicPosition {
    return this.#cursor?.position() ?? this.#feed.position();
  }

  lag(): number {
    return this.#cursor?.lag() ?? this.#feed.lag();
  }

  /**
   * The next records before the feed's position; empty once it is reached, and then the listener is attached.
   *
   * @throws HeadraceError `LOG_OFFSET_OUT_OF_RANGE` when retention has passed the position
   */
  pull(count: number): readonly TopicRecord[] {
    if (this.#feed.failure !== undefined) throw this.#feed.failure;
    if (this.#cursor === undefined) return [];
    const records = this.#cursor.take(this.#feed.position(), count);
    if (records.length === 0) this.#attach();
    return records;
  }

  /** Pulls until attached or out of time; tells the listener of gaps. Returns what made it impossible. */
  advance(overtime: () => boolean): HeadraceError | undefined {
    try {
      do this.#step();
      while (!this.attached && !overtime());
      return undefined;
    } catch (error) {
      return asServingError(error, this.#feed.topic.name);
    }
  }

  close(): void {
    this.#cursor?.close();
    this.#cursor = undefined;
    this.#feed.detach(this.#listener);
  }

  #step(): void {
    try {
      const records = this.pull(FEED_SLICE_RECORDS);
      if (records.length > 0) this.#listener.records(records);
    } catch (error) {
      if (!isOffsetOutOfRange(error)) throw error;
      this.#cursor?.skipLost((partition, from, to) => this.#listener.gap(partition, from, to));
    }
  }

  #attach(): void {
    this.#cursor?.close();
    this.#cursor = undefined;
    this.#feed.attach(this.#listener);
  }
}
