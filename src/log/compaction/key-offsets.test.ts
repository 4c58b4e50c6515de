import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { KeyOffsets } from './key-offsets.ts';

test('holds what a map would, also for a thread that it is sent to', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 12 }), { maxLength: 3000 }), (keys) => {
      const table = new KeyOffsets();
      const map = new Map<string, number>();
      keys.forEach((key, offset) => {
        const bytes = utf8(`--${key}--`);
        table.set(bytes, 2, bytes.length - 4, offset);
        map.set(key, offset);
      });
      const sent = new KeyOffsets(table.memory());
      for (const key of [...keys, 'another']) {
        const bytes = utf8(key);
        expect(sent.get(bytes, 0, bytes.length)).toBe(map.get(key) ?? -1);
      }
      expect(table.size).toBe(map.size);
    }),
    { numRuns: 30, seed: 1 },
  );
});

test('keys that share a hash are told apart', () => {
  const table = new KeyOffsets();
  const [a, b] = [new Uint8Array([0]), new Uint8Array([0, 0])];
  for (let i = 0; i < 5000; i++) table.set(utf8(`${i}`), 0, `${i}`.length, i);
  table.set(a, 0, 1, 1);
  table.set(b, 0, 2, 2);
  expect([table.get(a, 0, 1), table.get(b, 0, 2), table.get(b, 0, 0)]).toEqual([1, 2, -1]);
});

test('says what memory one more key would take', () => {
  const table = new KeyOffsets();
  const before = table.bytesWith(10);
  for (let i = 0; i < 100_000; i++) table.set(utf8(`${i}`), 0, `${i}`.length, i);
  const { slots, offsets, texts } = table.memory();
  expect(table.bytesWith(10)).toBeGreaterThan(before);
  expect(table.bytesWith(0)).toBe(slots.byteLength + offsets.byteLength + texts.byteLength);
});
