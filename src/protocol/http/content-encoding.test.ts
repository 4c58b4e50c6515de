import { describe, expect, it } from 'vitest';
import { contentEncodingOf, decompress } from './content-encoding.ts';
import { zstdFrames } from './zstd-frame.ts';

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** A frame of one raw block, content size in the header (RFC 8878, section 3.1.1). */
const frame = (text: string) => [...MAGIC, 0x20, text.length, 1 | (text.length << 3), 0, 0, ...Buffer.from(text)];
/** A frame of one run-length block: `size` times one byte. */
const run = (size: number, windowDescriptor = 0x38) => [
  ...MAGIC,
  0,
  windowDescriptor,
  3 | ((size << 3) & 0xff),
  (size >> 5) & 0xff,
  (size >> 13) & 0xff,
  0x61,
];

const text = async (bytes: number[], max = 1000) =>
  String(Buffer.from(await decompress(Uint8Array.from(bytes), 'zstd', max)));

describe('zstd bodies', () => {
  it('are decompressed, several frames and skippable ones too', async () => {
    const skippable = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
    expect(await text([...frame('{"a":'), ...skippable, ...frame('1}')])).toBe('{"a":1}');
    expect(await text(run(5))).toBe('aaaaa');
  });

  it('are refused when they are cut anywhere', async () => {
    const whole = frame('{"a":1}');
    for (let size = 1; size < whole.length; size++) {
      await expect(text(whole.slice(0, size))).rejects.toMatchObject({ code: 'HTTP_BODY_TRUNCATED' });
    }
  });

  it('are refused when they grow beyond the limit', async () => {
    const many = Array.from({ length: 50 }, () => run(1000)).flat();
    await expect(text(many, 40_000)).rejects.toMatchObject({ code: 'HTTP_BODY_TOO_LARGE' });
  });

  it('are refused when they ask for a giant window', () => {
    expect(() => zstdFrames(Uint8Array.from(run(5, 0xf8)), 8 << 20)).toThrow('window');
  });

  it('are refused when they are something else', async () => {
    await expect(text([...Buffer.from('hello world')])).rejects.toMatchObject({ code: 'HTTP_BODY_INVALID' });
  });
});

describe('Content-Encoding', () => {
  it('names what is taken when another is sent', () => {
    expect(contentEncodingOf('GZIP')).toBe('gzip');
    expect(() => contentEncodingOf('gzip, gzip')).toThrow('gzip or zstd');
  });
});
