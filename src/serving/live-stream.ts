import type { Offset } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { Defer } from './feed-scheduler.ts';
import { FEED_SLICE_RECORDS, LIVE_BUFFER_FRAMES_MAX, LIVE_SLOW_MS_MAX } from './limits.ts';
import { LiveFilter, type RowPredicate } from './live-filter.ts';
import { Replay } from './replay.ts';
import type { LiveFrame } from './serving.ts';
import {
  asServingError,
  type FeedContext,
  isOffsetOutOfRange,
  type RecordListener,
  type TopicFeed,
} from './topic-feed.ts';
import { formatPosition, type TopicPosition } from './topic-position.ts';
import type { TopicRecord } from './topic-record.ts';

export interface LiveStreamOptions {
  readonly context: FeedContext;
  readonly feed: TopicFeed;
  readonly clock: Clock;
  readonly defer: Defer;
  /** Rows to begin with; they reflect everything below `from`. */
  readonly snapshot: readonly TopicRecord[];
  readonly from: TopicPosition;
  readonly filter: RowPredicate | undefined;
  /** True when the client goes on where it was, so that rows it holds are not known here. */
  readonly resumed: boolean;
  readonly bufferFramesMax: number | undefined;
  readonly closed: () => void;
}

/**
 * One subscriber: snapshot rows, a `caught-up` frame, then every change. Pulled in batches, so that the log waits for the
 * client and not memory: what comes while the client is busy waits in a bounded buffer, and when that is full the stream
 * leaves the shared feed and reads on from the log by itself. A client that then takes nothing for
 * {@link LIVE_SLOW_MS_MAX} is let go with `SERVING_SLOW_CONSUMER` and the offset to resume from.
 */
export class LiveStream implements AsyncIterableIterator<readonly LiveFrame[]>, RecordListener {
  readonly #options: LiveStreamOptions;
  readonly #bufferMax: number;
  readonly #filter: LiveFilter;
  #snapshot: readonly TopicRecord[];
  #snapshotTaken = 0;
  #caughtUpSent = false;
  #replay: Replay;
  #buffer: LiveFrame[] = [];
  #overflowed: TopicPosition | undefined;
  #cancelSlow: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #resume: string;
  #ended: HeadraceError | 'closed' | undefined;

  constructor(options: LiveStreamOptions) {
    this.#options = options;
    this.#bufferMax = options.bufferFramesMax ?? LIVE_BUFFER_FRAMES_MAX;
    this.#filter = new LiveFilter(options.filter, options.resumed);
    this.#snapshot = options.snapshot;
    this.#resume = options.resumed ? formatPosition(options.from) : '';
    this.#replay = new Replay(options.context, options.feed, options.from, this);
  }

