import { expect, it } from 'vitest';
import { utf8 } from './bytes.ts';
import { murmur2, partitionOf } from './murmur2.ts';

it("gives the values of Kafka's own test", () => {
  expect(murmur2(utf8('21'))).toBe(-973932308);
  expect(murmur2(utf8('foobar'))).toBe(-790332482);
  expect(murmur2(utf8('a-little-bit-long-string'))).toBe(-985981536);
  expect(murmur2(utf8('a-little-bit-longer-string'))).toBe(-1486304829);
  expect(murmur2(utf8('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8'))).toBe(-58897971);
  expect(murmur2(utf8('abc'))).toBe(479470107);
});

it('gives partitions from 0 on', () => {
  for (let i = 0; i < 100; i++) expect([0, 1, 2]).toContain(partitionOf(utf8(`key ${i}`), 3));
  expect(partitionOf(utf8('any'), 1)).toBe(0);
});
