import { describe, expect, it } from 'vitest';
import { JOURNAL_ENTRIES_MAX, SNAPSHOT_QUIET_MS, SNAPSHOT_REPLAY_MS } from '../limits.ts';
import { type SnapshotDebt, snapshotCheckInMs, snapshotDue } from './snapshot-policy.ts';

const INTERVAL = 10_000;
const debt = (of: Partial<SnapshotDebt>): SnapshotDebt => ({
  epochs: 1,
  replayMs: 0,
  sinceMs: 100,
  quietMs: 0,
  lastCostMs: 0,
  ...of,
});

describe('snapshotDue', () => {
  it('is never due when nothing is new', () => {
    expect(snapshotDue(debt({ epochs: 0, sinceMs: 1e9, quietMs: 1e9 }), INTERVAL)).toBe(false);
  });

  it('is due when a recovery would replay for too long', () => {
    expect(snapshotDue(debt({ replayMs: SNAPSHOT_REPLAY_MS - 1 }), INTERVAL)).toBe(false);
    expect(snapshotDue(debt({ replayMs: SNAPSHOT_REPLAY_MS }), INTERVAL)).toBe(true);
  });

  it('is due after a quiet moment, so that a restart replays nothing', () => {
    expect(snapshotDue(debt({ quietMs: SNAPSHOT_QUIET_MS }), INTERVAL)).toBe(true);
  });

  it('waits ten times as long as the last one took', () => {
    const busy = { replayMs: 1e9, quietMs: 1e9, lastCostMs: 50 };
    expect(snapshotDue(debt({ ...busy, sinceMs: 499 }), INTERVAL)).toBe(false);
    expect(snapshotDue(debt({ ...busy, sinceMs: 500 }), INTERVAL)).toBe(true);
  });

  it('is due after the interval and after so many journal entries whatever it costs', () => {
    const dear = { lastCostMs: 1e9 };
    expect(snapshotDue(debt({ ...dear, sinceMs: INTERVAL }), INTERVAL)).toBe(true);
    expect(snapshotDue(debt({ ...dear, epochs: JOURNAL_ENTRIES_MAX }), INTERVAL)).toBe(true);
  });
});

describe('snapshotCheckInMs', () => {
  it('owes nothing when nothing is new', () => {
    expect(snapshotCheckInMs(debt({ epochs: 0 }), INTERVAL)).toBeUndefined();
  });

  it('comes when the pipeline has been quiet long enough, or the last one was long enough ago', () => {
    expect(snapshotCheckInMs(debt({ quietMs: 400 }), INTERVAL)).toBe(SNAPSHOT_QUIET_MS - 400);
    expect(snapshotCheckInMs(debt({ quietMs: 400, lastCostMs: 200, sinceMs: 100 }), INTERVAL)).toBe(1_900);
  });

  it('is the moment at which a snapshot is due', () => {
    const now = debt({ quietMs: 300, lastCostMs: 150, sinceMs: 700 });
    const wait = snapshotCheckInMs(now, INTERVAL)!;
    const then = { ...now, quietMs: now.quietMs + wait, sinceMs: now.sinceMs + wait };
    expect(snapshotDue(then, INTERVAL)).toBe(true);
  });
});
