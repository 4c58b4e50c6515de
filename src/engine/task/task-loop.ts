import { offset } from '../../base/brand.ts';
import type { Clock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import { INPUT_PADDING_BYTES, Kernel } from '../../kernel/kernel.ts';
import type { PartitionReader } from '../../log/log.ts';
import { isBatchTooLarge } from '../../log/read-buffer.ts';
import { deserializePipeline } from '../../plan/pipeline-text.ts';
import { AskDesk } from '../effect/ask-desk.ts';
import type { Effect } from '../effect/effect.ts';
import { FunctionGuard } from '../effect/function-guard.ts';
import {
  CHUNK_BYTES,
  CHUNK_BYTES_MAX,
  EPOCH_BYTES_MAX,
  EPOCHS_IN_FLIGHT_MAX,
  RECEIPT_IDLE_TIMEOUT_MS,
  STATUS_INTERVAL_MS,
  TIMER_MS_MAX,
  WAITING_EPOCH_BYTES_MAX,
} from '../limits.ts';
import { WATERMARK_MIN } from '../operator/batch.ts';
import type { ExpressionContext } from '../operator/row-evaluator.ts';
import { loadUserModules } from '../user-module.ts';
import { FollowedReader } from '../version/followed-reader.ts';
import { IdleTracker } from './idle-tracker.ts';
import { chooseInputs } from './input-choice.ts';
import { type JournalRecord, samePlan, sameVersions } from './journal.ts';
import type { Follow, FromTask, TaskStart, ToTask } from './message.ts';
import { ReceiptTally } from './receipt.ts';
import { RecordFetching } from './record-fetching.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import { SnapshotTaker } from './snapshot-taker.ts';
import { type EpochPlan, type InputChunk, Task } from './task.ts';
import { taskPart } from './task-part.ts';
import type { TaskInput } from './task-source.ts';
import type { TaskReport } from './task-status.ts';
import { TimeReading } from './time-reading.ts';

export interface TaskLoopOptions {
  readonly start: TaskStart;
  readonly clock: Clock;
  /** Uniform in [0, 1): spreads what is tried again. */
  readonly random: () => number;
  /** Tells the watchdog of calls of user functions. */
  readonly heartbeat?: Int32Array;
  readonly open: (topic: string, partition: number, from: number) => PartitionReader;
  readonly snapshots: SnapshotStore;
  readonly post: (message: FromTask) => void;
  /** Calls back soon, after messages that wait have been delivered. */
  readonly soon: (callback: () => void) => void;
}

interface Drain {
  readonly id: number;
  readonly closeWindows: boolean;
  readonly flush: boolean;
  /** Where the inputs ended when it was asked for. */
  readonly ends: readonly number[];
}

/** Runs a {@link Task} against a log: recovers it, chooses the input of each epoch, and decides what is idle and when to snapshot. */
export class TaskLoop {
  readonly #options: TaskLoopOptions;
  readonly #task: Task;
  readonly #kernel: Kernel;
  readonly #readers: readonly FollowedReader[];
  readonly #idleTracker: IdleTracker;
  readonly #snapshots: SnapshotTaker;
  readonly #desk: AskDesk;
  /** Where the inputs ended when the task started: until there, it catches up. */
  readonly #startEnds: readonly number[];
  readonly #receipts = new ReceiptTally();
  readonly #time: TimeReading;
  readonly #fetching: RecordFetching;
  #idle: readonly number[] = [];
  /** Those that follow have much to do. */
  #throttled = false;
  #caughtUp = false;
  #committed = 0;
  #scheduled = false;
  #stopping: { readonly snapshot: boolean } | undefined;
  #stopped = false;
  #drains: Drain[] = [];
  #cancelTimer: () => void = () => {};
  #statusAtMs = Number.NEGATIVE_INFINITY;
  #reportedEpoch = -1;
  #chunkBytes = CHUNK_BYTES;
  /** It reads no further than another version, or than where it is to end: its own time stands still. */
  #follows: boolean;
  #halted: boolean;
  /** What the version that it follows had come to when it stopped, until that is taken over. */
  #watermarks: Follow['last'];

  private constructor(
    options: TaskLoopOptions,
    task: Task,
    kernel: Kernel,
    userFunction: ExpressionContext['userFunction'],
    fetching: RecordFetching,
  ) {
    this.#options = options;
    this.#fetching = fetching;
    this.#task = task;
    this.#kernel = kernel;
    if (task.asks.all.length > 0) this.#chunkBytes = WAITING_EPOCH_BYTES_MAX;
    this.#readers = task.inputs.map(({ topic, partition }, i) => {
      const reader = options.open(topic, partition, task.positions[i]!);
      return new FollowedReader(reader, endOf(options.start.follow, topic, partition));
    });
    const { follow } = options.start;
    this.#follows = follow !== undefined;
    this.#halted = follow?.halted ?? false;
    this.#watermarks = follow?.last;
    this.#startEnds = this.#readers.map((reader) => reader.highWatermark());
    const timeouts = task.inputs.map(({ source }) =>
      source === undefined ? Number.POSITIVE_INFINITY : (source.watermark?.idleTimeoutMs ?? RECEIPT_IDLE_TIMEOUT_MS),
    );
    this.#idleTracker = new IdleTracker(timeouts, options.start.bounded || this.#follows);
    const before = options.clock.monotonicMs();
    for (const record of options.start.journal) this.#replay(record);
    this.#committed = task.epoch;
    this.#time = new TimeReading(options.clock, task.clockMs);
    this.#desk = new AskDesk({
      asks: task.asks,
      clock: options.clock,
      random: options.random,
      userFunction,
      forward: (operator, target, asks) => options.post({ kind: 'ask', operator, target, asks }),
      wake: () => this.wake(),
    });
    this.#snapshots = new SnapshotTaker({
      task,
      clock: options.clock,
      snapshots: options.snapshots,
      key: options.start.key,
      intervalMs: options.start.snapshotIntervalMs,
      post: options.post,
      fail: (error) => this.#fail(error),
      last: options.start.snapshot,
      replayMs: options.clock.monotonicMs() - before,
    });
  }

  /**
   * Loads the snapshot and replays the journal.
   * @throws HeadraceError `ENGINE_MUST_REBUILD`, `ENGINE_REPLAY_MISMATCH`, `ENGINE_SNAPSHOT_INVALID`
   */
  static async recover(options: TaskLoopOptions): Promise<TaskLoop> {
    const { start } = options;
    const pipeline = deserializePipeline(start.pipeline);
    const guard = new FunctionGuard({ heartbeat: options.heartbeat, guarded: start.guarded ?? false });
    const userFunction = await loadUserModules(pipeline.modules, guard);
    const kernel = Kernel.create({ memoryBytesMax: start.memoryBytesMax });
    const starts = (topic: string): readonly number[] =>
      start.topics.find((candidate) => candidate.topic === topic)?.logStarts ?? [];
    const part = start.part && taskPart(pipeline, start.part, (topic) => starts(topic).length);
    const fetching = new RecordFetching(options.open);
    const task = new Task({
      pipeline,
      kernel,
      partitions: (topic) => starts(topic).length,
      outputPartitions: (topic) => start.outputs.find((output) => output.topic === topic)?.partitions ?? 1,
      userFunction,
      functions: guard.asking,
      fetch: (topic, partition, at) => fetching.fetch(topic, partition, at),
      ...(part && { part }),
      monotonicMs: () => options.clock.monotonicMs(),
    });
    requireVersions(start, task);
    if (start.snapshot !== undefined) task.restore(options.snapshots.read(start.key, start.snapshot));
    task.inputs.forEach((input, i) => {
      const logStart = starts(input.topic)[input.partition]!;
      if (start.snapshot === undefined) task.setPosition(i, firstRead(start.journal, input) ?? logStart);
      const position = task.positions[i]!;
      if (position < logStart) throw inputGone(pipeline.name, input, position, logStart);
    });
    return new TaskLoop(options, task, kernel, userFunction, fetching);
  }

  /** Processes an epoch again, and compares. Its outputs are in the log already. */
  #replay(record: JournalRecord): void {
    const pieces = this.#task.inputs.map((input, i) => {
      const range = record.ranges.find((r) => r.topic === input.topic && r.partition === input.partition);
      if (range === undefined) return [];
      if (range.from !== this.#task.positions[i]) this.#task.setPosition(i, range.from);
      const reader = this.#readers[i]!;
      if (reader.position !== range.from) reader.seek(offset(range.from));
      return range.pieces ?? [range.bytes];
    });
    const { epoch, clockMs, idle, end, bounded, effects, flush, watermarks } = record;
    const read = this.#readPieces(pieces);
    const decided = { epoch, clockMs, idle, end, bounded, effects, watermarks, ...(flush && { flush }) };
    const result = this.#task.runEpoch({ ...decided, replay: true, read });
    if (watermarks !== undefined) this.#watermarks = undefined;
    const again = JSON.stringify([result.record.ranges, result.record.outputs]);
    if (again !== JSON.stringify([record.ranges, record.outputs]))
      throw replayMismatch(this.#task.pipeline.name, epoch);
    this.#idle = idle;
  }

  /**
   * Reads whole batches. `budgets`: about the bytes of each input. What comes beyond `ends` is left for the next epoch: one that
   * has fallen behind would run after its input for as long as it takes to catch up, and commit nothing meanwhile.
   */
  #readUpTo(budgets: readonly number[], ends: readonly number[]): EpochPlan['read'] {
    const left = [...budgets];
    return (input) => {
      const rest = left[input]!;
      const reader = this.#readers[input]!;
      if (rest <= 0 || reader.position >= ends[input]! || this.#task.asks.isFull) return undefined;
      const chunk = this.#readChunk(reader, undefined);
      left[input] = chunk === undefined ? 0 : rest - chunk.length;
      return chunk;
    };
  }

  /** Reads the pieces of each input that were read before. */
  #readPieces(pieces: readonly (readonly number[])[]): EpochPlan['read'] {
    const next = pieces.map(() => 0);
    return (input) => {
      const bytes = pieces[input]![next[input]!++];
      return bytes === undefined ? undefined : this.#readChunk(this.#readers[input]!, bytes);
    };
  }

  #readChunk(reader: PartitionReader, exact: number | undefined): InputChunk | undefined {
    for (;;) {
      const bytes = exact ?? this.#chunkBytes;
      const address = this.#kernel.arenaAlloc(bytes + INPUT_PADDING_BYTES);
      const target = this.#kernel.u8().subarray(address, address + bytes);
      try {
        const length = reader.readInto(target);
        if (length === 0) return undefined;
        this.#receipts.add(target.subarray(0, length));
        return { address, length, to: reader.position };
      } catch (error) {
        if (!isBatchTooLarge(error) || exact !== undefined || this.#chunkBytes >= CHUNK_BYTES_MAX) throw error;
        this.#chunkBytes = Math.min(this.#chunkBytes * 2, CHUNK_BYTES_MAX);
      }
    }
  }

  get epoch(): number {
    return this.#task.epoch;
  }

  /** Something may be there to do. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#options.soon(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  committed(epoch: number): void {
    this.#committed = epoch;
    this.wake();
  }

  drain({ id, closeWindows, flush }: Extract<ToTask, { kind: 'drain' }>): void {
    this.#drains.push({ id, closeWindows, flush, ends: this.#readers.map((reader) => reader.highWatermark()) });
    this.wake();
  }

  throttle(full: boolean): void {
    this.#throttled = full;
    this.wake();
  }

  /** Silence counts from now. */
  serve(): void {
    this.#idleTracker.serve(this.#options.clock.monotonicMs());
    this.wake();
  }

  /** What the main thread was asked. */
  answer(operator: string, effects: readonly Effect[]): void {
    if (!this.#stopped) this.#desk.answer(operator, effects);
  }

  /** The version that it follows has come further. */
  follow(follow: Follow): void {
    for (const reader of this.#readers) reader.limit = endOf(follow, reader.topic, reader.partition);
    this.#watermarks = follow.last;
    this.#halted = follow.halted ?? false;
    const { clock, start } = this.#options;
    if (follow.over === true && this.#follows) {
      this.#follows = false;
      if (!start.bounded) this.#idleTracker.unbound(clock.monotonicMs());
    }
    this.wake();
  }

  stop(snapshot: boolean): void {
    this.#stopping = { snapshot };
    this.wake();
  }

  #turn(): void {
    if (this.#stopped) return;
    try {
      if (this.#stopping !== undefined) {
        this.#stopped = true;
        void this.#finish(this.#stopping.snapshot);
        return;
      }
      this.#desk.send();
      if (this.#task.epoch - this.#committed >= EPOCHS_IN_FLIGHT_MAX) return;
      const ran = this.#runOne();
      this.#snapshots.takeIfDue();
      if (ran) {
        this.#reportIfDue();
        this.wake();
        return;
      }
      this.#answerDrains();
      this.#setTimer();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#desk.close();
    this.#options.post(failureOf(error));
  }

  /** Runs one epoch if there is input, or if time has something to do; false when there is nothing. */
  #runOne(decided: 'end' | 'flush' | undefined = undefined): boolean {
    const { clock } = this.#options;
    const started = clock.monotonicMs();
    const ends = this.#readers.map((reader) => reader.highWatermark());
    const available = this.#readers.map((reader, i) => Math.max(0, ends[i]! - reader.position));
    const reads = !this.#throttled && !this.#task.asks.isFull && available.some((count) => count > 0);
    const { idle, clockMs } = this.#readTime(started, available);
    const watermarks = available.some((count) => count > 0) ? undefined : this.#watermarks;
    const isDecided = decided !== undefined || watermarks !== undefined;
    if (!(isDecided || reads || this.#desk.hasAnswers || this.#timeHasWork(idle, clockMs))) {
      this.#serveIfCaughtUp();
      return false;
    }
    this.#receipts.clear();
    const inputs = available.map((count, i) => ({ available: count, watermark: this.#task.watermarkOf(i) }));
    const budgets = this.#throttled ? inputs.map(() => 0) : chooseInputs(inputs, this.#epochBytesMax());
    const read = this.#readUpTo(budgets, ends);
    const effects = this.#desk.take();
    const { bounded } = this.#options.start;
    const result = this.#task.runEpoch({
      epoch: this.#task.epoch + 1,
      clockMs,
      idle,
      end: decided === 'end',
      ...(decided === 'flush' && { flush: true }),
      bounded,
      effects,
      watermarks,
      read,
    });
    if (watermarks !== undefined) this.#watermarks = undefined;
    this.#desk.send();
    this.#idle = idle;
    available.forEach((count, i) => {
      if (count > 0) this.#idleTracker.active(i, started);
    });
    this.#serveIfCaughtUp();
    const elapsedMs = clock.monotonicMs() - started;
    this.#snapshots.ran(elapsedMs);
    const { record, appends, rows, deadLetters } = result;
    const receipts = this.#receipts.entries();
    this.#options.post({ kind: 'epoch', record, appends, rows, elapsedMs, receipts, deadLetters });
    return true;
  }

  /** The time of an epoch that begins now, and which inputs are idle in it. */
  #readTime(
    nowMs: number,
    available: readonly number[],
  ): { readonly idle: readonly number[]; readonly clockMs: number } {
    if (this.#halted) return { idle: this.#idle.filter((i) => available[i] === 0), clockMs: this.#task.clockMs };
    const idle = this.#idleTracker.idle(nowMs, (i) => available[i] === 0);
    return { idle, clockMs: this.#time.read(idle.length === available.length) };
  }

  #epochBytesMax(): number {
    if (this.#task.asks.all.length > 0) return WAITING_EPOCH_BYTES_MAX;
    return EPOCH_BYTES_MAX;
  }

  /** A partition has fallen idle or woken, or the clock closes a window. */
  #timeHasWork(idle: readonly number[], clockMs: number): boolean {
    if (idle.join() !== this.#idle.join()) return true;
    const timer = this.#task.nextTimerMs();
    return timer !== undefined && timer <= clockMs;
  }

  #serveIfCaughtUp(): void {
    if (this.#caughtUp) return;
    if (!this.#readers.every((reader, i) => reader.position >= this.#startEnds[i]!)) return;
    this.#caughtUp = true;
    // Of several tasks none serves before all have caught up.
    if (this.#options.start.part === undefined) this.#idleTracker.serve(this.#options.clock.monotonicMs());
    else this.#options.post({ kind: 'caught-up' });
  }

  #answerDrains(): void {
    if (this.#task.asks.waiting > 0) return;
    const reached = (drain: Drain): boolean => drain.ends.every((end, i) => this.#task.positions[i]! >= end);
    const done = this.#drains.filter(reached);
    if (done.length === 0) return;
    const closes = done.some((drain) => drain.closeWindows);
    if (closes && this.#task.holdsBack) this.#runOne('end');
    else if (done.some((drain) => drain.flush) && this.#task.waitsForClock) this.#runOne('flush');
    if (this.#task.asks.waiting > 0) return;
    this.#drains = this.#drains.filter((drain) => !done.includes(drain));
    this.#report();
    for (const { id } of done) this.#options.post({ kind: 'drained', id, epoch: this.#task.epoch });
  }

  /** Wakes for the next partition to fall idle, the next window to close by the clock, a snapshot or a status that is owed. */
  #setTimer(): void {
    this.#cancelTimer();
    this.#reportIfDue();
    const { clock } = this.#options;
    const timer = this.#halted ? undefined : this.#task.nextTimerMs();
    const waits = this.#halted ? [] : [this.#idleTracker.nextMs(this.#idle) - clock.monotonicMs()];
    if (timer !== undefined) waits.push(timer - this.#time.read(this.#idle.length === this.#readers.length));
    waits.push(this.#snapshots.checkInMs() ?? Number.POSITIVE_INFINITY);
    if (this.#reportedEpoch !== this.#task.epoch) waits.push(STATUS_INTERVAL_MS);
    const wait = Math.min(...waits);
    if (wait === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = clock.after(Math.min(TIMER_MS_MAX, Math.max(1, wait)), () => this.wake());
  }

  async #finish(snapshot: boolean): Promise<void> {
    this.#cancelTimer();
    this.#desk.close();
    try {
      if (snapshot) await this.#snapshots.takeLast();
      else await this.#snapshots.cancel();
    } catch (error) {
      this.#options.post(failureOf(error));
      return;
    }
    this.#options.post({ kind: 'stopped', status: this.report() });
    for (const reader of this.#readers) reader.close();
    this.#fetching.close();
    this.#task.close();
  }

  #reportIfDue(): void {
    if (this.#options.clock.monotonicMs() - this.#statusAtMs >= STATUS_INTERVAL_MS) this.#report();
  }

  #report(): void {
    this.#statusAtMs = this.#options.clock.monotonicMs();
    this.#reportedEpoch = this.#task.epoch;
    this.#options.post({ kind: 'status', status: this.report() });
  }

  report(): TaskReport {
    const nowMs = this.#options.clock.monotonicMs();
    const inputs = this.#task.inputs.map(({ topic, partition }, i) => {
      const reader = this.#readers[i]!;
      const watermark = this.#task.watermarkOf(i);
      const idleAtMs = this.#idleTracker.nextMs([...this.#readers.keys()].filter((other) => other !== i));
      const idle = this.#idle.includes(i);
      return {
        operator: this.#task.operatorOf(i),
        topic,
        partition,
        position: reader.position,
        end: reader.highWatermark(),
        watermark: watermark === WATERMARK_MIN ? undefined : watermark.toString(),
        idle,
        idleInMs: idle || idleAtMs === Number.POSITIVE_INFINITY ? undefined : Math.max(0, Math.round(idleAtMs - nowMs)),
      };
    });
    return { ...this.#task.status(), inputs, memoryBytes: this.#kernel.allocatedBytes() };
  }
}

/** Where the reading of a partition stops that is named; of any other, nowhere. */
function endOf(follow: Follow | undefined, topic: string, partition: number): number {
  const end = follow?.ends.find((candidate) => candidate.topic === topic && candidate.partition === partition);
  return end?.offset ?? Number.POSITIVE_INFINITY;
}

export function failureOf(error: unknown): Extract<FromTask, { kind: 'failed' }> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof HeadraceError) return { kind: 'failed', message, code: error.code, retryable: error.retryable };
  return { kind: 'failed', message: `running a pipeline: ${message}`, code: 'ENGINE_FAILED', retryable: false };
}

/** What a snapshot or a journal was made by must be what goes on with it. */
function requireVersions({ snapshot, journal }: TaskStart, task: Task): void {
  const { versions, pipeline } = task;
  if (snapshot !== undefined && !samePlan(snapshot.versions, versions)) throw mustRebuild(pipeline.name);
  if (journal.some((record) => !sameVersions(record.versions, versions))) throw mustRebuild(pipeline.name);
}

/** Where a journal that no snapshot precedes begins to read an input. */
function firstRead(journal: readonly JournalRecord[], input: TaskInput): number | undefined {
  for (const { ranges } of journal) {
    const range = ranges.find(({ topic, partition }) => topic === input.topic && partition === input.partition);
    if (range !== undefined) return range.from;
  }
  return undefined;
}

function inputGone(pipeline: string, input: TaskInput, position: number, logStart: number): HeadraceError {
  const { topic, partition } = input;
  return new HeadraceError(
    `recovering pipeline "${pipeline}": it goes on at offset ${position} of ${topic}/${partition}, which begins at ${logStart} now`,
    {
      code: 'ENGINE_INPUT_GONE',
      domain: 'engine',
      next: 'restore the topic from a copy, or rebuild the pipeline from what is left of its inputs',
    },
  );
}

function mustRebuild(pipeline: string): HeadraceError {
  return new HeadraceError(
    `starting pipeline "${pipeline}": its state was made by another version of the pipeline or of the engine`,
    {
      code: 'ENGINE_MUST_REBUILD',
      domain: 'engine',
      next: 'add --rebuild to build it anew from the start of its inputs, or start the version that made the state',
    },
  );
}

function replayMismatch(pipeline: string, epoch: number): HeadraceError {
  return new HeadraceError(
    `recovering pipeline "${pipeline}": replaying epoch ${epoch} gave other results than were committed`,
    {
      code: 'ENGINE_REPLAY_MISMATCH',
      domain: 'engine',
      next: 'check that its functions depend on nothing but their arguments, then rebuild it from the start of its inputs',
    },
  );
}
