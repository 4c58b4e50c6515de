import { SNAPSHOT_DELTA_SHARE, SNAPSHOT_FILES_MAX } from '../limits.ts';
import type { SnapshotFile, SnapshotPointer, SnapshotShare } from './journal.ts';

/** The files of a snapshot, oldest first. */
export function filesOf({ before = [], file, bytes, crc, shares }: SnapshotPointer): readonly SnapshotFile[] {
  return [...before, { file, bytes, crc, ...(shares !== undefined && { shares }) }];
}

/**
 * The operators that may write only what has changed since this snapshot: those of which it is known what it has, while their changes
 * come to less than a share of the whole, and their oldest part is in no file that is to go. Pure.
 */
export function deltaOperators(last: SnapshotPointer | undefined): ReadonlySet<number> {
  if (last === undefined) return new Set();
  const files = filesOf(last);
  const whole = new Map<number, number>();
  const changes = new Map<number, number>();
  for (const { shares } of files) {
    if (shares === undefined) return new Set();
    for (const { operator, bytes, isDelta } of shares) {
      const sums = isDelta ? changes : whole;
      sums.set(operator, (sums.get(operator) ?? 0) + bytes);
    }
  }
  const going = files.length < SNAPSHOT_FILES_MAX ? [] : (files[0]!.shares ?? []);
  const stays = new Set(whole.keys());
  for (const { operator } of going) stays.delete(operator);
  for (const [operator, bytes] of changes) {
    if (bytes > whole.get(operator)! * SNAPSHOT_DELTA_SHARE) stays.delete(operator);
  }
  return stays;
}

/** The files that a snapshot with these shares still needs of the last one: an operator that was written whole needs none. Pure. */
export function filesBefore(
  last: SnapshotPointer | undefined,
  shares: readonly SnapshotShare[],
): readonly SnapshotFile[] {
  if (last === undefined) return [];
  const needed = new Set(shares.filter(({ isDelta }) => isDelta).map(({ operator }) => operator));
  return filesOf(last).flatMap((file) => {
    const kept = (file.shares ?? []).filter(({ operator }) => needed.has(operator));
    return kept.length === 0 ? [] : [{ ...file, shares: kept }];
  });
}
