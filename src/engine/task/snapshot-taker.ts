import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import { DiskFailure } from '../../log/disk.ts';
import { SNAPSHOT_REFUSED_COST_MS } from '../limits.ts';
import type { SnapshotPointer } from './journal.ts';
import type { FromTask } from './message.ts';
import { deltaOperators, filesBefore } from './snapshot-chain.ts';
import { type SnapshotDebt, snapshotCheckInMs, snapshotDue } from './snapshot-policy.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import type { Task } from './task.ts';
import type { TaskSnapshot } from './task-snapshot.ts';

export interface SnapshotTakerOptions {
  readonly task: Task;
  readonly clock: Clock;
  readonly snapshots: SnapshotStore;
  /** What the store keeps them under. */
  readonly key: string;
  readonly intervalMs: number;
  readonly post: (message: FromTask) => void;
  /** A snapshot went wrong for another reason than the disk. */
  readonly fail: (error: unknown) => void;
  /** The snapshot that recovery began with. */
  readonly last: SnapshotPointer | undefined;
  /** What the replay took, milliseconds. */
  readonly replayMs: number;
}

/** Takes the snapshots of one task, in the background: one at a time, when {@link snapshotDue} says so. */
export class SnapshotTaker {
  readonly #options: SnapshotTakerOptions;
  #epoch: number;
  /** The last that was kept; undefined when the next has to be of everything, since what it would follow was not. */
  #last: SnapshotPointer | undefined;
  #replayMs: number;
  #begunAtMs: number;
  #ranAtMs: number;
  #lastCostMs = 0;
  #cancelled = false;
  #running: Promise<void> | undefined;

  constructor(options: SnapshotTakerOptions) {
    this.#options = options;
    this.#epoch = options.last?.epoch ?? 0;
    this.#last = options.last;
    this.#replayMs = options.replayMs;
    this.#begunAtMs = options.clock.monotonicMs();
    this.#ranAtMs = this.#begunAtMs;
  }

  /** An epoch was processed. */
  ran(elapsedMs: number): void {
    this.#replayMs += elapsedMs;
    this.#ranAtMs = this.#options.clock.monotonicMs();
  }

  #debt(): SnapshotDebt {
    const now = this.#options.clock.monotonicMs();
    return {
      epochs: this.#options.task.epoch - this.#epoch,
      replayMs: this.#replayMs,
      sinceMs: now - this.#begunAtMs,
      quietMs: now - this.#ranAtMs,
      lastCostMs: this.#lastCostMs,
    };
  }

  /** Begins one if it is due and none is under way. */
  takeIfDue(): void {
    if (this.#running === undefined && snapshotDue(this.#debt(), this.#options.intervalMs)) void this.#begin();
  }

  /** When to ask again, if no epoch runs; undefined when nothing is owed. */
  checkInMs(): number | undefined {
    return this.#running === undefined ? snapshotCheckInMs(this.#debt(), this.#options.intervalMs) : undefined;
  }

  /** The end of a task: waits for the one that is under way, and takes a last one if there is something new. */
  async takeLast(): Promise<void> {
    await this.#running;
    if (this.#options.task.epoch !== this.#epoch) await this.#begin();
  }

  /** Gives up the one that is under way; the state may go when it resolves. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#running;
  }

  #begin(): Promise<void> {
    this.#running = this.#take().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #take(): Promise<void> {
    const { task, clock, snapshots, key, post, fail } = this.#options;
    const begunAtMs = clock.monotonicMs();
    const { epoch, versions } = task;
    this.#begunAtMs = begunAtMs;
    this.#replayMs = 0;
    const takenAtMs = clock.now();
    const epochBefore = this.#epoch;
    this.#epoch = epoch;
    const positions = task.neededFrom();
    const writer = snapshots.create(key, epoch);
    let snapshot: TaskSnapshot | undefined;
    try {
      snapshot = task.beginSnapshot(deltaOperators(this.#last));
      for (let section = snapshot.next(); section !== undefined && !this.#cancelled; section = snapshot.next()) {
        await writer.append(section);
      }
      if (this.#cancelled) {
        await writer.abandon();
        return;
      }
      const written = await writer.finish();
      const shares = snapshot.shares();
      const before = filesBefore(this.#last, shares);
      const pointer = { epoch, ...written, shares, before, versions, takenAtMs, positions };
      this.#last = pointer;
      post({ kind: 'snapshot', pointer });
    } catch (error) {
      await writer.abandon();
      this.#epoch = epochBefore;
      this.#last = undefined;
      if (!(error instanceof DiskFailure)) {
        fail(error);
        return;
      }
      const message = `writing snapshot ${epoch} of pipeline "${task.pipeline.name}": ${messageOf(error)}; it is tried again later`;
      post({ kind: 'snapshot-refused', message });
      this.#lastCostMs = SNAPSHOT_REFUSED_COST_MS;
      return;
    } finally {
      snapshot?.end();
    }
    this.#lastCostMs = clock.monotonicMs() - begunAtMs;
  }
}
