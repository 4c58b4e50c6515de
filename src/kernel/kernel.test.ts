import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeadraceError } from '../base/error.ts';
import { KERNEL_MEMORY_BYTES_MIN, Kernel } from './kernel.ts';

describe('the allocator', () => {
  it('gives blocks that are aligned and do not overlap, whatever is freed between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 100_000 }), fc.boolean()), { maxLength: 200 }),
        (steps) => {
          const kernel = Kernel.create();
          const live = new Map<number, number>();
          steps.forEach(([size, isFree], step) => {
            const oldest = live.keys().next();
            if (isFree && oldest.done !== true) {
              kernel.free(oldest.value);
              live.delete(oldest.value);
            }
            const pointer = kernel.alloc(size);
            expect(pointer % 16).toBe(0);
            for (const [other, bytes] of live) expect(pointer + size <= other || other + bytes <= pointer).toBe(true);
            live.set(pointer, size);
            kernel.u8().fill(step, pointer, pointer + size);
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('hands freed blocks out again', () => {
    const kernel = Kernel.create();
    const before = kernel.allocatedBytes();
    for (let i = 0; i < 10_000; i++) kernel.free(kernel.alloc(1_000_000));
    expect(kernel.allocatedBytes()).toBe(before);
    expect(kernel.memory.buffer.byteLength).toBeLessThan(8_000_000);
  });

  it('names the limit when memory is used up', () => {
    const kernel = Kernel.create({ memoryBytesMax: KERNEL_MEMORY_BYTES_MIN });
    const fill = () => {
      for (;;) kernel.alloc(1_000_000);
    };
    expect(fill).toThrow(HeadraceError);
    expect(fill).toThrow(/limit 8388608 bytes/);
    expect(() => kernel.arenaAlloc(0xf000_0000)).toThrow(/used up/);
  });

  it('refuses a limit in which nothing fits', () => {
    expect(() => Kernel.create({ memoryBytesMax: 1000 })).toThrow(/at least/);
  });
});

describe('the arena', () => {
  it('holds what a batch needs, and is one piece after it', () => {
    const kernel = Kernel.create();
    const pointers = Array.from({ length: 100 }, () => kernel.arenaAlloc(100_000));
    expect(new Set(pointers).size).toBe(100);
    kernel.arenaReset();
    const held = kernel.exports.arenaBytes();
    for (let batch = 0; batch < 10; batch++) {
      for (let i = 0; i < 100; i++) kernel.arenaAlloc(100_000);
      kernel.arenaReset();
    }
    expect(kernel.exports.arenaBytes()).toBe(held);
  });
});

describe('views', () => {
  it('are of the memory as it is now', () => {
    const kernel = Kernel.create();
    const before = kernel.u8();
    const pointer = kernel.alloc(50_000_000);
    kernel.u8()[pointer] = 7;
    expect(before.length).toBe(0);
    expect(kernel.u8()[pointer]).toBe(7);
  });
});

describe('hashes', () => {
  it('depend on every byte and on nothing around', () => {
    const kernel = Kernel.create();
    const at = kernel.alloc(1000);
    const hash = (bytes: Uint8Array, shift: number) => {
      kernel.u8().fill(shift, at, at + 1000);
      kernel.u8().set(bytes, at + shift);
      return kernel.exports.hashBytes(at + shift, bytes.length, 0n);
    };
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.nat(79),
        fc.integer({ min: 1, max: 255 }),
        (bytes, where, flip) => {
          const other = bytes.slice();
          other[where % bytes.length]! ^= flip;
          expect(hash(bytes, 3)).toBe(hash(bytes, 200));
          expect(hash(bytes, 3)).not.toBe(hash(other, 3));
          expect(hash(bytes, 3)).not.toBe(hash(bytes.subarray(1), 3));
        },
      ),
    );
  });
});
