import { describe, expect, it } from 'vitest';
import { SNAPSHOT_FILES_MAX } from '../limits.ts';
import type { SnapshotFile, SnapshotPointer, SnapshotShare } from './journal.ts';
import { deltaOperators, filesBefore } from './snapshot-chain.ts';

const whole = (operator: number, bytes = 1000): SnapshotShare => ({ operator, bytes, isDelta: false });
const delta = (operator: number, bytes = 10): SnapshotShare => ({ operator, bytes, isDelta: true });
const file = (name: string, shares?: readonly SnapshotShare[]): SnapshotFile => ({
  file: name,
  bytes: 1,
  crc: 1,
  ...(shares !== undefined && { shares }),
});
const pointer = (...files: readonly SnapshotFile[]): SnapshotPointer => ({
  ...files.at(-1)!,
  before: files.slice(0, -1),
  epoch: 1,
  versions: { engine: 1, plan: '', modules: [] },
  positions: [],
});

describe('operators that may write only what has changed', () => {
  it('are none without a snapshot, or after one that does not say what is in it', () => {
    expect(deltaOperators(undefined)).toEqual(new Set());
    expect(deltaOperators(pointer(file('1')))).toEqual(new Set());
  });

  it('are those whose changes are less than half of the whole', () => {
    const last = pointer(
      file('1', [whole(0), whole(1), whole(2)]),
      file('2', [delta(0, 400), delta(1, 300)]),
      file('3', [delta(0, 200), delta(1, 200), whole(3)]),
    );
    expect(deltaOperators(last)).toEqual(new Set([1, 2, 3]));
  });

  it('are not those of the oldest file when there are as many as there may be', () => {
    const files = Array.from({ length: SNAPSHOT_FILES_MAX }, (_, i) => file(`${i}`, [i === 0 ? whole(0) : delta(0)]));
    files[1] = file('1', [delta(0), whole(1)]);
    expect(deltaOperators(pointer(...files))).toEqual(new Set([1]));
    expect(deltaOperators(pointer(...files.slice(1)))).toEqual(new Set([1]));
  });
});

describe('the files that a snapshot builds upon', () => {
  it('are those with a part of an operator that was not written whole since', () => {
    const last = pointer(file('1', [whole(0)]), file('2', [whole(1), delta(0)]), file('3', [delta(0), delta(1)]));
    expect(filesBefore(last, [delta(1), whole(0)])).toEqual([file('2', [whole(1)]), file('3', [delta(1)])]);
    expect(filesBefore(last, [whole(0), whole(1)])).toEqual([]);
    expect(filesBefore(undefined, [whole(0)])).toEqual([]);
  });
});
