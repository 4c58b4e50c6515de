import { type CommitNumber, commitNumber } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import type { HeadraceError } from '../base/error.ts';
import type { Log } from '../log/log.ts';
import { ReadBuffer } from '../log/read-buffer.ts';
import { type Advancing, type Defer, FeedScheduler } from './feed-scheduler.ts';
import { FEED_READ_BYTES } from './limits.ts';
import type { BatchDecoder } from './partition-tail.ts';
import { decodeRecords } from './record-decoder.ts';
import { Replay } from './replay.ts';
import { type FeedContext, highWatermarks, type RecordListener, TopicFeed, topicNamed } from './topic-feed.ts';
import type { TopicPosition } from './topic-position.ts';

export interface TopicHubOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly defer?: Defer;
  readonly decode?: BatchDecoder;
}

/** Follows a topic until it is closed. */
export interface Following {
  /** The listener has had everything below. */
  position(): TopicPosition;
  /** Visible records that the listener has not had. */
  lag(): number;
  /** Hands on at once what lies below `until`; true when all of it has been. */
  advanceTo(until: TopicPosition, overtime: () => boolean): boolean;
  close(): void;
}

/**
 * Everyone who follows topics meets here: one feed per topic decodes each record once for all; who comes later is led
 * up to it by a replay of its own. Woken by every published round.
 */
export class TopicHub {
  readonly context: FeedContext;
  readonly #scheduler: FeedScheduler;
  readonly #feeds = new Map<string, TopicFeed>();
  readonly #users = new Map<TopicFeed, number>();
  readonly #stopListening: () => void;
  #commit: CommitNumber;

  constructor(options: TopicHubOptions) {
    this.context = {
      log: options.log,
      decode: options.decode ?? decodeRecords,
      buffer: new ReadBuffer(FEED_READ_BYTES),
    };
    this.#scheduler = new FeedScheduler(options.clock, options.defer);
    this.#commit = commitNumber(options.log.stats().rounds);
    this.#stopListening = options.log.onCommit((commit) => {
      this.#commit = commit;
      this.#scheduler.wake();
    });
  }

  /** The newest round that was published. */
  get commit(): CommitNumber {
    return this.#commit;
  }

  /** The shared feed of a topic, for one more user. @throws HeadraceError `SERVING_UNKNOWN_TOPIC` */
  acquire(name: string): TopicFeed {
    const known = this.#feeds.get(name);
    const feed = known === undefined || known.failure !== undefined ? this.#open(name) : known;
    this.#users.set(feed, (this.#users.get(feed) ?? 0) + 1);
    return feed;
  }

  /** One user less; the last one closes the feed. */
  release(feed: TopicFeed): void {
    const users = (this.#users.get(feed) ?? 0) - 1;
    this.#users.set(feed, users);
    if (users > 0) return;
    this.#users.delete(feed);
    this.#scheduler.remove(feed);
    if (this.#feeds.get(feed.topic.name) === feed) this.#feeds.delete(feed.topic.name);
    feed.close();
  }

  /** Hands every record from `from` on to the listener, at the pace of the event loop. */
  follow(topic: string, from: TopicPosition, listener: RecordListener): Following {
    const feed = this.acquire(topic);
    const replay = new Replay(this.context, feed, from, listener);
    let failed = false;
    const task = {
      behind: () => !replay.attached && !failed,
      advance: (overtime: () => boolean) => {
        const failure = replay.advance(overtime);
        if (failure !== undefined) {
          failed = true;
          listener.failed(failure);
        }
        if (failed || replay.attached) this.#scheduler.remove(task);
      },
    };
    this.#scheduler.add(task);
    return {
      position: () => replay.position(),
      lag: () => replay.lag(),
      advanceTo: (until, overtime) => {
        if (task.behind()) task.advance(overtime);
        if (replay.attached) feed.advanceTo(until, overtime);
        const position = replay.position();
        return until.every((end, partition) => position[partition]! >= end);
      },
      close: () => {
        this.#scheduler.remove(task);
        replay.close();
        this.release(feed);
      },
    };
  }

  highWatermarks(topic: string): TopicPosition {
    return highWatermarks(this.context.log, topicNamed(this.context.log, topic));
  }

  wake(): void {
    this.#scheduler.wake();
  }

  /** Gives other work its share of the turns in which topics are followed; returns how to take it out. */
  schedule(task: Advancing): () => void {
    this.#scheduler.add(task);
    return () => this.#scheduler.remove(task);
  }

  close(failure?: HeadraceError): void {
    this.#stopListening();
    this.#scheduler.close();
    for (const feed of this.#feeds.values()) {
      if (failure !== undefined) feed.fail(failure);
      feed.close();
    }
    this.#feeds.clear();
  }

  #open(name: string): TopicFeed {
    const feed = new TopicFeed(this.context, topicNamed(this.context.log, name));
    this.#feeds.set(name, feed);
    this.#scheduler.add(feed);
    return feed;
  }
}
