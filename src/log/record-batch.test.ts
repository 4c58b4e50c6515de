import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textOf, utf8 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { placeBatch } from './batch-header.ts';
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

/**
 * Three batches that a Kafka 0.11 broker wrote (published as test data by the kafka-python project, Apache-2.0): the values
 * "123"; twice the empty value; "123". The leader epochs are 1, 2 and 2.
 */
const BROKER_BATCHES = [
  '00000000000000000000003b00000001020318a2700000000000000000015dff7b063c0000015dff7b063cffffffffffffffffffffffffffff0000000112000000010631323300',
  '0000000000000001000000400000000202c85cbd230000000000010000015dff7cdd6c0000015dff7cde14ffffffffffffffffffffffffffff000000020c0000000100000e00d00202010000',
  '00000000000000030000003b00000002022e0b85b70000000000000000015dff7ce79d0000015dff7ce79dffffffffffffffffffffffffffff0000000112000000010631323300',
].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
const BROKER_RECORDS = [[1503229838908], [1503229959532, 1503229959700], [1503229962141]];

test('what a Kafka broker wrote is read: offsets, timestamps, keys and values', () => {
  const decoded = [...decodeRecordBatches(Buffer.concat(BROKER_BATCHES))];
  expect(decoded.map((batch) => [batch.baseOffset, batch.records])).toEqual([
    [0, 1],
    [1, 2],
    [3, 1],
  ]);
  const records = decoded.flatMap((batch) => [...batch.entries()]);
  expect(records.map((record) => [record.offset, record.timestamp, record.key, textOf(record.value!)])).toEqual([
    [0, 1503229838908, null, '123'],
    [1, 1503229959532, null, ''],
    [2, 1503229959700, null, ''],
    [3, 1503229962141, null, '123'],
  ]);
});

test('the same records are written with the same bytes as the broker wrote', () => {
  const values = [['123'], ['', ''], ['123']];
  const leaderEpochs = [1, 2, 2];
  let next = 0;
  BROKER_BATCHES.forEach((expected, i) => {
    const records = BROKER_RECORDS[i]!.map((timestamp, k) => ({ key: null, value: utf8(values[i]![k]!), timestamp }));
    const { batch } = encodeRecordBatch(records);
    placeBatch(batch, next, leaderEpochs[i]!);
    next += records.length;
    expect(Buffer.from(batch).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
  });
});

/**
 * A second reading of the specification, for the property below: nothing of it is shared with the codec.
 * https://kafka.apache.org/documentation/#recordbatch and #record, field by field.
 */
function readBySpecification(bytes: Uint8Array): { records: unknown[]; header: Record<string, unknown> } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 61;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return Number((value >> 1n) ^ -(value & 1n));
  };
  const bytesOrNull = (): number[] | null => {
    const length = varint();
    if (length === -1) return null;
    at += length;
    return [...bytes.subarray(at - length, at)];
  };
  const header = {
    baseOffset: view.getBigInt64(0),
    batchLength: view.getInt32(8),
    magic: view.getInt8(16),
    attributes: view.getInt16(21),
    lastOffsetDelta: view.getInt32(23),
    maxTimestamp: Number(view.getBigInt64(35)),
    producerId: view.getBigInt64(43),
    producerEpoch: view.getInt16(51),
    baseSequence: view.getInt32(53),
  };
  const baseTimestamp = Number(view.getBigInt64(27));
  const records = Array.from({ length: view.getInt32(57) }, () => {
    const length = varint();
    const end = at + length;
    const attributes = view.getInt8(at++);
    const timestamp = baseTimestamp + varint();
    const offsetDelta = varint();
    const [key, value] = [bytesOrNull(), bytesOrNull()];
    const headers = Array.from({ length: varint() }, () => [bytesOrNull(), bytesOrNull()]);
    expect(at).toBe(end);
    return { attributes, timestamp, offsetDelta, key, value, headers };
  });
  expect(at).toBe(bytes.length);
  return { records, header };
}

test('any batch has the layout of the specification', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
      const stamp = { id: 2n ** 62n - 1n, epoch: 32_767, baseSequence: 2 ** 31 - 1 };
      const { batch } = encodeRecordBatch(records, stamp);
      const read = readBySpecification(batch);
      expect(read.header).toEqual({
        baseOffset: 0n,
        batchLength: batch.length - 12,
        magic: 2,
        attributes: 0,
        lastOffsetDelta: records.length - 1,
        maxTimestamp: Math.max(...records.map((r) => r.timestamp)),
        producerId: stamp.id,
        producerEpoch: stamp.epoch,
        baseSequence: stamp.baseSequence,
      });
      expect(read.records).toEqual(
        records.map((r, i) => ({
          attributes: 0,
          timestamp: r.timestamp,
          offsetDelta: i,
          key: plain(r.key),
          value: plain(r.value),
          headers: r.headers!.map((h) => [[...utf8(h.key)], plain(h.value)]),
        })),
      );
    }),
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
