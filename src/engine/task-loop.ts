import { offset } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { INPUT_PADDING_BYTES, Kernel } from '../kernel/kernel.ts';
import type { PartitionReader } from '../log/log.ts';
import { deserializePipeline } from '../plan/pipeline-text.ts';
import { type JournalRecord, type SnapshotPointer, sameVersions } from './journal.ts';
import {
  CHUNK_BYTES,
  CHUNK_BYTES_MAX,
  EPOCH_BYTES_MAX,
  EPOCHS_IN_FLIGHT_MAX,
  JOURNAL_ENTRIES_MAX,
  RECEIPT_IDLE_TIMEOUT_MS,
  STATUS_INTERVAL_MS,
} from './limits.ts';
import type { FromTask, TaskStart } from './message.ts';
import { ReceiptTally } from './receipt.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import { type EpochPlan, type InputChunk, Task, type TaskStatus } from './task.ts';
import { loadUserModules } from './user-module.ts';

export interface TaskLoopOptions {
  readonly start: TaskStart;
  readonly clock: Clock;
  readonly open: (topic: string, partition: number, from: number) => PartitionReader;
  readonly snapshots: SnapshotStore;
  readonly post: (message: FromTask) => void;
  /** Calls back soon, after messages that wait have been delivered. */
  readonly soon: (callback: () => void) => void;
}

interface Drain {
  readonly id: number;
  readonly closeWindows: boolean;
  /** Where the inputs ended when it was asked for. */
  readonly ends: readonly number[];
}

/** Runs a {@link Task} against a log: recovers it, chooses the input of each epoch, and decides what is idle and when to snapshot. */
export class TaskLoop {
  readonly #options: TaskLoopOptions;
  readonly #task: Task;
  readonly #kernel: Kernel;
  readonly #readers: readonly PartitionReader[];
  readonly #lastActiveMs: number[];
  readonly #receipts = new ReceiptTally();
  #idle: readonly number[] = [];
  #committed = 0;
  #ended = false;
  #scheduled = false;
  #stopping: { readonly snapshot: boolean } | undefined;
  #stopped = false;
  #drains: Drain[] = [];
  #cancelTimer: () => void = () => {};
  #snapshotEpoch: number;
  #snapshotAtMs: number;
  #statusAtMs = Number.NEGATIVE_INFINITY;
  #reportedEpoch = -1;
  #chunkBytes = CHUNK_BYTES;

  private constructor(options: TaskLoopOptions, task: Task, kernel: Kernel) {
    this.#options = options;
    this.#task = task;
    this.#kernel = kernel;
    this.#readers = task.inputs.map((input, i) => options.open(input.topic, input.partition, task.positions[i]!));
    this.#lastActiveMs = task.inputs.map(() => options.clock.now());
    this.#snapshotEpoch = options.start.snapshot?.epoch ?? 0;
    this.#snapshotAtMs = options.clock.monotonicMs();
  }

  /**
   * Loads the snapshot and replays the journal.
   * @throws HeadraceError `ENGINE_MUST_REBUILD`, `ENGINE_REPLAY_MISMATCH`, `ENGINE_SNAPSHOT_INVALID`
   */
  static async recover(options: TaskLoopOptions): Promise<TaskLoop> {
    const { start } = options;
    const pipeline = deserializePipeline(start.pipeline);
    const userFunction = await loadUserModules(pipeline.modules);
    const kernel = Kernel.create({ memoryBytesMax: start.memoryBytesMax });
    const starts = (topic: string): readonly number[] =>
      start.topics.find((candidate) => candidate.topic === topic)?.logStarts ?? [];
    const task = new Task({ pipeline, kernel, partitions: (topic) => starts(topic).length, userFunction });
    for (const versions of [start.snapshot?.versions, ...start.journal.map((record) => record.versions)]) {
      if (versions !== undefined && !sameVersions(versions, task.versions)) throw mustRebuild(pipeline.name);
    }
    if (start.snapshot !== undefined) task.restore(options.snapshots.read(pipeline.name, start.snapshot));
    else {
      task.inputs.forEach((input, i) => {
        task.setPosition(i, starts(input.topic)[input.partition]!);
      });
    }
    const loop = new TaskLoop(options, task, kernel);
    for (const record of start.journal) loop.#replay(record);
    loop.#committed = task.epoch;
    loop.#ended = start.journal.some((record) => record.end);
    return loop;
  }

