import { HeadraceError } from '../../base/error.ts';
import { INPUT_PADDING_BYTES, type Kernel } from '../../kernel/kernel.ts';

/** Reads a block (block-format.ts) where it lies in the kernel's memory, by address: views of it die when the memory grows. */
export class BlockReader {
  readonly #kernel: Kernel;
  readonly #end: number;
  #at: number;

  constructor(kernel: Kernel, address: number, length: number) {
    this.#kernel = kernel;
    this.#at = address;
    this.#end = address + length;
  }

  /** Passes over bytes; returns where they lie, not aligned. */
  skip(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw tooShort(bytes, this.#end - at);
    this.#at = at + bytes;
    return at;
  }

  u8(): number {
    const at = this.skip(1);
    return this.#kernel.u8()[at]!;
  }

  u32(): number {
    const at = this.skip(4);
    const bytes = this.#kernel.u8();
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }

  /** A varint below 2^53. */
  unsigned(): number {
    let value = 0;
    let weight = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
      weight *= 128;
    }
  }

  /** Bytes that outlive the block. */
  copy(bytes: number): Uint8Array {
    const at = this.skip(bytes);
    return this.#kernel.u8().slice(at, at + bytes);
  }

  /** Bytes in the arena, aligned. */
  place(bytes: number): number {
    const at = this.skip(bytes);
    const address = this.#kernel.arenaAlloc(bytes + INPUT_PADDING_BYTES);
    this.#kernel.u8().copyWithin(address, at, at + bytes);
    return address;
  }
}

function tooShort(bytes: number, left: number): HeadraceError {
  return new HeadraceError(`reading a block of an exchange: ${bytes} bytes are due, and ${left} are left`, {
    code: 'LOG_BATCH_INVALID',
    domain: 'log',
    next: 'rebuild the pipeline: its exchange was written by another version',
  });
}
