import { ByteWriter } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import { checkpointOperations, encodeCheckpoint } from './checkpoint.ts';
import { COMMIT_HEADER_BYTES, writeCommitHeader } from './commit-file.ts';
import { type Disk, DiskFailure, type DiskOperation } from './disk.ts';
import { checkpointPath, commitDirectory, commitLogPath, unfinishedCheckpointPath } from './file-layout.ts';
import type { LogLimits } from './limits.ts';
import type { LogState } from './log-state.ts';
import type { CommitPlace } from './recovery.ts';
import type { SegmentFiles } from './segment-files.ts';

export interface CommitWriterContext {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly limits: LogLimits;
  readonly state: LogState;
  readonly files: SegmentFiles;
  readonly place: CommitPlace;
  readonly onWarning: (message: string) => void;
  /** A fresh salt for a new commit-log file. */
  readonly nextSalt: () => number;
  /** Ends writing. */
  readonly fail: (cause: unknown) => void;
}

/** A checkpoint that the disk refused is tried again when the commit log has grown by this part of its limit. */
const RETRY_PART = 0.25;
/** Segments are synced early whenever the commit log has grown by this part of its limit. */
const FLUSH_PART = 1 / 16;

interface Generation {
  readonly generation: number;
  readonly salt: number;
  readonly allocated: number;
}

/**
 * Where the records of rounds go. When a commit log is long enough, the next one is begun, and the old one is turned into
 * a checkpoint behind the commits: no round waits for more than the switch, which is no I/O at all.
 */
export class CommitWriter {
  readonly #context: CommitWriterContext;
  #base: number;
  #current: Generation;
  #end: number;
  /** The last commit before those of the current commit log. */
  #after: number;
  /** Up to here the file has been written, with zeros beyond `#end`: an fsync has no blocks to allocate there. */
  #allocated: number;
  #checkpointAt: number;
  /** End of the commit log when segments were last synced early. */
  #flushedTo: number;
  #next: { readonly ready: Generation; readonly switched: () => void } | undefined;
  #advancing = false;
  #stopped = false;
  /** The old commit log cannot be read back: the next checkpoint is made from memory, and heals it. */
  #healing = false;

  constructor(context: CommitWriterContext) {
    this.#context = context;
    const { base, generation, salt, end, after } = context.place;
    this.#after = after;
    this.#base = base;
    this.#current = { generation, salt, allocated: end };
    this.#end = end;
    this.#allocated = end;
    this.#flushedTo = end;
    // A crash left commit logs that the checkpoint does not cover yet.
    this.#checkpointAt = generation > base ? 0 : this.#nextCheckpointAt();
  }

