import { offset } from '../../base/brand.ts';
import type { Log } from '../../log/log.ts';
import {
  decodeJournalRecord,
  decodeSnapshotPointer,
  JOURNAL_SPACE,
  retainedPositions,
  SNAPSHOT_SPACE,
} from './journal.ts';

/** Who holds retention back for a version of a pipeline. */
export function pinOwner(key: string): string {
  return `pipeline/${key}`;
}

/**
 * Retention stops where the recovery of each state that the log keeps will begin to read: also of pipelines that were not
 * started yet, or whose start fails.
 * @throws HeadraceError `ENGINE_JOURNAL_INVALID`
 */
export function pinRecoveryPoints(log: Log): void {
  const snapshots = log.ledgerEntries(SNAPSHOT_SPACE);
  for (const [key, value] of snapshots) {
    for (const { topic, partition, offset: from } of retainedPositions(decodeSnapshotPointer(value))) {
      log.pin(pinOwner(key), topic, partition, offset(from));
    }
  }
  for (const [key, starts] of journalStarts(log, new Set(snapshots.keys()))) {
    for (const { topic, partition, from } of starts.values()) log.pin(pinOwner(key), topic, partition, offset(from));
  }
}

interface Start {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
}

/** Where journals that no snapshot precedes begin. */
function journalStarts(log: Log, skipped: ReadonlySet<string>): ReadonlyMap<string, Map<string, Start>> {
  const found = new Map<string, Map<string, Start>>();
  for (const [entry, value] of log.ledgerEntries(JOURNAL_SPACE)) {
    const key = entry.slice(0, entry.lastIndexOf('/'));
    if (skipped.has(key)) continue;
    let starts = found.get(key);
    if (starts === undefined) {
      starts = new Map();
      found.set(key, starts);
    }
    for (const { topic, partition, from } of decodeJournalRecord(value).ranges) {
      const known = starts.get(`${topic}/${partition}`);
      if (known === undefined || from < known.from) starts.set(`${topic}/${partition}`, { topic, partition, from });
    }
  }
  return found;
}

/** The state of a version is gone, in all its tasks: nothing is kept for it any more. */
export function unpinState(log: Log, key: string): void {
  log.unpin(pinOwner(key));
}
