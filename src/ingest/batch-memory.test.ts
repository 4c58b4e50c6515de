import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchMemory } from './batch-memory.ts';
import { BATCH_BLOCK_BYTES } from './limits.ts';

const overlap = (a: Uint8Array, b: Uint8Array): boolean =>
  a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length;

describe('memory for record batches', () => {
  it('is shared with other threads, and of the size asked for', () => {
    const memory = new BatchMemory();
    for (const bytes of [1, 1_000, BATCH_BLOCK_BYTES, BATCH_BLOCK_BYTES + 1]) {
      const batch = memory.take(bytes);
      expect(batch).toHaveLength(bytes);
      expect(batch.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
  });

  it('never belongs to two batches at once, and is used again', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: BATCH_BLOCK_BYTES >> 2 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const memory = new BatchMemory();
        const held: Uint8Array[] = [];
        for (const [releases, bytes] of all) {
          if (releases && held.length > 0) memory.release(held.splice(bytes % held.length, 1)[0]!);
          const batch = memory.take(bytes);
          expect(held.some((other) => overlap(other, batch))).toBe(false);
          held.push(batch);
        }
        for (const batch of held) memory.release(batch);
      }),
    );
    const memory = new BatchMemory();
    const first = memory.take(BATCH_BLOCK_BYTES);
    memory.release(first);
    expect(memory.take(BATCH_BLOCK_BYTES).buffer).toBe(first.buffer);
  });

  it('begins where a copy from the kernel is fast', () => {
    const memory = new BatchMemory();
    memory.take(13);
    expect(memory.take(13).byteOffset % 16).toBe(0);
  });
});