  get path(): string {
    return commitLogPath(this.#context.dataDir, this.#current.generation);
  }

  get end(): number {
    return this.#end;
  }

  get salt(): number {
    return this.#current.salt;
  }

  get leaderEpoch(): number {
    return this.#context.place.leaderEpoch;
  }

  #nextCheckpointAt(): number {
    const { dataDir, disk, limits } = this.#context;
    const handle = disk.reader.open(checkpointPath(dataDir, this.#base));
    const bytes = handle?.size() ?? 0;
    handle?.close();
    return Math.max(limits.commitLogBytesMax, 4 * bytes);
  }

  /**
   * What must be written so that a record of so many bytes fits, and a reserve after it. An urgent round may use the
   * reserve: retention has to work on a full disk.
   */
  room(bytes: number, urgent: boolean): DiskOperation[] {
    const { commitSpaceBytes, commitReserveBytes } = this.#context.limits;
    const needed = this.#end + bytes + (urgent ? 0 : commitReserveBytes);
    if (needed <= this.#allocated) return [];
    const from = Math.max(this.#allocated, this.#end + bytes);
    const to = this.#end + bytes + commitReserveBytes + commitSpaceBytes;
    return [{ kind: 'write', path: this.path, position: from, buffers: zeroBuffers(to - from) }];
  }

  /** A record is durable, and so is the room that was made for it. */
  advance(bytes: number, room: readonly DiskOperation[]): void {
    this.#end += bytes;
    if (room.length > 0) {
      const { commitSpaceBytes, commitReserveBytes } = this.#context.limits;
      this.#allocated = this.#end + commitReserveBytes + commitSpaceBytes;
    }
  }

  /** Takes a record back, durably: a refused round must not come to life after a crash. */
  undo(bytes: number): DiskOperation[] {
    const path = this.path;
    const to = Math.min(this.#end + bytes, this.#allocated);
    const zeros: DiskOperation[] =
      to > this.#end ? [{ kind: 'write', path, position: this.#end, buffers: zeroBuffers(to - this.#end) }] : [];
    return [{ kind: 'set-length', path, length: this.#allocated }, ...zeros, { kind: 'sync', path }];
  }

  /** The same where even writing over takes space. */
  undoByCutting(): DiskOperation[] {
    this.#allocated = this.#end;
    return [
      { kind: 'set-length', path: this.path, length: this.#end },
      { kind: 'sync', path: this.path },
    ];
  }

  /** Between two rounds: goes over to the next commit log if it is there. */
  beforeRound(): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    this.#current = next.ready;
    this.#after = this.#context.state.commit;
    this.#end = COMMIT_HEADER_BYTES;
    this.#flushedTo = this.#end;
    this.#allocated = next.ready.allocated;
    next.switched();
  }

  /** Between two rounds: begins a checkpoint if it is time. */
  afterRound(): void {
    if (this.#advancing || this.#stopped) return;
    if (this.#end >= this.#checkpointAt) this.#behind(this.#advance());
    else if (this.#end - this.#flushedTo > FLUSH_PART * this.#context.limits.commitLogBytesMax)
      this.#behind(this.#flush());
  }

  #behind(work: Promise<unknown>): void {
    this.#advancing = true;
    work.then(
      () => {
        this.#advancing = false;
      },
      (error: unknown) => {
        if (!this.#stopped) this.#context.fail(error);
      },
    );
  }

  /** Syncs early a part of what the checkpoint will sync, so that it never gives the disk much at once. */
  #flush(): Promise<unknown> {
    const { disk, files } = this.#context;
    this.#flushedTo = this.#end;
    return disk.runBehind(files.unsyncedFiles().map((path) => ({ kind: 'sync', path })));
  }

  stop(): void {
    this.#stopped = true;
  }

  async #advance(): Promise<void> {
    const { disk, files } = this.#context;
    // A closed commit log may be left from a checkpoint that failed.
    const goesOver = this.#current.generation === this.#base || this.#healing;
    const boundary = goesOver ? await this.#goOver() : this.#boundary();
    if (boundary === undefined || this.#stopped) return;
    const { unsynced, checkpoint } = boundary;
    await disk.runBehind([
      ...unsynced.files.map((path): DiskOperation => ({ kind: 'sync', path })),
      ...unsynced.directories.map((path): DiskOperation => ({ kind: 'sync-directory', path })),
    ]);
    files.takenSynced();
    if (!this.#stopped) await this.#compact(checkpoint);
  }

  /** Makes the next commit log and waits for the round that begins it; undefined when the disk is full. */
  async #goOver(): Promise<Boundary | undefined> {
    const { dataDir, limits, nextSalt } = this.#context;
    const generation = this.#current.generation + 1;
    const salt = nextSalt();
    const path = commitLogPath(dataDir, generation);
    const head = new ByteWriter(new Uint8Array(COMMIT_HEADER_BYTES));
    writeCommitHeader(head, 'log', { leaderEpoch: this.leaderEpoch, salt, generation });
    const zeros = zeroBuffers(limits.commitSpaceBytes + limits.commitReserveBytes);
    const allocated = COMMIT_HEADER_BYTES + limits.commitSpaceBytes + limits.commitReserveBytes;
    const made = await this.#unlessFull(
      [
        { kind: 'remove', path },
        { kind: 'write', path, position: 0, buffers: [head.written(), ...zeros] },
        { kind: 'sync', path },
        { kind: 'sync-directory', path: commitDirectory(dataDir) },
      ],
      [{ kind: 'remove', path }],
    );
    if (!made) return undefined;
    return new Promise((resolve) => {
      this.#next = { ready: { generation, salt, allocated }, switched: () => resolve(this.#boundary()) };
    });
  }

  #boundary(): Boundary {
    const { state, files, limits, clock } = this.#context;
    const { generation, salt } = this.#current;
    const header = { leaderEpoch: this.leaderEpoch, salt, generation };
    const checkpoint = this.#healing
      ? encodeCheckpoint(state, header, clock.now() - limits.producerExpiryMs)
      : undefined;
    return { unsynced: files.takeUnsynced(), checkpoint };
  }

  async #compact(checkpoint: Uint8Array | undefined): Promise<void> {
    const { dataDir, clock, limits, onWarning } = this.#context;
    const through = this.#current.generation;
    const commit = this.#after;
    const unfinished = unfinishedCheckpointPath(dataDir);
    const salt = this.#context.nextSalt();
    const { producerExpiryMs } = limits;
    const operations: DiskOperation[] =
      checkpoint === undefined
        ? [
            {
              kind: 'derive',
              task: { kind: 'checkpoint', dataDir, through, commit, salt, producerExpiryMs, now: clock.now() },
            },
          ]
        : checkpointOperations(dataDir, through, checkpoint);
    try {
      if (!(await this.#unlessFull(operations, [{ kind: 'remove', path: unfinished }]))) return;
    } catch (error) {
      if (!(error instanceof DiskFailure) || error.kind !== 'damage') throw error;
      onWarning(`shortening the commit log of ${dataDir}: ${error.message}; the next checkpoint is made from memory`);
      this.#healing = true;
      this.#checkpointAt = 0;
      return;
    }
    this.#healing = false;
    const outdated = this.#base;
    this.#base = through;
    this.#checkpointAt = this.#nextCheckpointAt();
    if (!this.#stopped) await this.#removeOutdated(outdated, through);
  }

  /** What is left over here is removed by the next start. */
  async #removeOutdated(from: number, through: number): Promise<void> {
    const { dataDir, disk, onWarning } = this.#context;
    const paths: string[] = [];
    for (let generation = from; generation < through; generation++) {
      paths.push(checkpointPath(dataDir, generation), commitLogPath(dataDir, generation));
    }
    try {
      await disk.run(paths.map((path) => ({ kind: 'release', path })));
      await disk.runBehind(paths.map((path) => ({ kind: 'remove', path })));
    } catch (error) {
      onWarning(`removing old commit logs of ${dataDir}: ${messageOf(error)}; the next start tries again`);
    }
  }

  /** Runs the operations; on a full disk takes them back with `undo` and puts the checkpoint off. */
  async #unlessFull(operations: readonly DiskOperation[], undo: readonly DiskOperation[]): Promise<boolean> {
    const { dataDir, disk, limits, onWarning } = this.#context;
    try {
      await disk.runBehind(operations);
      return true;
    } catch (error) {
      if (!(error instanceof DiskFailure) || error.kind !== 'full') throw error;
      await disk.runBehind(undo);
      this.#checkpointAt = this.#end + RETRY_PART * limits.commitLogBytesMax;
      onWarning(`shortening the commit log of ${dataDir}: the disk is full; it is tried again later`);
      return false;
    }
  }
}

/** What holds between the last round of a commit log and the first of the next. */
interface Boundary {
  readonly unsynced: ReturnType<SegmentFiles['takeUnsynced']>;
  /** Set when it is made from memory. */
  readonly checkpoint: Uint8Array | undefined;
}

const ZEROS = 64 * 1024;

/** So many zeros, in views of one shared block. */
function zeroBuffers(bytes: number): Uint8Array[] {
  const block = new SharedArrayBuffer(Math.min(bytes, ZEROS));
  const buffers: Uint8Array[] = [];
  for (let left = bytes; left > 0; left -= ZEROS) buffers.push(new Uint8Array(block, 0, Math.min(left, ZEROS)));
  return buffers;
}
