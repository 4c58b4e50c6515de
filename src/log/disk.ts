import type { SegmentFile } from './file-layout.ts';

/**
 * The one disk interface of the log. Two implementations: the real disk, whose changes run in an I/O thread of their
 * own, and the virtual disk of the tests, which tears, loses and refuses.
 */

/** A change of the disk. Files are named by path; writing to a file that is not there creates it. */
export type DiskOperation =
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly position: number;
      readonly buffers: readonly Uint8Array[];
    }
  /** Sets the length; longer reads as zeros. */
  | { readonly kind: 'set-length'; readonly path: string; readonly length: number }
  /** Makes content and length durable (fdatasync). A file that is gone needs none. */
  | { readonly kind: 'sync'; readonly path: string }
  /** Makes the names in a directory durable. One that is gone needs none. */
  | { readonly kind: 'sync-directory'; readonly path: string }
  /** With parents; one that exists is fine. */
  | { readonly kind: 'make-directory'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  /** A file or a whole directory; one that is gone is fine. */
  | { readonly kind: 'remove'; readonly path: string }
  /** Lets go of a file, or of all files in a directory, so that a removal elsewhere gives the space back. */
  | { readonly kind: 'release'; readonly path: string }
  /** Work beside the files: reads some and gives the operations that write others. */
  | { readonly kind: 'derive'; readonly task: DiskTask };

/** What a derivation comes to. */
export type PlainOperation = Exclude<DiskOperation, { kind: 'derive' }>;

/** A segment that nothing is appended to any more. */
export interface SealedSegment extends SegmentFile {
  readonly length: number;
  /** Base of the segment after it. */
  readonly end: number;
}

/** Long work on files that no longer change, done where it holds nobody up. */
export type DiskTask =
  /** Writes the state that the commit logs before `through` lead to, as the checkpoint `through`. */
  | {
      readonly kind: 'checkpoint';
      readonly dataDir: string;
      readonly through: number;
      /** The last commit of those commit logs: with less than that, something is lost. */
      readonly commit: number;
      readonly salt: number;
      readonly producerExpiryMs: number;
      readonly now: number;
    }
  /** Writes the sparse indexes of sealed segments that are missing or damaged. */
  | {
      readonly kind: 'restore-indexes';
      readonly directory: string;
      readonly segments: readonly SealedSegment[];
      readonly intervalBytes: number;
    }
  | MapKeysTask
  | CompactSegmentsTask;

/** Finds the last offset of each key in segments that compaction has not seen, as far as memory reaches. */
export interface MapKeysTask {
  readonly kind: 'map-keys';
  readonly directory: string;
  readonly segments: readonly SealedSegment[];
  /** Bytes for keys; what the first segment takes is not limited. */
  readonly memoryMax: number;
  readonly cancel: SharedArrayBuffer;
}

/** Writes one segment of what still counts in several that follow each other. */
export interface CompactSegmentsTask {
  readonly kind: 'compact-segments';
  readonly directory: string;
  readonly segments: readonly SealedSegment[];
  /** Of the file that is made. */
  readonly version: number;
  readonly keys: KeyMemory;
  readonly now: number;
  /** A deletion goes so long after compaction has first met it. */
  readonly deleteRetentionMs: number;
  readonly intervalBytes: number;
  readonly cancel: SharedArrayBuffer;
}

/** The keys of a `map-keys` task, in shared memory. */
export interface KeyMemory {
  readonly slots: SharedArrayBuffer;
  readonly offsets: SharedArrayBuffer;
  readonly texts: SharedArrayBuffer;
}

/** What a task tells besides the files that it leaves. */
export type DerivedResult =
  | { readonly kind: 'keys'; readonly keys: KeyMemory /** Segments that were read whole. */; readonly segments: number }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'compacted';
      readonly length: number;
      readonly maxTimestamp: number;
      /** The offset after the last deletion that was left out; 0 for none. */
      readonly deletesFrom: number;
    };

/**
 * A task at work: operations for the disk, step by step, and what it comes to. A step without operations is a place to rest:
 * more was read.
 */
export type Derivation = Generator<readonly PlainOperation[], DerivedResult | undefined>;

/** `damage`: what a task read is not what was written. */
export type DiskFailureKind = 'full' | 'sync' | 'io' | 'damage';

/** What went wrong in {@link Disk.run}; operations before it have happened, those after it have not. */
export class DiskFailure extends Error {
  readonly kind: DiskFailureKind;
  /** The system's name for it: `ENOSPC`, `EIO`, ... */
  readonly systemCode: string;
  readonly operation: string;

  constructor(kind: DiskFailureKind, systemCode: string, operation: string) {
    super(`${operation}: ${systemCode}`);
    this.name = 'DiskFailure';
    this.kind = kind;
    this.systemCode = systemCode;
    this.operation = operation;
  }
}

/** A full disk is a refusal that can be undone; anything that goes wrong in an fsync is not. */
export function failureKind(operation: DiskOperation['kind'], systemCode: string): DiskFailureKind {
  if (operation === 'sync' || operation === 'sync-directory') return 'sync';
  return systemCode === 'ENOSPC' || systemCode === 'EDQUOT' ? 'full' : 'io';
}

export interface RunResult {
  /** Milliseconds that the syncs of the batch took together. */
  readonly syncMs: number;
  /** Of the last task among the operations that has one. */
  readonly derived?: DerivedResult | undefined;
}

/** An open file for reading; synchronous, since it reads the page cache. */
export interface ReadHandle {
  size(): number;
  /** Reads up to `length` bytes at `position`; returns how many there were. */
  read(target: Uint8Array, offset: number, length: number, position: number): number;
  close(): void;
}

/** The reading half, for any thread. */
export interface DiskReader {
  open(path: string): ReadHandle | undefined;
  /** Names in a directory, sorted; empty if it is not there. */
  list(path: string): readonly string[];
}

export interface Disk {
  readonly reader: DiskReader;
  /** Takes sole ownership of the data directory. @throws HeadraceError `LOG_LOCKED` */
  lock(dataDir: string): Promise<void>;
  /**
   * Runs the operations in order, stopping at the first failure. Batches run in the order of the calls. Buffers that
   * span the whole of their ArrayBuffer are transferred: do not touch them again.
   * @throws DiskFailure
   */
  run(operations: readonly DiskOperation[]): Promise<RunResult>;
  /** The same in a lane of its own, behind which no commit waits. Nothing is promised of the order of the lanes. */
  runBehind(operations: readonly DiskOperation[]): Promise<RunResult>;
  /** The same in a third lane, slowly: it rests as much as it works. For compaction. */
  runApart(operations: readonly DiskOperation[]): Promise<RunResult>;
  /** Waits for what is running, closes files, releases the lock. */
  close(): Promise<void>;
}
