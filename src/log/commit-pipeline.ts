import { type CommitNumber, commitNumber } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { Round } from './commit-record.ts';
import { CommitWriter } from './commit-writer.ts';
import { type Disk, DiskFailure } from './disk.ts';
import { FSYNC_SAMPLES, type LogLimits } from './limits.ts';
import type { CommitResult, LogStats } from './log.ts';
import { closedLog, diskFull, writeFailed } from './log-error.ts';
import type { LogState } from './log-state.ts';
import type { CommitPlace } from './recovery.ts';
import { type AssembledRound, RoundAssembly, type RoundRequest } from './round-assembly.ts';
import type { SegmentFiles } from './segment-files.ts';

export interface PipelineContext {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly limits: LogLimits;
  readonly state: LogState;
  readonly files: SegmentFiles;
  readonly place: CommitPlace;
  readonly onWarning: (message: string) => void;
  readonly onFsync: (elapsedMs: number) => void;
  readonly onWriteFailure: (error: HeadraceError) => void;
  /** Called when a round is durable and applied, before its requests are told. */
  readonly publish: (round: Round) => void;
  /** Called before a round is taken: what is submitted within is part of it. */
  readonly gather: () => void;
  /** A fresh salt for a new commit-log file. */
  readonly nextSalt: () => number;
  /** Calls back soon, after what is ready has run. */
  readonly soon: (callback: () => void) => void;
}

interface Queued {
  readonly request: RoundRequest;
  /** Counted in the pending bytes until it is answered; then 0. */
  bytes: number;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: HeadraceError) => void;
}

interface Accepted {
  readonly entry: Queued;
  readonly result: CommitResult;
}

/** Group commit: one round at a time; while it is on its way to the disk, the next gathers. */
export class CommitPipeline {
  readonly #context: PipelineContext;
  readonly #commits: CommitWriter;
  #queue: Queued[] = [];
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #scheduled = false;
  #closing = false;
  #failure: HeadraceError | undefined;
  #staging = new Uint8Array(new SharedArrayBuffer(64 * 1024));
  #rounds = 0;
  #bytesWritten = 0;
  #fsyncs = 0;
  /** The last round that found no space. */
  #fullAt: { readonly bytes: number; readonly atMs: number } | undefined;
  readonly #fsyncMs: number[] = [];

  constructor(context: PipelineContext) {
    this.#context = context;
    this.#commits = new CommitWriter({ ...context, fail: (cause) => this.endWriting(cause) });
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** What the disk holds is no longer known: nothing more is written. */
  endWriting(cause: unknown): HeadraceError {
    const failure = writeFailed(this.#context.dataDir, cause);
    if (this.#failure === undefined) {
      this.#context.onWarning(failure.message);
      this.#context.onWriteFailure(failure);
    }
    this.fail(failure);
    return failure;
  }

  /** Refuses every write from now on with this error. */
  fail(failure: HeadraceError): void {
    this.#commits.stop();
    this.#failure ??= failure;
    for (const entry of this.#queue.splice(0)) this.#refuse(entry, this.#failure);
  }

  /** Every promise that this returns is settled, whatever happens: by its round, by {@link fail}, or by {@link close}. */
  submit(request: RoundRequest): Promise<CommitResult> {
    const refusal = this.#failure ?? (this.#closing ? closedLog(this.#context.dataDir) : undefined);
    return refusal === undefined ? this.#enqueue(request) : Promise.reject(refusal);
  }

  #enqueue(request: RoundRequest): Promise<CommitResult> {
    let bytes = 0;
    for (const append of request.appends) bytes += append.batch.length;
    for (const put of request.puts) bytes += put.value?.length ?? 0;
    this.#pendingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, bytes, resolve, reject });
      this.#schedule();
    });
  }

