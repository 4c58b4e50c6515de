import { HeadraceError } from '../../base/error.ts';
import type { LedgerPut, Log } from '../../log/log.ts';
import type { TopicOffset } from '../version/pipeline-record.ts';
import {
  decodeSnapshotPointer,
  encodeSnapshotPointer,
  type FormerState,
  JOURNAL_SPACE,
  type JournalRecord,
  journalKey,
  journalOf,
  retainedPositions,
  SNAPSHOT_SPACE,
  type SnapshotPointer,
} from './journal.ts';

/** Codes of a snapshot that cannot be read. */
const DAMAGED: ReadonlySet<string> = new Set(['ENGINE_SNAPSHOT_INVALID', 'KERNEL_STATE_INVALID']);

/** What a recovery begins with. */
export interface RecoveryStart {
  readonly snapshot: SnapshotPointer | undefined;
  readonly journal: readonly JournalRecord[];
  /** From where on inputs are kept, as far as a snapshot says so. */
  readonly retained: readonly TopicOffset[];
}

/**
 * What the log keeps for the recovery of one task: the newest snapshot, the one before, and the journal since that one. Recovery begins
 * with the one before when the newest is damaged.
 */
export class RecoveryState {
  readonly #log: Log;
  readonly #key: string;
  /** What recovery would begin with. */
  #snapshot: SnapshotPointer | undefined;
  /** The newest, which may be on its way to the log. */
  #newest: SnapshotPointer | undefined;
  #journalFrom = 1;
  /** Of an epoch whose snapshot turned out to be damaged. */
  #damaged: { readonly epoch: number; readonly error: HeadraceError } | undefined;

  constructor(log: Log, key: string) {
    this.#log = log;
    this.#key = key;
  }

  get snapshot(): SnapshotPointer | undefined {
    return this.#snapshot;
  }

  /** @throws HeadraceError `ENGINE_JOURNAL_INVALID` */
  begin(): RecoveryStart {
    const stored = this.#log.ledgerGet(SNAPSHOT_SPACE, this.#key);
    const newest = stored === undefined ? undefined : decodeSnapshotPointer(stored);
    const snapshot = newest !== undefined && newest.epoch === this.#damaged?.epoch ? newest.former?.snapshot : newest;
    const journal = journalOf(this.#log.ledgerEntries(JOURNAL_SPACE), this.#key, snapshot?.epoch ?? 0);
    this.#snapshot = snapshot;
    this.#newest = snapshot;
    this.#journalFrom = (newest?.former === undefined ? (newest?.epoch ?? 0) : epochOfFormer(newest.former)) + 1;
    return { snapshot, journal, retained: newest === undefined ? [] : retainedPositions(newest) };
  }

  /** The commit of a snapshot: what was the newest is kept, with all that replaying from there needs. `retained`: from where inputs are kept. */
  commitOf(
    taken: SnapshotPointer,
    retained: readonly TopicOffset[],
  ): { readonly pointer: SnapshotPointer; readonly puts: readonly LedgerPut[] } {
    const former = formerOf(this.#newest, retained);
    const pointer = { ...taken, former };
    this.#newest = pointer;
    const puts: LedgerPut[] = [{ space: SNAPSHOT_SPACE, key: this.#key, value: encodeSnapshotPointer(pointer) }];
    for (; this.#journalFrom <= epochOfFormer(former); this.#journalFrom++) {
      puts.push({ space: JOURNAL_SPACE, key: journalKey(this.#key, this.#journalFrom), value: undefined });
    }
    return { pointer, puts };
  }

  /** It is durable. */
  committed(snapshot: SnapshotPointer): void {
    this.#snapshot = snapshot;
    this.#damaged = undefined;
  }

  /** Recovery failed: whether the next one begins with the state before, and what is to be said of it. */
  fallBack(error: HeadraceError): string | undefined {
    const newest = this.#snapshot;
    if (!DAMAGED.has(error.code) || this.#damaged !== undefined || newest?.former === undefined) return undefined;
    this.#damaged = { epoch: newest.epoch, error };
    const { snapshot } = newest.former;
    const begins =
      snapshot === undefined ? 'there is none before it' : `recovery begins with that of epoch ${snapshot.epoch}`;
    return `${error.message}; ${begins}, and what came after it is processed again from the log`;
  }

  /** The error of a recovery that failed for good. */
  failureOf(cause: HeadraceError): HeadraceError {
    if (this.#damaged === undefined || cause.retryable) return cause;
    const { error } = this.#damaged;
    return new HeadraceError(`${error.message}; going on from the state before it failed too: ${cause.message}`, {
      code: 'ENGINE_SNAPSHOT_INVALID',
      domain: 'engine',
      cause,
    });
  }
}

function formerOf(snapshot: SnapshotPointer | undefined, retained: readonly TopicOffset[]): FormerState {
  if (snapshot === undefined) return { positions: retained };
  const { former: _, ...own } = snapshot;
  return { snapshot: own, positions: own.positions };
}

/** The epoch that a former state had come to. */
function epochOfFormer({ snapshot }: FormerState): number {
  return snapshot?.epoch ?? 0;
}
