import type { Kernel } from '../../kernel/kernel.ts';

const ALIGNMENT = 16;
/** Kernels may read this far past the end of a text. */
const TEXT_PADDING = 16;

/** The block of kernel memory that a program owns: its frame, constants and room for references to texts it makes. */
export class ProgramMemory {
  #size = 0;
  readonly #texts = new Map<string, { readonly reference: number; readonly bytes: Uint8Array }>();
  readonly #doubles = new Map<number, readonly number[]>();

  get size(): number {
    return this.#size;
  }

  /** Room from the program's base on, 16-byte aligned. */
  reserve(bytes: number): number {
    const at = this.#size;
    this.#size += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return at;
  }

  /** A reference to constant bytes; its place from the base. */
  text(bytes: Uint8Array): number {
    const key = Buffer.from(bytes).toString('latin1');
    const known = this.#texts.get(key);
    if (known !== undefined) return known.reference;
    const reference = this.reserve(16 + bytes.length + TEXT_PADDING);
    this.#texts.set(key, { reference, bytes });
    return reference;
  }

  /** A table of constant doubles; its place from the base. */
  doubles(values: readonly number[]): number {
    for (const [at, known] of this.#doubles) {
      if (known.length === values.length && known.every((value, i) => Object.is(value, values[i]))) return at;
    }
    const at = this.reserve(values.length * 8);
    this.#doubles.set(at, values);
    return at;
  }

  /** Allocates and fills the block; its address. */
  allocate(kernel: Kernel): number {
    const base = kernel.exports.allocZeroed(Math.max(1, this.#size)) >>> 0;
    for (const { reference, bytes } of this.#texts.values()) {
      const at = base + reference;
      kernel.u8().set(bytes, at + 16);
      kernel.u32().set([bytes.length, prefixOf(bytes), at + 16, 0], at >>> 2);
    }
    for (const [at, values] of this.#doubles) kernel.f64().set(values, (base + at) / 8);
    return base;
  }
}

/** The first four bytes as they lie in memory, zero padded: the second word of a string reference. */
export function prefixOf(bytes: Uint8Array): number {
  return ((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16) | ((bytes[3] ?? 0) << 24)) >>> 0;
}
