import type { LedgerPut, Log } from '../../log/log.ts';
import { JOURNAL_SPACE, SNAPSHOT_SPACE } from '../task/journal.ts';

/** Forgets the journal of a version, and which snapshot it goes on from. */
export function statePuts(log: Log, key: string): readonly LedgerPut[] {
  const puts: LedgerPut[] = [];
  if (log.ledgerGet(SNAPSHOT_SPACE, key) !== undefined) puts.push({ space: SNAPSHOT_SPACE, key, value: undefined });
  const prefix = `${key}/`;
  for (const entry of log.ledgerEntries(JOURNAL_SPACE).keys()) {
    if (entry.startsWith(prefix)) puts.push({ space: JOURNAL_SPACE, key: entry, value: undefined });
  }
  return puts;
}
