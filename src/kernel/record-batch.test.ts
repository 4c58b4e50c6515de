import { describe, expect, it } from 'vitest';
import { timestampMs } from '../base/brand.ts';
import { createJsonDecoder } from './json-decoder.ts';
import { Kernel } from './kernel.ts';
import { crc32c, encodeRecordBatches, placeRecords } from './record-batch.ts';

const kernel = Kernel.create();
const bytes = (text: string) => Buffer.from(text);

function murmur2(text: string): number {
  kernel.arenaReset();
  return kernel.exports.murmur2(kernel.arenaCopy(bytes(text)), bytes(text).length);
}

describe('crc32c', () => {
  it('has the check values of RFC 3720, appendix B.4', () => {
    expect(crc32c(kernel, new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(kernel, new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(
      crc32c(
        kernel,
        Uint8Array.from({ length: 32 }, (_, i) => i),
      ),
    ).toBe(0x46dd794e);
    expect(crc32c(kernel, bytes('123456789'))).toBe(0xe3069283);
    expect(crc32c(kernel, new Uint8Array(0))).toBe(0);
  });
});

describe('murmur2', () => {
  it("gives what Kafka's clients give (UtilsTest.testMurmur2)", () => {
    expect(murmur2('21')).toBe(-973932308);
    expect(murmur2('foobar')).toBe(-790332482);
    expect(murmur2('a-little-bit-long-string')).toBe(-985981536);
    expect(murmur2('a-little-bit-longer-string')).toBe(-1486304829);
    expect(murmur2('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8')).toBe(-58897971);
    expect(murmur2('abc')).toBe(479470107);
  });
});

describe('record batches', () => {
  const values = Array.from({ length: 300 }, (_, i) => bytes(`{"n":${i},"pad":"${'x'.repeat(i * 7)}"}`));
  const keys = values.map((_, i) => (i % 3 === 0 ? undefined : bytes(`key${i % 10}`)));

  function encode(partitions: number) {
    kernel.arenaReset();
    return encodeRecordBatches(kernel, {
      ...placeRecords(kernel, values, keys),
      timestamp: timestampMs(1_700_000_000_000),
      partitions,
      stickyPartition: 1,
    });
  }

  it('come back row by row, whatever the partitions', () => {
    const batches = encode(4);
    const found: number[] = [];
    for (const { batch, records, partition, maxTimestamp } of batches) {
      kernel.arenaReset();
      const decoder = createJsonDecoder(kernel, [{ path: ['n'], kind: 'int4' }]);
      const decoded = decoder.decodeBytes('records', batch);
      expect(decoded).toMatchObject({ rows: records, refused: 0, consumed: batch.length, inputError: undefined });
      expect(maxTimestamp).toBe(1_700_000_000_000);
      for (let row = 0; row < records; row++) {
        const n = kernel.i32()[decoded.columns[0]!.data / 4 + row]!;
        found.push(n);
        expect(Buffer.from(decoder.valueOf(decoded, row)).equals(values[n]!)).toBe(true);
        expect(kernel.i64()[decoded.facts.offset / 8 + row]).toBe(BigInt(row));
        expect(kernel.i64()[decoded.facts.timestamp / 8 + row]).toBe(1_700_000_000_000n);
        const isKeyless = kernel.u8()[decoded.facts.key.nulls + row] === 1;
        expect(isKeyless).toBe(n % 3 === 0);
        if (isKeyless) expect(partition).toBe(1);
        else expect(kernel.textOfReference(decoded.facts.key.data + row * 16)).toBe(`key${n % 10}`);
      }
    }
    expect(found.sort((a, b) => a - b)).toEqual(values.map((_, i) => i));
  });

  it('begin with the header of magic 2', () => {
    const { batch, records } = encode(1)[0]!;
    const view = new DataView(batch.buffer);
    expect(view.getInt32(8)).toBe(batch.length - 12);
    expect(view.getInt8(16)).toBe(2);
    expect(view.getInt32(23)).toBe(records - 1);
    expect(view.getInt32(57)).toBe(records);
    expect(view.getUint32(17)).toBe(crc32c(kernel, batch.subarray(21)));
  });

  it('are read on within a batch and over several', () => {
    const one = encode(1)[0]!.batch;
    const both = Buffer.concat([one, one]);
    new DataView(both.buffer, both.byteOffset).setBigInt64(one.length, 300n);
    kernel.arenaReset();
    const decoder = createJsonDecoder(kernel, [{ path: ['n'], kind: 'int4' }], { rowsMax: 70 });
    const pointer = kernel.arenaCopy(both);
    const offsets: bigint[] = [];
    decoder.begin();
    for (let from = 0; from < both.length; ) {
      const batch = decoder.decode('records', pointer, both.length, from);
      offsets.push(...kernel.i64().subarray(batch.facts.offset / 8, batch.facts.offset / 8 + batch.rows));
      from = batch.consumed;
    }
    expect(offsets).toEqual(Array.from({ length: 600 }, (_, i) => BigInt(i)));
  });

  it.each([
    [
      'a flipped bit',
      'crc',
      (b: Uint8Array) => {
        b[100]! ^= 1;
        return b;
      },
    ],
    ['a cut', 'truncated', (b: Uint8Array) => b.subarray(0, b.length - 1)],
    [
      'an older magic',
      'magic',
      (b: Uint8Array) => {
        b[16] = 1;
        return b;
      },
    ],
  ] as const)('are not read after %s', (_, reason, damage) => {
    const damaged = damage(encode(1)[0]!.batch);
    kernel.arenaReset();
    const decoded = createJsonDecoder(kernel, []).decodeBytes('records', damaged);
    expect(decoded).toMatchObject({ rows: 0, consumed: 0, inputError: { reason, position: 0 } });
  });

  it('that lie about their records are stopped at, not run past', () => {
    const { batch } = encode(1)[0]!;
    for (let at = 57; at < 400; at++) {
      const damaged = batch.slice();
      damaged[at]! ^= 0xff;
      kernel.arenaReset();
      const decoded = createJsonDecoder(kernel, [], { verifyCrc: false }).decodeBytes('records', damaged);
      expect(decoded.rows).toBeLessThanOrEqual(300);
      expect(decoded.consumed).toBeLessThanOrEqual(damaged.length);
    }
  });
});
