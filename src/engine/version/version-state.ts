import type { LedgerPut, Log } from '../../log/log.ts';
import { JOURNAL_SPACE, SNAPSHOT_SPACE } from '../task/journal.ts';

/** What the state of a version is kept under: of one in several tasks one key for each. */
function stateKeys(log: Log, key: string): readonly string[] {
  const isOwn = (entry: string): boolean => entry === key || entry.startsWith(`${key}/`);
  const journals = [...log.ledgerEntries(JOURNAL_SPACE).keys()].map((entry) => entry.slice(0, entry.lastIndexOf('/')));
  return [...new Set([...log.ledgerEntries(SNAPSHOT_SPACE).keys(), ...journals])].filter(isOwn);
}

/** Forgets the journal of a version, and which snapshots it goes on from. */
export function statePuts(log: Log, key: string): readonly LedgerPut[] {
  const puts: LedgerPut[] = [];
  for (const one of stateKeys(log, key)) {
    if (log.ledgerGet(SNAPSHOT_SPACE, one) !== undefined) {
      puts.push({ space: SNAPSHOT_SPACE, key: one, value: undefined });
    }
  }
  const prefix = `${key}/`;
  for (const entry of log.ledgerEntries(JOURNAL_SPACE).keys()) {
    if (entry.startsWith(prefix)) puts.push({ space: JOURNAL_SPACE, key: entry, value: undefined });
  }
  return puts;
}