  /** What the client should resume from if it stopped now; empty while it has not had the whole snapshot. */
  get resumeOffset(): string {
    return this.#resume;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next frames, at least one. @throws HeadraceError `SERVING_SLOW_CONSUMER`, `SERVING_OFFSET_GONE` */
  async next(): Promise<IteratorResult<readonly LiveFrame[], undefined>> {
    this.#cancelSlow?.();
    this.#cancelSlow = undefined;
    for (;;) {
      const frames = await this.#ready();
      if (frames === undefined) return { done: true, value: undefined };
      if (frames.length === 0) continue;
      this.#resume = frames.at(-1)!.offset;
      return { done: false, value: frames };
    }
  }

  async return(): Promise<IteratorResult<readonly LiveFrame[], undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  close(): void {
    this.#end('closed');
  }

  records(records: readonly TopicRecord[]): void {
    if (this.#ended !== undefined || this.#overflowed !== undefined) return;
    if (this.#buffer.length + records.length > this.#bufferMax) {
      this.#overflow(records);
      return;
    }
    for (const record of records) this.#take(record, this.#buffer);
    if (this.#buffer.length > 0) this.#notify();
  }

  gap(partition: number, from: Offset, to: Offset): void {
    this.#end(this.#gone(`offsets ${from} to ${to - 1} of partition ${partition} are past retention`));
  }

  failed(error: HeadraceError): void {
    this.#end(error);
  }

  /** Undefined at the end; empty to be asked again. */
  async #ready(): Promise<readonly LiveFrame[] | undefined> {
    if (this.#ended === undefined && this.#snapshotTaken < this.#snapshot.length) return this.#nextOfSnapshot();
    if (!this.#caughtUpSent && this.#snapshot.length > 0) return [this.#caughtUp(this.#options.from)];
    if (this.#buffer.length > 0) {
      const frames = this.#buffer;
      this.#buffer = [];
      return frames;
    }
    if (this.#ended === 'closed') return undefined;
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#overflowed !== undefined) this.#replayAgain(this.#overflowed);
    if (!this.#replay.attached) return this.#nextOfReplay();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return [];
  }

  async #nextOfSnapshot(): Promise<readonly LiveFrame[]> {
    await this.#breathe();
    const frames: LiveFrame[] = [];
    const end = Math.min(this.#snapshot.length, this.#snapshotTaken + FEED_SLICE_RECORDS);
    for (; this.#snapshotTaken < end; this.#snapshotTaken++) {
      const record = this.#snapshot[this.#snapshotTaken]!;
      if (!this.#filter.snapshot(record)) continue;
      frames.push({ op: 'snapshot', key: record.key, row: record.row(), offset: '' });
    }
    if (end < this.#snapshot.length) return frames;
    frames.push(this.#caughtUp(this.#options.from));
    this.#snapshot = [];
    this.#snapshotTaken = 0;
    return frames;
  }

  async #nextOfReplay(): Promise<readonly LiveFrame[]> {
    await this.#breathe();
    if (this.#ended !== undefined) return [];
    try {
      const frames: LiveFrame[] = [];
      for (const record of this.#replay.pull(FEED_SLICE_RECORDS)) this.#take(record, frames);
      if (this.#replay.attached && !this.#caughtUpSent) frames.push(this.#caughtUp(this.#replay.position()));
      return frames;
    } catch (error) {
      const { name } = this.#options.feed.topic;
      this.#end(
        isOffsetOutOfRange(error)
          ? this.#gone(`retention has passed offset ${formatPosition(this.#replay.position())}`, error)
          : asServingError(error, name),
      );
      return [];
    }
  }

  #take(record: TopicRecord, frames: LiveFrame[]): void {
    const frame = this.#filter.change(record);
    if (frame !== undefined) frames.push(frame);
  }

  #caughtUp(position: TopicPosition): LiveFrame {
    this.#caughtUpSent = true;
    return { op: 'caught-up', key: null, row: null, offset: formatPosition(position) };
  }

  /** The buffer is full: what follows is read from the log when the client has taken what is in the buffer. */
  #overflow(records: readonly TopicRecord[]): void {
    const position = [...this.#options.feed.position()];
    const first = records[0]!;
    position[first.partition] = first.offset;
    this.#overflowed = position;
    this.#options.feed.detach(this);
    this.#cancelSlow ??= this.#options.clock.after(LIVE_SLOW_MS_MAX, () => this.#letGo());
    this.#notify();
  }

  #replayAgain(from: TopicPosition): void {
    this.#overflowed = undefined;
    this.#replay = new Replay(this.#options.context, this.#options.feed, from, this);
  }

  #letGo(): void {
    this.#buffer = [];
    this.#end(
      new HeadraceError(
        `sending stream "${this.#options.feed.topic.name}": the client took nothing for ${LIVE_SLOW_MS_MAX} ms while ` +
          `more than ${this.#bufferMax} changes waited`,
        {
          code: 'SERVING_SLOW_CONSUMER',
          domain: 'serving',
          retryable: true,
          next: this.#resume === '' ? 'open the stream anew' : `resume from offset ${this.#resume}`,
        },
      ),
    );
  }

  #gone(why: string, cause?: unknown): HeadraceError {
    return offsetGone(this.#options.feed.topic.name, why, cause);
  }

  #end(how: HeadraceError | 'closed'): void {
    if (this.#ended !== undefined) return;
    this.#ended = how;
    if (how === 'closed') this.#buffer = [];
    this.#cancelSlow?.();
    this.#replay.close();
    this.#notify();
    this.#options.closed();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Gives the event loop back between slices. */
  #breathe(): Promise<void> {
    return new Promise((resolve) => this.#options.defer(resolve));
  }
}

export function offsetGone(topic: string, why: string, cause?: unknown): HeadraceError {
  return new HeadraceError(`streaming "${topic}": ${why}`, {
    code: 'SERVING_OFFSET_GONE',
    domain: 'serving',
    cause,
    next: 'open the stream without an offset to begin with a snapshot',
  });
}
