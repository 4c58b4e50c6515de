import { describe, expect, it } from 'vitest';
import { utf8 } from './bytes.ts';
import { murmur3 } from './murmur3.ts';

const hex = (text: string): string => {
  const { high, low } = murmur3(utf8(text));
  return [high, low].map((word) => word.toString(16).padStart(8, '0')).join('');
};

describe('MurmurHash3_x86_128', () => {
  it('is what its author says', () => {
    expect(hex('The quick brown fox jumps over the lazy dog')).toBe('2f1583c3ecee2c67');
    expect(hex('')).toBe('0000000000000000');
  });

  it('depends on every byte, whatever the length', () => {
    for (let length = 1; length < 40; length++) {
      const text = 'x'.repeat(length);
      const others = Array.from({ length }, (_, at) => hex(`${text.slice(0, at)}y${text.slice(at + 1)}`));
      expect(new Set([hex(text), hex(`${text}x`), ...others]).size).toBe(length + 2);
    }
  });
});