  /** Starts after the sockets that are ready have been read, so that their requests share the round. */
  #schedule(): void {
    if (this.#scheduled || this.#running !== undefined) return;
    this.#scheduled = true;
    this.#context.soon(() => {
      this.#running = this.#drain().finally(() => {
        this.#running = undefined;
        if (this.#queue.length > 0) this.#schedule();
      });
      // Only now: what is submitted while the first round is gathered must not begin another one beside it.
      this.#scheduled = false;
    });
  }

  async #drain(): Promise<void> {
    for (;;) {
      this.#context.gather();
      if (this.#queue.length === 0 || this.#failure !== undefined) return;
      const entries = this.#takeRound();
      try {
        this.#commits.beforeRound();
        await this.#runRound(entries);
        this.#commits.afterRound();
      } catch (error) {
        const failure = this.endWriting(error);
        // A refusal of what has been answered does nothing.
        for (const entry of entries) this.#refuse(entry, failure);
      }
    }
  }

  async #settled(): Promise<void> {
    while (this.#scheduled || this.#running !== undefined) {
      if (this.#running !== undefined) await this.#running;
      else await new Promise<void>((resolve) => this.#context.soon(resolve));
    }
  }

  /**
   * Refuses what comes from now on, answers what came before, and writes `last`, so that damage to the round before it
   * cannot pass for a torn tail.
   */
  async close(last: RoundRequest): Promise<void> {
    this.#closing = true;
    if (this.#failure === undefined) await this.#enqueue(last).catch(() => undefined);
    await this.#settled();
    this.fail(closedLog(this.#context.dataDir));
  }

  #takeRound(): Queued[] {
    let bytes = 0;
    let count = 0;
    const urgent = this.#queue[0]!.request.urgent;
    while (count < this.#queue.length && this.#queue[count]!.request.urgent === urgent) {
      bytes += this.#queue[count]!.bytes;
      if (count > 0 && bytes > this.#context.limits.roundBytesMax) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #runRound(entries: readonly Queued[]): Promise<void> {
    const { dataDir, state, files, limits, clock, disk } = this.#context;
    const assembly = new RoundAssembly({ dataDir, state, files, limits, commits: this.#commits }, clock.now());
    const accepted = this.#accept(assembly, entries);
    if (assembly.isEmpty) return this.#answer(accepted);
    const { urgent } = entries[0]!.request;
    const assembled = assembly.finish(urgent, (bytes) => this.#stagingOf(bytes));
    try {
      const { syncMs } = await disk.run(assembled.operations);
      this.#measure(assembled, syncMs);
    } catch (error) {
      await this.#roundFailed(assembled, accepted, error);
      return;
    }
    if (!urgent) this.#foundSpace(assembled.writtenBytes);
    this.#commits.advance(assembled.recordBytes, assembled.room);
    files.keepRound();
    files.directoriesSynced(assembled.operations);
    state.apply(assembled.round);
    this.#context.publish(assembled.round);
    this.#answer(accepted);
  }

  #accept(assembly: RoundAssembly, entries: readonly Queued[]): Accepted[] {
    const before = this.#context.state.commit;
    const accepted: Accepted[] = [];
    for (const entry of entries) {
      try {
        const baseOffsets = assembly.add(entry.request);
        accepted.push({ entry, result: { commit: commitNumber(before + 1), baseOffsets } });
      } catch (error) {
        this.#refuse(entry, error instanceof HeadraceError ? error : writeFailed(this.#context.dataDir, error));
      }
    }
    if (!assembly.isEmpty) return accepted;
    // Repetitions only: the answer is as durable as the round that it was first given for.
    return accepted.map(({ entry, result }) => ({ entry, result: { ...result, commit: commitNumber(before) } }));
  }

  #answer(accepted: readonly Accepted[]): void {
    for (const { entry, result } of accepted) {
      this.#pendingBytes -= entry.bytes;
      entry.bytes = 0;
      entry.resolve(result);
    }
  }

  #refuse(entry: Queued, error: HeadraceError): void {
    this.#pendingBytes -= entry.bytes;
    entry.bytes = 0;
    entry.reject(error);
  }

  #stagingOf(bytes: number): Uint8Array {
    if (bytes > this.#staging.length) this.#staging = new Uint8Array(new SharedArrayBuffer(2 * bytes));
    return this.#staging;
  }

  #measure(assembled: AssembledRound, syncMs: number): void {
    this.#rounds++;
    this.#bytesWritten += assembled.writtenBytes;
    this.#fsyncs += assembled.syncs;
    this.#fsyncMs[this.#rounds % FSYNC_SAMPLES] = syncMs;
    this.#context.onFsync(syncMs);
  }

  /** Small rounds find room in a file where large ones do not: one of them does not mean that the disk has space again. */
  #foundSpace(bytes: number): void {
    if (this.#fullAt === undefined) return;
    const passedMs = this.#context.clock.monotonicMs() - this.#fullAt.atMs;
    if (bytes >= this.#fullAt.bytes || passedMs >= FULL_MS) this.#fullAt = undefined;
  }

  /** A full disk is undone and refused. Anything else ends writing: what the disk holds is no longer known. */
  async #roundFailed(assembled: AssembledRound, accepted: readonly Accepted[], error: unknown): Promise<void> {
    const { dataDir } = this.#context;
    let answer: HeadraceError;
    if (isFull(error)) {
      try {
        await this.#undo(assembled);
        this.#fullAt = { bytes: assembled.writtenBytes, atMs: this.#context.clock.monotonicMs() };
        answer = diskFull(`writing the log in ${dataDir}`, error);
      } catch (undoError) {
        answer = this.endWriting(undoError);
      }
    } else {
      answer = this.endWriting(error);
    }
    for (const { entry } of accepted) this.#refuse(entry, answer);
  }

  /** The segments first, which gives space back; then the record, durably. */
  async #undo(assembled: AssembledRound): Promise<void> {
    const { disk, files } = this.#context;
    await disk.run(assembled.undo);
    files.revertRound(assembled.undo);
    try {
      await disk.run(this.#commits.undo(assembled.recordBytes));
    } catch (error) {
      if (!isFull(error)) throw error;
      await disk.run(this.#commits.undoByCutting());
    }
  }

  stats(): LogStats {
    const sorted = this.#fsyncMs.filter((ms) => ms !== undefined).sort((a, b) => a - b);
    const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
    return {
      rounds: this.#rounds,
      bytesWritten: this.#bytesWritten,
      fsyncs: this.#fsyncs,
      fsyncMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
      diskFull: this.#fullAt !== undefined,
      failure: this.#failure,
    };
  }

  get commit(): CommitNumber {
    return commitNumber(this.#context.state.commit);
  }
}

/** When no round has been refused for so long, the disk counts as having space again. */
const FULL_MS = 5_000;

const isFull = (error: unknown): boolean => error instanceof DiskFailure && error.kind === 'full';
