import { JOURNAL_ENTRIES_MAX, SNAPSHOT_COST_PART, SNAPSHOT_QUIET_MS, SNAPSHOT_REPLAY_MS } from '../limits.ts';

/** What has happened since the last snapshot. */
export interface SnapshotDebt {
  /** Epochs that a recovery would have to replay. */
  readonly epochs: number;
  /** What processing them took, milliseconds: about what replaying them takes. */
  readonly replayMs: number;
  /** Since the last snapshot was begun. */
  readonly sinceMs: number;
  /** Since the last epoch. */
  readonly quietMs: number;
  /** What the last snapshot took, from its beginning until it was durable. */
  readonly lastCostMs: number;
}

/**
 * Whether to begin a snapshot. Often enough that a recovery replays for a quarter of a second at most, and nothing at all after a
 * quiet moment; but so seldom that no more than a tenth of the time goes into snapshots. `intervalMs` is the longest
 * time between two while there is something new. Pure.
 */
export function snapshotDue(debt: SnapshotDebt, intervalMs: number): boolean {
  if (debt.epochs === 0) return false;
  if (debt.epochs >= JOURNAL_ENTRIES_MAX || debt.sinceMs >= intervalMs) return true;
  if (debt.sinceMs < debt.lastCostMs * SNAPSHOT_COST_PART) return false;
  return debt.replayMs >= SNAPSHOT_REPLAY_MS || debt.quietMs >= SNAPSHOT_QUIET_MS;
}

/** In how many milliseconds a pipeline that stays quiet has to look again; undefined when there is nothing new. */
export function snapshotCheckInMs(debt: SnapshotDebt, intervalMs: number): number | undefined {
  if (debt.epochs === 0) return undefined;
  const affordable = Math.max(debt.lastCostMs * SNAPSHOT_COST_PART - debt.sinceMs, SNAPSHOT_QUIET_MS - debt.quietMs);
  return Math.max(0, Math.min(affordable, intervalMs - debt.sinceMs));
}