  /** Processes an epoch again, and compares. Its outputs are in the log already. */
  #replay(record: JournalRecord): void {
    const limits = this.#task.inputs.map((input, i) => {
      const range = record.ranges.find((r) => r.topic === input.topic && r.partition === input.partition);
      if (range !== undefined && range.from !== this.#task.positions[i]) this.#task.setPosition(i, range.from);
      return range?.to ?? this.#task.positions[i]!;
    });
    this.#readers.forEach((reader, i) => {
      reader.seek(offset(this.#task.positions[i]!));
    });
    const { epoch, clockMs, idle, end } = record;
    const result = this.#task.runEpoch({ epoch, clockMs, idle, end, read: this.#readUpTo(limits, undefined) });
    const again = JSON.stringify([result.record.ranges, result.record.outputs]);
    if (again !== JSON.stringify([record.ranges, record.outputs]))
      throw replayMismatch(this.#task.pipeline.name, epoch);
    this.#idle = idle;
  }

  /** Reads whole batches; `limits` are the ends of the ranges, `budget` the bytes of the epoch. */
  #readUpTo(limits: readonly number[], budget: number | undefined): EpochPlan['read'] {
    let left = budget ?? Number.POSITIVE_INFINITY;
    return (input) => {
      const reader = this.#readers[input]!;
      if (reader.position >= limits[input]! || left <= 0) return undefined;
      const chunk = this.#readChunk(reader, limits[input]!);
      if (chunk !== undefined) left -= chunk.length;
      return chunk;
    };
  }

  #readChunk(reader: PartitionReader, limit: number): InputChunk | undefined {
    for (;;) {
      const address = this.#kernel.arenaAlloc(this.#chunkBytes + INPUT_PADDING_BYTES);
      const target = this.#kernel.u8().subarray(address, address + this.#chunkBytes);
      try {
        const length = reader.readInto(target);
        if (length === 0) return undefined;
        // A live range ends with a batch; a replayed one ended with one, so what lies beyond it is left for the next.
        const to = Math.min(reader.position, limit);
        if (to < reader.position) reader.seek(offset(to));
        this.#receipts.add(target.subarray(0, length));
        return { address, length, to };
      } catch (error) {
        const tooLarge = error instanceof HeadraceError && error.code === 'LOG_BATCH_TOO_LARGE';
        if (!tooLarge || this.#chunkBytes >= CHUNK_BYTES_MAX) throw error;
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

  drain(id: number, closeWindows: boolean): void {
    this.#drains.push({ id, closeWindows, ends: this.#readers.map((reader) => reader.highWatermark()) });
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
        this.#finish(this.#stopping.snapshot);
        return;
      }
      if (this.#task.epoch - this.#committed >= EPOCHS_IN_FLIGHT_MAX) return;
      if (this.#runOne()) {
        this.#snapshotIfDue();
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
    this.#options.post(failureOf(error));
  }

  /** Runs one epoch if there is input, or if time has something to do; false when there is nothing. */
  #runOne(end = false): boolean {
    const now = this.#options.clock.now();
    const ends = this.#readers.map((reader) => reader.highWatermark());
    const hasInput = this.#readers.some((reader, i) => reader.position < ends[i]!);
    const idle = this.#idlePartitions(now, ends);
    const timer = this.#task.nextTimerMs();
    const idleChanged = idle.join() !== this.#idle.join();
    if (!hasInput && !end && !idleChanged && (timer === undefined || timer > now)) return false;
    const started = this.#options.clock.monotonicMs();
    this.#receipts.clear();
    const read = this.#readUpTo(ends, EPOCH_BYTES_MAX);
    const plan = { epoch: this.#task.epoch + 1, clockMs: now, idle, end, read };
    const result = this.#task.runEpoch(plan);
    this.#idle = idle;
    for (const range of result.record.ranges) {
      const at = this.#task.inputs.findIndex((i) => i.topic === range.topic && i.partition === range.partition);
      this.#lastActiveMs[at] = now;
    }
    const elapsedMs = this.#options.clock.monotonicMs() - started;
    const { record, appends, rows, deadLetters } = result;
    const receipts = this.#receipts.entries();
    this.#options.post({ kind: 'epoch', record, appends, rows, elapsedMs, receipts, deadLetters });
    return true;
  }

  /** Silent for the idle time, and read to the end. */
  #idlePartitions(now: number, ends: readonly number[]): number[] {
    const idle: number[] = [];
    this.#readers.forEach((reader, i) => {
      if (reader.position < ends[i]!) return;
      if (now - this.#lastActiveMs[i]! >= this.#idleTimeout(i)) idle.push(i);
    });
    return idle;
  }

  #idleTimeout(input: number): number {
    return this.#task.inputs[input]!.source.watermark?.idleTimeoutMs ?? RECEIPT_IDLE_TIMEOUT_MS;
  }

  #answerDrains(): void {
    const reached = (drain: Drain): boolean => drain.ends.every((end, i) => this.#task.positions[i]! >= end);
    const done = this.#drains.filter(reached);
    if (done.length === 0) return;
    this.#drains = this.#drains.filter((drain) => !done.includes(drain));
    if (done.some((drain) => drain.closeWindows) && !this.#ended) {
      this.#ended = true;
      this.#runOne(true);
    }
    this.#report();
    for (const { id } of done) this.#options.post({ kind: 'drained', id, epoch: this.#task.epoch });
  }

  /** Wakes for the next partition to fall idle, the next window to close by the clock, or a status that is owed. */
  #setTimer(): void {
    this.#cancelTimer();
    this.#reportIfDue();
    const now = this.#options.clock.now();
    let at = this.#task.nextTimerMs() ?? Number.POSITIVE_INFINITY;
    this.#readers.forEach((_, i) => {
      if (!this.#idle.includes(i)) at = Math.min(at, this.#lastActiveMs[i]! + this.#idleTimeout(i));
    });
    if (this.#reportedEpoch !== this.#task.epoch) at = Math.min(at, now + STATUS_INTERVAL_MS);
    if (at === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#options.clock.after(Math.max(1, at - now), () => this.wake());
  }

  #snapshotIfDue(): void {
    const now = this.#options.clock.monotonicMs();
    const many = this.#task.epoch - this.#snapshotEpoch >= JOURNAL_ENTRIES_MAX;
    if (many || now - this.#snapshotAtMs >= this.#options.start.snapshotIntervalMs) this.#snapshot();
  }

  #snapshot(): void {
    this.#snapshotAtMs = this.#options.clock.monotonicMs();
    if (this.#task.epoch === this.#snapshotEpoch) return;
    const bytes = this.#task.snapshot();
    const { file, crc } = this.#options.snapshots.write(this.#task.pipeline.name, this.#task.epoch, bytes);
    const positions = this.#task.inputs.map(({ topic, partition }, i) => ({
      topic,
      partition,
      offset: this.#task.positions[i]!,
    }));
    const { epoch, versions } = this.#task;
    const pointer: SnapshotPointer = { epoch, file, bytes: bytes.length, crc, versions, positions };
    this.#snapshotEpoch = epoch;
    this.#options.post({ kind: 'snapshot', pointer });
  }

  #finish(snapshot: boolean): void {
    if (snapshot) this.#snapshot();
    this.#stopped = true;
    this.#cancelTimer();
    this.#options.post({ kind: 'stopped', status: this.report() });
    for (const reader of this.#readers) reader.close();
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

  report(): TaskStatus {
    return this.#task.status();
  }
}

export function failureOf(error: unknown): Extract<FromTask, { kind: 'failed' }> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof HeadraceError) return { kind: 'failed', message, code: error.code, retryable: error.retryable };
  return { kind: 'failed', message: `running a pipeline: ${message}`, code: 'ENGINE_FAILED', retryable: false };
}

function mustRebuild(pipeline: string): HeadraceError {
  return new HeadraceError(
    `starting pipeline "${pipeline}": its state was made by another version of the pipeline or of the engine`,
    {
      code: 'ENGINE_MUST_REBUILD',
      domain: 'engine',
      next: 'rebuild it from the start of its inputs, or start the version that made the state',
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
