import { offset } from '../../base/brand.ts';
import type { Log } from '../../log/log.ts';
import type { TopicOffset } from '../version/pipeline-record.ts';
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
  for (const [key, positions] of recoveryPoints(log)) {
    for (const { topic, partition, offset: from } of positions) log.pin(pinOwner(key), topic, partition, offset(from));
  }
}

/** Where the recovery of a version would begin to read: the first of its tasks in each partition. */
export function recoveryPointOf(log: Log, key: string): readonly TopicOffset[] {
  const first = new Map<string, TopicOffset>();
  for (const [task, positions] of recoveryPoints(log)) {
    if (task !== key && !task.startsWith(`${key}/`)) continue;
    for (const position of positions) {
      const place = `${position.topic}/${position.partition}`;
      const known = first.get(place);
      if (known === undefined || position.offset < known.offset) first.set(place, position);
    }
  }
  return [...first.values()];
}

/** By what states are kept under. */
function recoveryPoints(log: Log): ReadonlyMap<string, readonly TopicOffset[]> {
  const snapshots = log.ledgerEntries(SNAPSHOT_SPACE);
  const points = new Map<string, readonly TopicOffset[]>();
  for (const [key, starts] of journalStarts(log, new Set(snapshots.keys()))) points.set(key, [...starts.values()]);
  for (const [key, value] of snapshots) points.set(key, retainedPositions(decodeSnapshotPointer(value)));
  return points;
}

/** Where journals that no snapshot precedes begin. */
function journalStarts(log: Log, skipped: ReadonlySet<string>): ReadonlyMap<string, Map<string, TopicOffset>> {
  const found = new Map<string, Map<string, TopicOffset>>();
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
      if (known === undefined || from < known.offset)
        starts.set(`${topic}/${partition}`, { topic, partition, offset: from });
    }
  }
  return found;
}

/** The state of a version is gone, in all its tasks: nothing is kept for it any more. */
export function unpinState(log: Log, key: string): void {
  log.unpin(pinOwner(key));
}
