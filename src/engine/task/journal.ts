import { textOf, utf8 } from '../../base/bytes.ts';
import { HeadraceError, messageOf } from '../../base/error.ts';
import type { EpochEffects } from '../effect/task-asks.ts';
import type { TopicOffset } from '../version/pipeline-record.ts';

/** Ledger space of journal records; keys are `<pipeline>/<epoch, 16 digits>`. */
export const JOURNAL_SPACE = 'journal';
/** Ledger space of the current snapshot of each pipeline; the key is its name. */
export const SNAPSHOT_SPACE = 'snapshot';
/** Changes with any change of what a plan means to the engine: older journals are then not replayed. */
export const ENGINE_SEMANTICS_VERSION = 5;

const JOURNAL_FORMAT = 1;

export interface InputRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** Of the record batches: a replay reads no more than this. */
  readonly bytes: number;
  /** Bytes of the pieces in which they were read, where there were several: the order of results may show where one ended. */
  readonly pieces?: readonly number[];
}

/** What the epoch wrote to one partition: replay must come to the same. */
export interface OutputChecksum {
  readonly topic: string;
  readonly records: number;
  readonly bytes: number;
  /** CRC-32C over the batches' CRCs: base offsets are not in it. */
  readonly crc: number;
}

export interface VersionHashes {
  readonly engine: number;
  readonly plan: string;
  readonly modules: readonly string[];
}

/** Everything about an epoch that its inputs do not say. */
export interface JournalRecord {
  readonly epoch: number;
  readonly clockMs: number;
  readonly ranges: readonly InputRange[];
  /** Positions of the idle partitions among the task's inputs. */
  readonly idle: readonly number[];
  /** Every window that was open was closed: bounded input ended with this epoch. */
  readonly end: boolean;
  /** Rows far in the future were taken, since the run is over bounded input. */
  readonly bounded: boolean;
  /** What entered from outside, by operator: results of look-ups and of calls that are asynchronous, volatile or on the pool. */
  readonly effects?: EpochEffects;
  /** What waited for the wall clock came out: another version was about to take its place. */
  readonly flush?: boolean;
  /** How far event time was taken to have come (µs, as text), by source: what another version, or another task, had come to. */
  readonly watermarks?: Readonly<Record<string, string>>;
  readonly outputs: readonly OutputChecksum[];
  readonly versions: VersionHashes;
}

/** What one operator wrote to a file of a snapshot. */
export interface SnapshotShare {
  /** Its place in the pipeline. */
  readonly operator: number;
  readonly bytes: number;
  /** Only what had changed: it follows what earlier files have of the operator. */
  readonly isDelta: boolean;
}

export interface SnapshotFile {
  /** File name in the pipeline's snapshot directory. */
  readonly file: string;
  readonly bytes: number;
  readonly crc: number;
  /** The operators of which it holds something that counts; undefined of a file in an older format, in which all are whole. */
  readonly shares?: readonly SnapshotShare[];
}

/** What the ledger keeps about the current snapshot: the newest file, and those before it that it builds upon. */
export interface SnapshotPointer extends SnapshotFile {
  readonly epoch: number;
  /** Oldest first. */
  readonly before?: readonly SnapshotFile[];
  readonly versions: VersionHashes;
  /** Wall clock, milliseconds; older snapshots do not say. */
  readonly takenAtMs?: number;
  /** Where reading goes on: what retention must keep. */
  readonly positions: readonly TopicOffset[];
  /** What recovery begins with when this is damaged; journal and inputs are kept from there. */
  readonly former?: FormerState;
}

/** The snapshot before, or none: the state was empty, and its journal is kept from the first epoch. */
export interface FormerState {
  readonly snapshot?: Omit<SnapshotPointer, 'former'>;
  readonly positions: readonly TopicOffset[];
}

/** From where on a recovery may have to read. */
export function retainedPositions({ former, positions }: SnapshotPointer): readonly TopicOffset[] {
  return former?.positions ?? positions;
}

export function journalKey(pipeline: string, epoch: number): string {
  return `${pipeline}/${String(epoch).padStart(16, '0')}`;
}

export function encodeJournalRecord(record: JournalRecord): Uint8Array {
  return utf8(JSON.stringify({ format: JOURNAL_FORMAT, ...record }));
}

/** @throws HeadraceError `ENGINE_JOURNAL_INVALID` */
export function decodeJournalRecord(bytes: Uint8Array): JournalRecord {
  return decodeVersioned<JournalRecord>(bytes, 'journal record');
}

export function encodeSnapshotPointer(pointer: SnapshotPointer): Uint8Array {
  return utf8(JSON.stringify({ format: JOURNAL_FORMAT, ...pointer }));
}

/** @throws HeadraceError `ENGINE_JOURNAL_INVALID` */
export function decodeSnapshotPointer(bytes: Uint8Array): SnapshotPointer {
  return decodeVersioned<SnapshotPointer>(bytes, 'snapshot pointer');
}

function decodeVersioned<T>(bytes: Uint8Array, what: string): T {
  let parsed: T & { format?: unknown };
  try {
    parsed = JSON.parse(textOf(bytes)) as T & { format?: unknown };
  } catch (cause) {
    throw invalid(what, messageOf(cause), cause);
  }
  if (parsed.format !== JOURNAL_FORMAT) throw invalid(what, `format ${String(parsed.format)} is not ${JOURNAL_FORMAT}`);
  return parsed;
}

function invalid(what: string, why: string, cause?: unknown): HeadraceError {
  return new HeadraceError(`reading ${what}: ${why}`, {
    code: 'ENGINE_JOURNAL_INVALID',
    domain: 'engine',
    cause,
    next: 'start the version of Headrace that wrote it, or rebuild the pipeline',
  });
}

/** The journal of one pipeline after `afterEpoch`, in order. @throws HeadraceError `ENGINE_JOURNAL_INVALID` when one is missing */
export function journalOf(
  entries: ReadonlyMap<string, Uint8Array>,
  pipeline: string,
  afterEpoch: number,
): readonly JournalRecord[] {
  const prefix = `${pipeline}/`;
  const records: JournalRecord[] = [];
  for (const [key, value] of entries) {
    if (!key.startsWith(prefix) || key.length !== prefix.length + 16) continue;
    const record = decodeJournalRecord(value);
    if (record.epoch > afterEpoch) records.push(record);
  }
  records.sort((a, b) => a.epoch - b.epoch);
  let expected = afterEpoch + 1;
  for (const record of records) {
    if (record.epoch !== expected) throw invalid(`journal of "${pipeline}"`, `epoch ${expected} is missing`);
    expected++;
  }
  return records;
}

/** A journal is replayed by the very version that wrote it. */
export function sameVersions(a: VersionHashes, b: VersionHashes): boolean {
  return a.engine === b.engine && samePlan(a, b);
}

/** A snapshot needs no replay: its format carries a number of its own, and any engine that knows it goes on from it. */
export function samePlan(a: VersionHashes, b: VersionHashes): boolean {
  return a.plan === b.plan && a.modules.join() === b.modules.join();
}
