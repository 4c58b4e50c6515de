import { offset } from '../base/brand.ts';
import { HeadraceError, messageOf } from '../base/error.ts';
import type { Append, LedgerPut } from '../log/log.ts';
import type { Pipeline } from '../plan/node.ts';
import { serializePipeline } from '../plan/pipeline-text.ts';
import type { PipelineState, PipelineStatus } from './engine.ts';
import { EPOCH_SAMPLES, RETRY_DELAY_MS, RETRY_DELAY_MS_MAX } from './limits.ts';
import type { PipelineRunnerOptions } from './runner-options.ts';
import { runnerStatus } from './runner-status.ts';
import { CommittedPositions } from './task/committed-positions.ts';
import type { TaskExecutor } from './task/executor.ts';
import {
  encodeJournalRecord,
  type InputRange,
  JOURNAL_SPACE,
  journalKey,
  retainedPositions,
  type SnapshotPointer,
} from './task/journal.ts';
import type { Follow, FromTask, TaskStart } from './task/message.ts';
import type { Receipt } from './task/receipt.ts';
import { pinOwner } from './task/recovery-pins.ts';
import { RecoveryState } from './task/recovery-state.ts';
import type { TaskReport } from './task/task-status.ts';
import { visibleEnds, waitsByNature } from './version/input-end.ts';
import type { TopicOffset } from './version/pipeline-record.ts';
import { redirected } from './version/redirect.ts';
import type { VersionRunner } from './version-runner.ts';

/** What the next commit holds: epochs and snapshots in the order in which the task made them. */
interface Pending {
  readonly appends: readonly Append[];
  readonly puts: readonly LedgerPut[];
  readonly epoch: number | undefined;
  readonly ranges: readonly InputRange[];
  readonly snapshot: SnapshotPointer | undefined;
  /** When its task handed it over. */
  readonly sinceMs: number;
  readonly receipts: readonly Receipt[];
  readonly deadLetters: Readonly<Record<string, number>>;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: HeadraceError) => void;
}

/** Somebody waits until all input has been processed. */
interface Drain extends Waiter {
  readonly closeWindows: boolean;
  readonly flush: boolean;
  /** With which it had been, once the task has said. */
  epoch: number | undefined;
}

/** The main thread's side of one pipeline: commits what its task made, strictly in order, and recovers it when that fails. */
export class PipelineRunner implements VersionRunner {
  #pipeline: Pipeline;
  #beside: PipelineRunnerOptions['beside'];
  /** How far it was told to read last. */
  #follow: Follow | undefined;
  /** Nothing is committed meanwhile. */
  #frozen: { readonly resolve: () => void } | undefined;
  readonly #options: PipelineRunnerOptions;
  #executor: TaskExecutor | undefined;
  #state: PipelineState = 'recovering';
  #error: HeadraceError | undefined;
  #report: TaskReport | undefined;
  #pending: Pending[] = [];
  #committing = false;
  #commits: Promise<void> = Promise.resolve();
  #committedEpoch = 0;
  readonly #committed: CommittedPositions;
  /** A call of a user function did not return. */
  #guarded = false;
  readonly #recovery: RecoveryState;
  /** From where on inputs are kept. */
  #retained: readonly TopicOffset[] = [];
  #epochMs: number[] = [];
  #nextDrain = 1;
  readonly #drains = new Map<number, Drain>();
  #starting: Waiter | undefined;
  #stopping: Waiter | undefined;
  #stopReported = false;
  /** The task that ended last may still be writing a snapshot until its thread is gone. */
  #ending: Promise<void> = Promise.resolve();
  #isEnding = false;
  #unsubscribe: () => void = () => {};
  #cancelRetry: () => void = () => {};
  #retryDelayMs = RETRY_DELAY_MS;

