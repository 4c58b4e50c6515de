import { utf8 } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import { KEY_GROUPS } from '../limits.ts';

/** The shard of state that a key belongs to; part of the snapshot format, so it never changes. */
export function keyGroupOf(key: string): number {
  return crc32c(utf8(key)) % KEY_GROUPS;
}

/** Entries dealt out to key groups, with their positions, so that their order can be restored. */
export function byKeyGroup<T>(
  entries: readonly T[],
  keyOf: (entry: T) => string,
): Map<number, { at: number; entry: T }[]> {
  const groups = new Map<number, { at: number; entry: T }[]>();
  entries.forEach((entry, at) => {
    const group = keyGroupOf(keyOf(entry));
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [{ at, entry }]);
    else members.push({ at, entry });
  });
  return groups;
}
