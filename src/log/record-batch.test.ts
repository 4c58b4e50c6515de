import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { decodeRecordBatches, encodeRecordBatch, type LogRecord } from './record-batch.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const record: fc.Arbitrary<LogRecord> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  timestamp: fc.integer({ min: 0, max: 4e12 }),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: fc.option(bytes) }), { maxLength: 3 }),
});
const plain = (value: Uint8Array | null): number[] | null => (value === null ? null : [...value]);

test('CRC-32C of the check string is the published one', () => {
  expect(crc32c(utf8('123456789'))).toBe(0xe3069283);
});

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
      const { batch, maxTimestamp } = encodeRecordBatch(records, { id: 2n ** 40n, epoch: 300, baseSequence: 5 });
      const [decoded] = decodeRecordBatches(batch);
      expect(decoded).toMatchObject({ records: records.length, size: batch.length, maxTimestamp });
      expect(decoded!.producer).toEqual({ id: 2n ** 40n, epoch: 300, baseSequence: 5 });
      [...decoded!.entries()].forEach((entry, i) => {
        const original = records[i]!;
        expect(entry).toMatchObject({ offset: i, timestamp: original.timestamp });
        expect([plain(entry.key), plain(entry.value)]).toEqual([plain(original.key), plain(original.value)]);
        expect(entry.headers.map((h) => [h.key, plain(h.value)])).toEqual(
          original.headers!.map((h) => [h.key, plain(h.value)]),
        );
      });
    }),
  );
});

test('a batch has the layout of the Kafka documentation', () => {
  const { batch } = encodeRecordBatch([{ key: utf8('k'), value: utf8('v'), timestamp: 0x0102 }]);
  const hex = Buffer.from(batch).toString('hex');
  expect(hex.slice(0, 34)).toBe('0000000000000000' + '0000003a' + '00000000' + '02');
  expect(hex.slice(42)).toBe(
    '0000' +
      '00000000' +
      '0000000000000102' +
      '0000000000000102' +
      'ffffffffffffffff' +
      'ffff' +
      'ffffffff' +
      '00000001' +
      '10000000026b027600',
  );
});

test('a flipped bit is found', () => {
  const { batch } = encodeRecordBatch([{ key: null, value: utf8('hello'), timestamp: 1 }]);
  for (let at = 17; at < batch.length; at++) {
    const damaged = batch.slice();
    damaged[at]! ^= 1;
    expect(() => [...decodeRecordBatches(damaged)]).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }));
  }
});

test('compressed records are refused by name', () => {
  const { batch } = encodeRecordBatch([{ key: null, value: utf8('hello'), timestamp: 1 }]);
  batch[22] = 4;
  new DataView(batch.buffer).setUint32(17, crc32c(batch, 21));
  const [decoded] = decodeRecordBatches(batch);
  expect(() => [...decoded!.entries()]).toThrow(/zstd/);
});
