import { HeadraceError } from '../base/error.ts';
import { applyCheckpointRecord } from './checkpoint.ts';
import {
  COMMIT_HEADER_BYTES,
  type CommitFileHeader,
  type CommitScan,
  corruptCommitFile,
  type FramedRecord,
  isZero,
  readCommitHeader,
  scanCommitFile,
} from './commit-file.ts';
import { decodeRound, isRoundKind, RECORD_KINDS, type Round } from './commit-record.ts';
import type { DiskReader } from './disk.ts';
import {
  checkpointPath,
  commitDirectory,
  commitLogPath,
  firstFormatPath,
  generationOf,
  topicsDirectory,
} from './file-layout.ts';
import { versionTooOld, versionUnknown } from './log-error.ts';
import type { LogState } from './log-state.ts';

/** One commit log, as it is on disk. */
export interface ChainFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly header: CommitFileHeader;
  readonly scan: CommitScan;
}

export interface ChainRound {
  readonly round: Round;
  readonly record: FramedRecord;
  readonly file: ChainFile;
}

/** The newest checkpoint, and the commit logs whose rounds go on from it, one after another. */
export interface CommitChain {
  /** Generation of the checkpoint, and of the first commit log. */
  readonly base: number;
  readonly checkpoint: readonly FramedRecord[];
  readonly files: readonly ChainFile[];
  readonly rounds: readonly ChainRound[];
  /** Commit logs that a crash kept from being made; nothing was ever written to them. */
  readonly unfinished: readonly string[];
  /** Set when something that was acknowledged cannot be read; what is here lies before it. */
  readonly damage: HeadraceError | undefined;
}

/**
 * Reads the commit directory. Reads only.
 * @param before leave out commit logs of this generation and later
 * @returns undefined when there is no log yet
 * @throws HeadraceError `LOG_VERSION_UNKNOWN`, `LOG_CORRUPT` when not even the head of the checkpoint can be read
 */
export function readCommitChain(
  reader: DiskReader,
  dataDir: string,
  before = Number.POSITIVE_INFINITY,
): CommitChain | undefined {
  const names = reader.list(commitDirectory(dataDir));
  const numbers = (extension: '.log' | '.checkpoint'): number[] =>
    names.flatMap((name) => generationOf(name, extension) ?? []).filter((generation) => generation <= before);
  const base = numbers('.checkpoint').pop();
  if (base === undefined) return withoutCheckpoint(reader, dataDir, numbers('.log'));
  const walk = new ChainWalk(reader, dataDir);
  walk.checkpoint(checkpointPath(dataDir, base));
  const generations = numbers('.log').filter((generation) => generation >= base && generation < before);
  walk.logs(base, generations);
  return { base, ...walk.found() };
}

/** A first start that was cut short leaves an empty commit log; anything else means that the checkpoint is lost. */
function withoutCheckpoint(reader: DiskReader, dataDir: string, logs: readonly number[]): undefined {
  if (readWhole(reader, firstFormatPath(dataDir)) !== undefined) {
    throw versionTooOld(firstFormatPath(dataDir), 1);
  }
  const used = logs.some((generation) => {
    const bytes = readWhole(reader, commitLogPath(dataDir, generation));
    return bytes !== undefined && !isZero(bytes, COMMIT_HEADER_BYTES);
  });
  if (used || reader.list(topicsDirectory(dataDir)).length > 0) {
    throw corruptCommitFile(checkpointPath(dataDir, logs[0] ?? 0), 0, 'it is missing, though there is data');
  }
}

class ChainWalk {
  readonly #reader: DiskReader;
  readonly #dataDir: string;
  #checkpoint: readonly FramedRecord[] = [];
  readonly #files: ChainFile[] = [];
  readonly #rounds: ChainRound[] = [];
  readonly #unfinished: string[] = [];
  #damage: HeadraceError | undefined;
  #commit = 0;

  constructor(reader: DiskReader, dataDir: string) {
    this.#reader = reader;
    this.#dataDir = dataDir;
  }

  found(): Omit<CommitChain, 'base'> {
    return {
      checkpoint: this.#checkpoint,
      files: this.#files,
      rounds: this.#rounds,
      unfinished: this.#unfinished,
      damage: this.#damage,
    };
  }

  checkpoint(path: string): void {
    const bytes = readWhole(this.#reader, path) ?? new Uint8Array(0);
    const { records, end } = scanCommitFile(bytes, readCommitHeader(bytes, 'checkpoint', path), path);
    this.#checkpoint = records;
    const last = records[records.length - 1];
    if (last?.kind === RECORD_KINDS.checkpointEnd) this.#commit = last.commit;
    else this.#damage = corruptCommitFile(path, end, 'the checkpoint is damaged');
  }

  logs(base: number, generations: readonly number[]): void {
    for (let i = 0; this.#damage === undefined && i < generations.length; i++) {
      const generation = generations[i]!;
      const path = commitLogPath(this.#dataDir, generation);
      const bytes = readWhole(this.#reader, path) ?? new Uint8Array(0);
      const isLast = i === generations.length - 1;
      if (generation !== base + i) this.#damage = missing(commitLogPath(this.#dataDir, base + i));
      else if (isLast && i > 0 && isUnfinished(bytes)) this.#unfinished.push(path);
      else this.#log(path, bytes);
    }
    if (generations.length === 0) this.#damage ??= missing(commitLogPath(this.#dataDir, base));
  }

  #log(path: string, bytes: Uint8Array): void {
    let header: CommitFileHeader;
    try {
      header = readCommitHeader(bytes, 'log', path);
    } catch (error) {
      if (!(error instanceof HeadraceError) || error.code !== 'LOG_CORRUPT') throw error;
      this.#damage = error;
      return;
    }
    const scan = scanCommitFile(bytes, header, path);
    const file = { path, bytes, header, scan };
    const first = scan.records[0];
    if (first !== undefined && first.commit !== this.#commit + 1) {
      this.#damage = corruptCommitFile(
        path,
        first.position,
        `it begins at commit ${first.commit} and ${this.#commit} is the last before it`,
      );
      return;
    }
    this.#files.push(file);
    for (const record of scan.records) {
      if (!isRoundKind(record.kind))
        throw versionUnknown(`reading a record of ${path}`, record.kind, RECORD_KINDS.round);
      this.#rounds.push({ round: decodeRound(record), record, file });
      this.#commit = record.commit;
    }
    if (scan.damaged) this.#damage = corruptCommitFile(path, scan.end, 'a record is damaged, and whole ones follow it');
  }
}

/** A file whose header never became durable was never written to. */
function isUnfinished(bytes: Uint8Array): boolean {
  return (
    isZero(bytes.subarray(0, COMMIT_HEADER_BYTES), 0) && isZero(bytes, Math.min(bytes.length, COMMIT_HEADER_BYTES))
  );
}

function missing(path: string): HeadraceError {
  return corruptCommitFile(path, 0, 'it is missing');
}

export function applyCheckpoint(state: LogState, chain: CommitChain): void {
  for (const record of chain.checkpoint) applyCheckpointRecord(state, record);
}

export function readWhole(reader: DiskReader, path: string): Uint8Array | undefined {
  const handle = reader.open(path);
  if (handle === undefined) return undefined;
  try {
    const bytes = new Uint8Array(handle.size());
    return bytes.subarray(0, handle.read(bytes, 0, bytes.length, 0));
  } finally {
    handle.close();
  }
}