  constructor(options: PipelineRunnerOptions) {
    this.#options = options;
    this.#pipeline = options.pipeline;
    this.#beside = options.beside;
    const topics = [...this.#sourceTopics(), ...(options.role?.exchanges ?? [])];
    this.#recovery = new RecoveryState(options.log, options.key);
    this.#committed = new CommittedPositions(options.log, topics, options.role?.reads);
  }

  #sourceTopics(): readonly string[] {
    return [...new Set(this.pipeline.sources.map((source) => source.topic))];
  }

  get pipeline(): Pipeline {
    return this.#pipeline;
  }

  /** It is declared with other alerts or sinks, and the same data flow: what runs need not know. */
  redefine(pipeline: Pipeline): void {
    this.#pipeline = pipeline;
  }

  /** @throws HeadraceError what recovery throws */
  async start(): Promise<void> {
    await this.settled();
    this.#unsubscribe = this.#options.log.onCommit(() => this.#executor?.post({ kind: 'wake' }));
    const started = new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    this.#launch();
    await started;
  }

  /** Does nothing until it is started, but what it will need is kept. */
  hold(): void {
    this.#state = 'paused';
    this.#taskStart();
  }

  #launch(): void {
    this.#state = 'recovering';
    this.#pending = [];
    try {
      const start = this.#taskStart();
      this.#executor = this.#options.executor(start, (message) => this.#receive(message));
    } catch (error) {
      this.#fail(asHeadraceError(error));
    }
  }

  #taskStart(): TaskStart {
    const { log, engine, key, from = [], role } = this.#options;
    const follow = this.#follow ?? this.#beside?.follow();
    const { snapshot, journal, retained } = this.#recovery.begin();
    this.#committedEpoch = journal.at(-1)?.epoch ?? snapshot?.epoch ?? 0;
    this.#committed.recover(snapshot, journal);
    const topics = [...this.#sourceTopics(), ...(role?.exchanges ?? [])].map((topic) => {
      const partitions = log.topic(topic)!.partitions;
      const logStarts = Array.from({ length: partitions }, (_, p) => {
        const chosen = from.find((start) => start.topic === topic && start.partition === p)?.offset ?? 0;
        return Math.max(chosen, Number(log.bounds(topic, p).logStart));
      });
      return { topic, logStarts };
    });
    this.#pin(retained, topics);
    return {
      key,
      part: role?.part,
      pipeline: serializePipeline(this.pipeline),
      topics,
      outputs: this.pipeline.outputs.map(({ topic }) => ({ topic, partitions: log.topic(topic)!.partitions })),
      snapshot,
      journal,
      snapshotIntervalMs: engine.snapshotIntervalMs,
      memoryBytesMax: engine.workerMemoryBytesMax,
      bounded: this.#options.bounded,
      guarded: this.#takeGuarded(),
      ...(follow && { follow }),
    };
  }

  /** For one start: a task that had to be ended once more is guarded once more. */
  #takeGuarded(): boolean {
    const guarded = this.#guarded;
    this.#guarded = false;
    return guarded;
  }

  /** Retention stops where recovery would begin to read; of a later stage also where the rows come from. */
  #pin(positions: readonly TopicOffset[], topics: TaskStart['topics']): void {
    const { key, role, log } = this.#options;
    const retained: TopicOffset[] = [];
    for (const { topic, logStarts } of topics) {
      const mayFetch = role !== undefined && role.part.stage > 0 && !role.exchanges.includes(topic);
      logStarts.forEach((logStart, partition) => {
        if (!mayFetch && role?.reads(topic, partition) === false) return;
        const known = positions.find((p) => p.topic === topic && p.partition === partition);
        const from = known?.offset ?? logStart;
        retained.push({ topic, partition, offset: from });
        log.pin(pinOwner(key), topic, partition, offset(from));
      });
    }
    this.#retained = retained;
  }

  #receive(message: FromTask): void {
    switch (message.kind) {
      case 'recovered':
        this.#report = message.status;
        this.#state = 'running';
        this.#error = undefined;
        this.#starting?.resolve();
        this.#starting = undefined;
        this.#options.role?.onRecovered();
        this.#reissueDrains();
        break;
      case 'caught-up':
        this.#options.role?.onCaughtUp();
        break;
      case 'epoch':
        this.#takeEpoch(message);
        break;
      case 'snapshot':
        this.#queue(this.#snapshotCommit(message.pointer));
        break;
      case 'snapshot-refused':
        this.#options.onWarning(message.message);
        break;
      case 'status':
        this.#report = message.status;
        break;
      case 'drained': {
        const drain = this.#drains.get(message.id);
        if (drain !== undefined) drain.epoch = message.epoch;
        this.#settle();
        break;
      }
      case 'stopped':
        this.#report = message.status;
        this.#stopReported = true;
        this.#settle();
        break;
      case 'failed': {
        const { code, retryable } = message;
        this.#guarded ||= code === 'ENGINE_USER_FUNCTION_TIMEOUT';
        this.#fail(new HeadraceError(message.message, { code, domain: 'engine', retryable }));
      }
    }
  }

  #takeEpoch(message: Extract<FromTask, { kind: 'epoch' }>): void {
    const { record, appends, rows, elapsedMs, receipts, deadLetters } = message;
    this.#epochMs.push(elapsedMs);
    if (this.#epochMs.length > EPOCH_SAMPLES) this.#epochMs.shift();
    this.#options.onEpoch(rows, elapsedMs);
    const key = journalKey(this.#options.key, record.epoch);
    const puts = [{ space: JOURNAL_SPACE, key, value: encodeJournalRecord(record) }];
    this.#queue({
      appends,
      puts,
      epoch: record.epoch,
      ranges: record.ranges,
      snapshot: undefined,
      sinceMs: this.#options.clock.monotonicMs(),
      receipts,
      deadLetters,
    });
  }

  #snapshotCommit(taken: SnapshotPointer): Pending {
    const { pointer, puts } = this.#recovery.commitOf(taken, this.#retained);
    return {
      appends: [],
      puts,
      epoch: undefined,
      ranges: [],
      snapshot: pointer,
      sinceMs: 0,
      receipts: [],
      deadLetters: {},
    };
  }

  #queue(pending: Pending): void {
    this.#pending.push(pending);
    if (!this.#committing && this.#frozen === undefined) this.#commits = this.#commitAll();
  }

  /** One commit is in flight at a time, and takes all that waits: an epoch can never be durable without the one before. */
  async #commitAll(): Promise<void> {
    this.#committing = true;
    try {
      while (this.#pending.length > 0 && this.#frozen === undefined) {
        const batch = this.#pending;
        this.#pending = [];
        const appends = batch.flatMap((pending) => pending.appends);
        await this.#options.log.commit({
          appends: this.#beside === undefined ? appends : redirected(appends, this.#beside.redirect),
          puts: batch.flatMap((pending) => pending.puts),
        });
        this.#afterCommit(batch);
      }
    } catch (error) {
      this.#committing = false;
      this.#frozen?.resolve();
      this.#fail(asHeadraceError(error));
      return;
    }
    this.#committing = false;
    this.#frozen?.resolve();
    this.#settle();
  }

  #afterCommit(batch: readonly Pending[]): void {
    this.#retryDelayMs = RETRY_DELAY_MS;
    for (const { epoch, appends, ranges, snapshot, sinceMs, receipts, deadLetters } of batch) {
      if (epoch !== undefined) {
        this.#committedEpoch = epoch;
        this.#committed.advance(ranges);
        this.#options.role?.onCommitted(appends, ranges);
        this.#options.onVisible(receipts, deadLetters, this.#options.clock.monotonicMs() - sinceMs);
      }
      if (snapshot === undefined) continue;
      const { key, log, snapshots } = this.#options;
      this.#recovery.committed(snapshot);
      void snapshots.keepOnly(key, snapshot);
      this.#retained = retainedPositions(snapshot);
      for (const p of this.#retained) log.pin(pinOwner(key), p.topic, p.partition, offset(p.offset));
    }
    this.#executor?.post({ kind: 'committed', epoch: this.#committedEpoch });
    this.#settle();
  }

  /** Answers those who wait for what is durable now. */
  #settle(): void {
    for (const [id, drain] of this.#drains) {
      if (drain.epoch === undefined || drain.epoch > this.#committedEpoch) continue;
      this.#drains.delete(id);
      drain.resolve();
    }
    if (this.#stopReported && !this.#committing && this.#pending.length === 0) void this.#finishStop();
  }

  async #finishStop(): Promise<void> {
    const stopping = this.#stopping;
    this.#stopping = undefined;
    this.#stopReported = false;
    this.#state = 'stopped';
    const executor = this.#executor;
    this.#executor = undefined;
    await this.#end(executor);
    this.#release();
    stopping?.resolve();
  }

  #release(): void {
    this.#unsubscribe();
    this.#cancelRetry();
    for (const drain of this.#drains.values()) drain.reject(stopped(this.pipeline.name));
    this.#drains.clear();
  }

  /** The state of the task ran ahead of what is durable: it is discarded, and recovered when that may help. */
  #fail(cause: HeadraceError): void {
    this.#pending = [];
    if (this.#fallsBack(cause)) return;
    const error = this.#state === 'recovering' ? this.#recovery.failureOf(cause) : cause;
    // The last commit of one that has ended did not come through: whoever goes on begins before it.
    if (this.#state === 'stopped' || this.#state === 'failed') return;
    const executor = this.#executor;
    this.#executor = undefined;
    this.#stopReported = false;
    this.#error = error;
    void this.#end(executor);
    this.#options.onFailure(error);
    if (error.retryable && this.#stopping === undefined && this.#starting === undefined) {
      this.#state = 'retrying';
      this.#retryLater();
      return;
    }
    this.#state = 'failed';
    this.#unsubscribe();
    this.#starting?.reject(error);
    this.#starting = undefined;
    this.#stopping?.reject(error);
    this.#stopping = undefined;
    for (const drain of this.#drains.values()) drain.reject(error);
    this.#drains.clear();
  }

  /** Begins with the snapshot before when the newest is damaged, and that one is kept. */
  #fallsBack(error: HeadraceError): boolean {
    const message = this.#state === 'recovering' ? this.#recovery.fallBack(error) : undefined;
    if (message === undefined) return false;
    this.#options.onDamaged(message);
    const executor = this.#executor;
    this.#executor = undefined;
    void this.#end(executor).then(() => {
      if (this.#state === 'recovering') this.#launch();
    });
    return true;
  }

  /** A commit that is still in flight decides what there is to recover from. */
  #retryLater(): void {
    this.#cancelRetry();
    this.#cancelRetry = this.#options.clock.after(this.#retryDelayMs, () => {
      if (this.#committing || this.#isEnding) this.#retryLater();
      else this.#launch();
    });
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, RETRY_DELAY_MS_MAX);
  }

  /**
   * Resolves when no commit of this run is on its way any more, and its task has ended. Nobody may recover the pipeline before: the
   * epoch in such a commit is not in the journal yet, and would be processed a second time; and a snapshot that the task still writes, or
   * removes, may have the name of the first that its successor takes.
   */
  async settled(): Promise<void> {
    await Promise.all([this.#commits, this.#ending]);
  }

  #end(executor: TaskExecutor | undefined): Promise<void> {
    if (executor === undefined) return this.#ending;
    this.#isEnding = true;
    this.#ending = executor.terminate().finally(() => {
      this.#isEnding = false;
    });
    return this.#ending;
  }

  #reissueDrains(): void {
    for (const [id, drain] of this.#drains) {
      drain.epoch = undefined;
      this.#executor?.post({ kind: 'drain', id, closeWindows: drain.closeWindows, flush: drain.flush });
    }
  }

  idle(options?: { readonly closeWindows: boolean }): Promise<void> {
    return this.#drain(options?.closeWindows ?? false, false);
  }

  #drain(closeWindows: boolean, flush: boolean): Promise<void> {
    if (this.#state === 'failed') return Promise.reject(this.#error);
    if (this.#state === 'stopped') return Promise.reject(stopped(this.pipeline.name));
    const id = this.#nextDrain++;
    return new Promise((resolve, reject) => {
      this.#drains.set(id, { resolve, reject, closeWindows, flush, epoch: undefined });
      if (this.#state === 'running') this.#executor?.post({ kind: 'drain', id, closeWindows, flush });
    });
  }

  async stop(options?: { readonly snapshot: boolean }): Promise<void> {
    if (this.#state === 'running' && this.#executor !== undefined) {
      const before = this.#stopping;
      const stopped = new Promise<void>((resolve, reject) => {
        this.#stopping = {
          resolve: () => {
            before?.resolve();
            resolve();
          },
          reject: (error) => {
            before?.reject(error);
            reject(error);
          },
        };
      });
      if (before !== undefined) return stopped;
      this.#executor.post({ kind: 'stop', snapshot: options?.snapshot ?? true });
      return stopped;
    }
    const executor = this.#executor;
    this.#executor = undefined;
    if (this.#state !== 'failed') this.#state = 'stopped';
    this.#release();
    this.#starting?.reject(stopped(this.pipeline.name));
    this.#starting = undefined;
    await this.#end(executor);
    await this.settled();
  }

  freeze(): Promise<void> {
    return new Promise((resolve) => {
      this.#frozen = { resolve };
      if (!this.#committing) resolve();
    });
  }

  thaw({ live }: { readonly live: boolean }): void {
    this.#frozen = undefined;
    if (live) {
      this.#beside = undefined;
      this.follow({ ends: [], over: true });
    }
    if (!this.#committing && this.#pending.length > 0) this.#commits = this.#commitAll();
  }

  follow(follow: Follow): void {
    this.#follow = follow.over === true ? undefined : follow;
    this.#executor?.post({ kind: 'follow', follow });
  }

  reach(follow: Follow): Promise<void> {
    this.follow(follow);
    return this.#drain(false, true);
  }

  halt(): Promise<void> {
    return this.reach({ ends: visibleEnds(this.#options.log, this.pipeline), halted: true });
  }

  holdsRows(): boolean {
    return waitsByNature(this.pipeline);
  }

  /** What its task said of itself last. */
  get report(): TaskReport | undefined {
    return this.#report;
  }

  watermarks(): Readonly<Record<string, string>> {
    const sources = (this.#report?.operators ?? []).filter(({ kind }) => kind === 'source');
    return Object.fromEntries(
      sources.flatMap(({ id, watermark }) =>
        watermark === undefined ? [] : [[id.replace(/^source:/, ''), watermark]],
      ),
    );
  }

  positions(): readonly TopicOffset[] {
    return this.#committed.positions();
  }

  /** Those that follow have much to do, or no more. */
  throttle(full: boolean): void {
    this.#executor?.post({ kind: 'throttle', full });
  }

  /** The tasks beside it have caught up as well. */
  serve(): void {
    this.#executor?.post({ kind: 'serve' });
  }

  /** Where the durable epochs end in a partition. */
  committedPosition(topic: string, partition: number): number {
    return this.#committed.position(topic, partition);
  }

  status(): PipelineStatus {
    const { engine } = this.#options;
    return runnerStatus({
      name: this.pipeline.name,
      state: this.#state,
      epoch: this.#committedEpoch,
      error: this.#error,
      lagRecords: this.#committed.lagRecords(),
      epochMs: this.#epochMs,
      report: this.#report,
      snapshot: this.#recovery.snapshot,
      memoryBytesMax: engine.workerMemoryBytesMax,
    });
  }
}

function stopped(name: string): HeadraceError {
  return new HeadraceError(`waiting for pipeline "${name}": it was stopped`, {
    code: 'ENGINE_STOPPED',
    domain: 'engine',
    next: 'start it again',
  });
}

function asHeadraceError(error: unknown): HeadraceError {
  if (error instanceof HeadraceError) return error;
  return new HeadraceError(`running a pipeline: ${messageOf(error)}`, {
    code: 'ENGINE_FAILED',
    domain: 'engine',
    cause: error,
  });
}
