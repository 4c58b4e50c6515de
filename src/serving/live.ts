import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { nearestName } from '../base/nearest-name.ts';
import { topicForUsers } from '../log/internal-topic.ts';
import type { Log, TopicConfig } from '../log/log.ts';
import type { Defer } from './feed-scheduler.ts';
import { LIVE_STREAMS_MAX, LIVE_TAIL_RECORDS } from './limits.ts';
import type { RowPredicate } from './live-filter.ts';
import { LiveStream, offsetGone } from './live-stream.ts';
import type { ViewTable } from './table.ts';
import type { Tables } from './tables.ts';
import { highWatermarks, logStarts } from './topic-feed.ts';
import { parsePosition, type TopicPosition } from './topic-position.ts';
import type { TopicRecord } from './topic-record.ts';

export interface LiveRequest {
  /** A view or a topic. */
  readonly id: string;
  /** Offset of the last frame that the client has had; undefined or empty begins anew. */
  readonly resume?: string | undefined;
  /** When it begins anew: with the present rows (a topic: its newest records), or only with what comes from now on. Default true. */
  readonly snapshot?: boolean;
  readonly filter?: RowPredicate | undefined;
  /** Aborted when the client has gone. */
  readonly signal?: AbortSignal | undefined;
}

export interface LiveStreamsOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly tables: Tables;
  readonly defer?: Defer;
  readonly bufferFramesMax?: number;
  readonly streamsMax?: number;
}

/** Opens live streams of views and topics. */
export interface LiveStreams {
  /**
   * @throws HeadraceError `SERVING_UNKNOWN_STREAM`, `SERVING_OFFSET_INVALID`, `SERVING_OFFSET_GONE`,
   * `SERVING_TOO_MANY_STREAMS`
   */
  open(request: LiveRequest): Promise<LiveStream>;
  /** Streams that are open. */
  readonly size: number;
  close(): void;
}

/**
 * @example
 * ```ts
 * const live = createLiveStreams({ log, clock, tables });
 * for await (const frames of await live.open({ id: 'requests_1m' })) console.log(frames);
 * ```
 */
export function createLiveStreams(options: LiveStreamsOptions): LiveStreams {
  return new OpenStreams(options);
}

/** What a stream begins with. */
interface Beginning {
  readonly snapshot: readonly TopicRecord[];
  readonly from: TopicPosition;
  readonly resumed: boolean;
}

class OpenStreams implements LiveStreams {
  readonly #options: LiveStreamsOptions;
  readonly #streams = new Set<LiveStream>();

  constructor(options: LiveStreamsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams.size;
  }

  async open(request: LiveRequest): Promise<LiveStream> {
    this.#assertRoom();
    const { tables, log } = this.#options;
    await tables.get(request.id)?.loaded;
    const table = tables.get(request.id);
    const topic = topicForUsers(log, table?.topic ?? request.id);
    if (topic === undefined) throw this.#unknown(request.id);
    const { hub } = tables;
    // From here to the stream's construction nothing may wait: the snapshot and the position belong together.
    const beginning = this.#beginning(request, topic, table);
    const feed = hub.acquire(topic.name);
    const stream: LiveStream = new LiveStream({
      ...beginning,
      context: hub.context,
      feed,
      clock: this.#options.clock,
      defer: this.#options.defer ?? setImmediate,
      filter: request.filter,
      bufferFramesMax: this.#options.bufferFramesMax,
      closed: () => {
        this.#streams.delete(stream);
        request.signal?.removeEventListener('abort', abort);
        hub.release(feed);
      },
    });
    const abort = (): void => stream.close();
    this.#streams.add(stream);
    if (request.signal?.aborted) stream.close();
    else request.signal?.addEventListener('abort', abort, { once: true });
    return stream;
  }

  close(): void {
    for (const stream of [...this.#streams]) stream.close();
  }

  #beginning(request: LiveRequest, topic: TopicConfig, table: ViewTable | undefined): Beginning {
    const { log } = this.#options;
    const starts = logStarts(log, topic);
    const ends = highWatermarks(log, topic);
    if (request.resume !== undefined && request.resume !== '') {
      const from = parsePosition(request.resume, starts);
      assertReadable(topic.name, from, starts, ends);
      assertNothingMissed(log, topic, from);
      return { snapshot: [], from, resumed: true };
    }
    const wanted = request.snapshot ?? true;
    if (table !== undefined && table.failure === undefined) {
      return { snapshot: wanted ? table.snapshot() : [], from: wanted ? table.position() : ends, resumed: false };
    }
    const back = wanted ? LIVE_TAIL_RECORDS : 0;
    const from = ends.map((end, partition) => Math.max(end - back, starts[partition]!) as typeof end);
    return { snapshot: [], from, resumed: false };
  }

  #assertRoom(): void {
    const { streamsMax = LIVE_STREAMS_MAX } = this.#options;
    if (this.#streams.size < streamsMax) return;
    throw new HeadraceError(`opening a live stream: ${streamsMax} are open, which is the limit`, {
      code: 'SERVING_TOO_MANY_STREAMS',
      domain: 'serving',
      retryable: true,
      next: 'close one, or come back later',
    });
  }

  #unknown(id: string): HeadraceError {
    const names = [
      ...this.#options.tables.list().map((table) => table.name),
      ...this.#options.log.topics().map((topic) => topic.name),
    ];
    const near = nearestName(id, names);
    return new HeadraceError(`opening stream "${id}": there is no view and no topic of that name`, {
      code: 'SERVING_UNKNOWN_STREAM',
      domain: 'serving',
      next: near === undefined ? 'see "headrace topics" for those that exist' : `did you mean "${near}"?`,
    });
  }
}

/** Compaction keeps deletions for their time only: who was away for longer would keep rows that are gone. */
function assertNothingMissed(log: Log, topic: TopicConfig, from: TopicPosition): void {
  from.forEach((at, partition) => {
    const { logStart, deletesFrom } = log.bounds(topic.name, partition);
    if (at <= logStart || at >= deletesFrom) return;
    throw offsetGone(
      topic.name,
      `deletions between offset ${at} of partition ${partition} and ${deletesFrom} are gone`,
    );
  });
}

function assertReadable(topic: string, from: TopicPosition, starts: TopicPosition, ends: TopicPosition): void {
  from.forEach((at, partition) => {
    if (at < starts[partition]!) {
      throw offsetGone(
        topic,
        `offset ${at} of partition ${partition} is past retention, which begins at ${starts[partition]}`,
      );
    }
    if (at > ends[partition]!) {
      throw offsetGone(topic, `offset ${at} of partition ${partition} does not exist; the end is ${ends[partition]}`);
    }
  });
}
