import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { HeadraceError } from '../base/error.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import { COMMIT_HEADER_BYTES, corruptCommitFile } from './commit-file.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import { RECORD_HEADER_BYTES } from './commit-record.ts';
import type { Disk } from './disk.ts';
import { DiskLog } from './disk-log.ts';
import { commitDirectory, commitLogPath, nextCommitLogPath, topicsDirectory } from './file-layout.ts';
import { LOG_LIMITS, type LogLimits } from './limits.ts';
import type { Log } from './log.ts';
import { openFailed } from './log-error.ts';
import { DELETED_SPACE, LogState } from './log-state.ts';
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
  /** Called with the time that each round's fsync took, milliseconds. */
  readonly onFsync?: (elapsedMs: number) => void;
  /** A random unsigned 32-bit number. */
  readonly random?: () => number;
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
  const onFsync = options.onFsync ?? (() => {});
  const nextSalt = options.random ?? (() => randomBytes(4).readUInt32LE());
  const recovery = recover(disk.reader, dataDir) ?? (await createLog(dataDir, disk, nextSalt()));
  for (const warning of recovery.warnings) onWarning(warning);
  if (recovery.repairs.length > 0) await disk.run(recovery.repairs);
  const { state, header, commitEnd } = recovery;
  const files = new SegmentFiles();
  for (const [partitionId, cursor] of recovery.indexEntries) files.setIndex(partitionId, cursor);
  const vector = VisibilityVector.create(Math.max(limits.partitionsMax, state.partitions.size));
  const parts = { dataDir, disk, clock, limits, state, files, vector, onWarning };
  const log = new DiskLog(parts, (publish) => {
    const pipeline = new CommitPipeline({ ...parts, header, commitEnd, onWarning, onFsync, publish, nextSalt });
    if (recovery.damage !== undefined) pipeline.fail(recovery.damage);
    return pipeline;
  });
  if (recovery.damage === undefined) {
    for (const name of [...log.ledgerEntries(DELETED_SPACE).keys()]) await log.removeDeleted(name);
  }
  return log;
}

/** A new commit log appears whole or not at all. */
async function createLog(dataDir: string, disk: Disk, salt: number): Promise<Recovery> {
  if (disk.reader.list(topicsDirectory(dataDir)).length > 0) throw commitLogMissing(dataDir);
  const header = { leaderEpoch: 0, salt };
  const state = new LogState();
  const bytes = encodeCheckpoint(state, header, 0);
  const commitEnd = COMMIT_HEADER_BYTES + RECORD_HEADER_BYTES;
  const next = nextCommitLogPath(dataDir);
  await disk.run([
    { kind: 'make-directory', path: commitDirectory(dataDir) },
    { kind: 'make-directory', path: topicsDirectory(dataDir) },
    { kind: 'remove', path: next },
    { kind: 'write', path: next, position: 0, buffers: [bytes] },
    { kind: 'sync', path: next },
    { kind: 'rename', from: next, to: commitLogPath(dataDir) },
    { kind: 'sync-directory', path: commitDirectory(dataDir) },
    { kind: 'sync-directory', path: dataDir },
  ]);
  return { state, header, commitEnd, repairs: [], warnings: [], damage: undefined, indexEntries: new Map() };
}

function commitLogMissing(dataDir: string): HeadraceError {
  return corruptCommitFile(commitLogPath(dataDir), 0, 'it is missing, though there are topics');
}
