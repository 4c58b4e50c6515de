import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { ByteWriter } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { HeadraceError } from '../base/error.ts';
import { checkpointOperations, encodeCheckpoint } from './checkpoint.ts';
import { COMMIT_HEADER_BYTES, writeCommitHeader } from './commit-file.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import type { Disk } from './disk.ts';
import { DiskLog } from './disk-log.ts';
import { commitDirectory, commitLogPath, topicsDirectory } from './file-layout.ts';
import { LOG_LIMITS, type LogLimits } from './limits.ts';
import type { Log } from './log.ts';
import { openFailed } from './log-error.ts';
import { LogState } from './log-state.ts';
import { RealDisk } from './real-disk.ts';
import { type Recovery, recover } from './recovery.ts';
import { SegmentFiles } from './segment-files.ts';
import { VisibilityVector } from './visibility-vector.ts';

export interface OpenLogOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  /** The machine's disk by default. */
  readonly disk?: Disk;
  readonly limits?: Partial<LogLimits>;
  /** What an operator should know: a round that was dropped, damage, a full disk. */
  readonly onWarning?: (message: string) => void;
  /** Called once when writing has ended: what the disk holds is no longer known, and only opening it again finds out. */
  readonly onWriteFailure?: (error: HeadraceError) => void;
  /** Called with the time that each round's fsync took, milliseconds. */
  readonly onFsync?: (elapsedMs: number) => void;
  /** A random unsigned 32-bit number. */
  readonly random?: () => number;
  /** Calls back soon, after what is ready has run: `setImmediate` by default. */
  readonly soon?: (callback: () => void) => void;
}

/**
 * Opens the log of a data directory, or makes a new one; recovers what a crash left.
 *
 * @example
 * ```ts
 * const log = await openLog({ dataDir: './data', clock: systemClock });
 * ```
 * @throws HeadraceError `LOG_LOCKED`, `LOG_VERSION_UNKNOWN`, `LOG_CORRUPT`
 */
export async function openLog(options: OpenLogOptions): Promise<Log> {
  const limits = { ...LOG_LIMITS, ...options.limits };
  const disk = options.disk ?? new RealDisk({ openFilesMax: limits.openFilesMax });
  try {
    await disk.lock(options.dataDir);
    return await openLocked(options, disk, limits);
  } catch (error) {
    await disk.close();
    throw openFailed(options.dataDir, error);
  }
}

async function openLocked(options: OpenLogOptions, disk: Disk, limits: LogLimits): Promise<Log> {
  const { dataDir, clock } = options;
  const onWarning = options.onWarning ?? (() => {});
  const nextSalt = options.random ?? (() => randomBytes(4).readUInt32LE());
  const onFsync = options.onFsync ?? (() => {});
  const soon = options.soon ?? setImmediate;
  const onWriteFailure = options.onWriteFailure ?? (() => {});
  const recovery = recover(disk.reader, dataDir, limits) ?? (await createLog(dataDir, disk, limits, nextSalt));
  for (const warning of recovery.warnings) onWarning(warning);
  if (recovery.repairs.length > 0) await disk.run(recovery.repairs);
  const { state, place } = recovery;
  const files = new SegmentFiles();
  for (const [partitionId, cursor] of recovery.indexes) files.setIndex(partitionId, cursor);
  for (const path of recovery.unsyncedIndexes) files.unsyncedIndex(path, dirname(path));
  const vector = VisibilityVector.create(Math.max(limits.partitionsMax, state.partitions.size));
  const parts = { dataDir, disk, clock, limits, state, files, vector, onWarning };
  const log = new DiskLog(parts, (calls) => {
    const pipeline = new CommitPipeline({ ...parts, place, onFsync, onWriteFailure, ...calls, nextSalt, soon });
    if (recovery.damage !== undefined) pipeline.fail(recovery.damage);
    return pipeline;
  });
  if (recovery.damage === undefined) await log.finishOpening();
  return log;
}

/** The checkpoint comes last: a new log is there whole or not at all. */
async function createLog(dataDir: string, disk: Disk, limits: LogLimits, nextSalt: () => number): Promise<Recovery> {
  const state = new LogState(limits.producerExpiryMs);
  const place = { leaderEpoch: 0, salt: nextSalt(), generation: 0, base: 0, end: COMMIT_HEADER_BYTES, after: 0 };
  const head = new ByteWriter(new Uint8Array(COMMIT_HEADER_BYTES));
  writeCommitHeader(head, 'log', place);
  const path = commitLogPath(dataDir, 0);
  await disk.run([
    { kind: 'make-directory', path: commitDirectory(dataDir) },
    { kind: 'make-directory', path: topicsDirectory(dataDir) },
    { kind: 'remove', path },
    { kind: 'write', path, position: 0, buffers: [head.written()] },
    { kind: 'sync', path },
    // Before the checkpoint has its name: one without its commit log is damage.
    { kind: 'sync-directory', path: commitDirectory(dataDir) },
    { kind: 'sync-directory', path: dataDir },
    // Its own name: else a power loss could take the whole directory.
    { kind: 'sync-directory', path: dirname(dataDir) },
    ...checkpointOperations(dataDir, 0, encodeCheckpoint(state, { ...place, salt: nextSalt() }, 0)),
  ]);
  const nothing = { repairs: [], warnings: [], damage: undefined, indexes: new Map(), unsyncedIndexes: [] };
  return { state, place, ...nothing };
}
