import { describe, expect, it } from 'vitest';
import { encodeRecordBatch } from '../../log/record-batch.ts';
import { RECEIPTS_MAX, ReceiptTally } from './receipt.ts';

function batches(...receipts: readonly (readonly [atMs: number, records: number])[]): Uint8Array {
  const value = Buffer.from('{}');
  return Buffer.concat(
    receipts.map(
      ([timestamp, count]) =>
        encodeRecordBatch(Array.from({ length: count }, () => ({ key: null, value, timestamp }))).batch,
    ),
  );
}

describe('the receipts of an epoch', () => {
  it('are counted by millisecond from the batch headers', () => {
    const tally = new ReceiptTally();
    tally.add(batches([1_700_000_000_000, 3], [1_700_000_000_001, 1]));
    tally.add(batches([1_700_000_000_000, 2]));
    expect(tally.entries()).toEqual([
      { atMs: 1_700_000_000_000, records: 5 },
      { atMs: 1_700_000_000_001, records: 1 },
    ]);
    tally.clear();
    expect(tally.entries()).toEqual([]);
  });

  it('are bounded, and none is lost', () => {
    const tally = new ReceiptTally();
    for (let at = 0; at < 2 * RECEIPTS_MAX; at++) tally.add(batches([at, 1]));
    const entries = tally.entries();
    expect(entries.length).toBe(RECEIPTS_MAX);
    expect(entries.reduce((sum, { records }) => sum + records, 0)).toBe(2 * RECEIPTS_MAX);
  });
});
