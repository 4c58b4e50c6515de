import { readFileSync } from 'node:fs';
import { utf8 } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import type { KernelExports } from './exports.ts';

/** Memory of one kernel when no limit is given: all that 32-bit WebAssembly can address. */
export const KERNEL_MEMORY_BYTES_MAX = 4 * 1024 ** 3;
/** The least limit that can be set: the kernel's tables and one small batch. */
export const KERNEL_MEMORY_BYTES_MIN = 8 * 1024 ** 2;
/** What the arena keeps from one batch to the next, at most. */
export const ARENA_KEEP_BYTES_MAX = 256 * 1024 ** 2;
/** Kernels read up to this many bytes past the end of any input; buffers of inputs are this much longer. */
export const INPUT_PADDING_BYTES = 64;

const PAGE_BYTES = 65_536;
/** Longer texts are encoded faster than they are copied unit by unit. */
const SHORT_TEXT_UNITS_MAX = 64;
/** As `--initialMemory` in scripts/build.mjs. */
const INITIAL_PAGES = 64;

export interface KernelOptions {
  /** Limit of the WebAssembly memory; rounded down to pages of 64 KiB. */
  readonly memoryBytesMax?: number;
}

let compiled: WebAssembly.Module | undefined;

function kernelModule(): WebAssembly.Module {
  if (compiled !== undefined) return compiled;
  const here = import.meta.url;
  const file = here.endsWith('.ts') ? new URL('../../dist/kernel/kernel.wasm', here) : new URL('./kernel.wasm', here);
  try {
    compiled = new WebAssembly.Module(readFileSync(file));
  } catch (cause) {
    throw new HeadraceError(`loading the kernel: ${file.pathname} cannot be read`, {
      code: 'KERNEL_NOT_BUILT',
      domain: 'kernel',
      cause,
      next: 'run "npm run build" first',
    });
  }
  return compiled;
}

/**
 * One WebAssembly instance with its memory: an allocator for long-lived state, an arena for the batch, and the kernels.
 * One per thread; not shared.
 *
 * Views over the memory die when it grows, which any allocation may cause: take them through `u8()` and its siblings
 * right before use, and keep addresses instead of views.
 */
export class Kernel {
  readonly memory: WebAssembly.Memory;
  readonly exports: KernelExports;
  readonly memoryBytesMax: number;
  #u8: Uint8Array;
  #i32: Int32Array;
  #u32: Uint32Array;
  #i64: BigInt64Array;
  #f64: Float64Array;
  #bytes: Buffer;
  #exhaustion: HeadraceError | undefined;

  private constructor(memoryBytesMax: number) {
    const pages = Math.floor(Math.min(memoryBytesMax, KERNEL_MEMORY_BYTES_MAX) / PAGE_BYTES);
    this.memoryBytesMax = pages * PAGE_BYTES;
    this.memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: pages });
    const instance = new WebAssembly.Instance(kernelModule(), {
      env: {
        memory: this.memory,
        outOfMemory: (bytes: number) => this.#outOfMemory(bytes >>> 0),
        parseDouble: (pointer: number, length: number) => Number(this.text(pointer >>> 0, length)),
        abort: () => {
          throw new HeadraceError('running the kernel: it stopped itself', {
            code: 'KERNEL_ABORTED',
            domain: 'kernel',
          });
        },
      },
    });
    // The binary and its interface are built from one source; the test of the exports compares them.
    this.exports = instance.exports as unknown as KernelExports;
    const buffer = this.memory.buffer;
    this.#u8 = new Uint8Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#i64 = new BigInt64Array(buffer);
    this.#f64 = new Float64Array(buffer);
    this.#bytes = Buffer.from(buffer);
  }

  /** @throws HeadraceError `KERNEL_NOT_BUILT`, `KERNEL_MEMORY_LIMIT_INVALID` */
  static create(options: KernelOptions = {}): Kernel {
    const limit = options.memoryBytesMax ?? KERNEL_MEMORY_BYTES_MAX;
    if (!(limit >= KERNEL_MEMORY_BYTES_MIN)) {
      throw new HeadraceError(`creating a kernel: a limit of ${limit} bytes is too small`, {
        code: 'KERNEL_MEMORY_LIMIT_INVALID',
        domain: 'kernel',
        next: `set at least ${KERNEL_MEMORY_BYTES_MIN} bytes`,
      });
    }
    return new Kernel(limit);
  }

  #outOfMemory(bytes: number): never {
    this.#exhaustion = new HeadraceError(
      `allocating ${bytes} bytes: the kernel's memory (limit ${this.memoryBytesMax} bytes) is used up`,
      {
        code: 'KERNEL_OUT_OF_MEMORY',
        domain: 'kernel',
        next: 'raise the memory limit of the worker, use more workers, or keep less state (shorter windows or time-to-live)',
      },
    );
    throw this.#exhaustion;
  }

  /** Why an allocation was refused, once one was: what the memory holds is not to be trusted since, whoever caught the error. */
  get exhaustion(): HeadraceError | undefined {
    return this.#exhaustion;
  }

  #refresh(): void {
    const buffer = this.memory.buffer;
    this.#u8 = new Uint8Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#i64 = new BigInt64Array(buffer);
    this.#f64 = new Float64Array(buffer);
    this.#bytes = Buffer.from(buffer);
  }

  u8(): Uint8Array {
    if (this.#u8.buffer !== this.memory.buffer) this.#refresh();
    return this.#u8;
  }

  i32(): Int32Array {
    if (this.#i32.buffer !== this.memory.buffer) this.#refresh();
    return this.#i32;
  }

  u32(): Uint32Array {
    if (this.#u32.buffer !== this.memory.buffer) this.#refresh();
    return this.#u32;
  }

  i64(): BigInt64Array {
    if (this.#i64.buffer !== this.memory.buffer) this.#refresh();
    return this.#i64;
  }

  f64(): Float64Array {
    if (this.#f64.buffer !== this.memory.buffer) this.#refresh();
    return this.#f64;
  }

  /** A block for long-lived state, 16-byte aligned, contents unspecified. @throws HeadraceError `KERNEL_OUT_OF_MEMORY` */
  alloc(bytes: number): number {
    return this.exports.alloc(bytes) >>> 0;
  }

  free(pointer: number): void {
    this.exports.free(pointer);
  }

  /** Memory of the batch; invalid after the next {@link arenaReset}. @throws HeadraceError `KERNEL_OUT_OF_MEMORY` */
  arenaAlloc(bytes: number): number {
    return this.exports.arenaAlloc(bytes) >>> 0;
  }

  /** Ends the batch: everything that the arena gave is invalid from here on. */
  arenaReset(): void {
    this.exports.arenaReset(ARENA_KEEP_BYTES_MAX);
  }

  /** Where the arena stands, for {@link arenaRewind}. */
  arenaPosition(): number {
    return this.exports.arenaPosition() >>> 0;
  }

  /** Gives back what the arena gave since then: for results that are handed on in pieces. */
  arenaRewind(position: number): void {
    this.exports.arenaRewind(position);
  }

  /** Room for an input of `bytes` in the arena, with the padding that kernels may read past its end. */
  arenaInput(bytes: number): number {
    return this.arenaAlloc(bytes + INPUT_PADDING_BYTES);
  }

  /** Copies an input into the arena. */
  arenaCopy(bytes: Uint8Array): number {
    const pointer = this.arenaInput(bytes.length);
    this.u8().set(bytes, pointer);
    return pointer;
  }

  /** Puts a text into the arena, and a 16-byte reference to it (column.ts) at an address. Short ASCII is written without an encoder. */
  storeText(reference: number, text: string): void {
    const { length } = text;
    if (length === 0 || length > SHORT_TEXT_UNITS_MAX) {
      this.storeBytes(reference, utf8(text));
      return;
    }
    const pointer = this.arenaInput(length);
    const memory = this.u8();
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code >= 128) {
        this.storeBytes(reference, utf8(text));
        return;
      }
      memory[pointer + at] = code;
    }
    this.#putReference(reference, pointer, length);
  }

  /** As {@link storeText}, of bytes. */
  storeBytes(reference: number, bytes: Uint8Array): void {
    // Prefix loads may read a word from the address even of an empty string.
    const pointer = bytes.length === 0 ? reference : this.arenaCopy(bytes);
    this.#putReference(reference, pointer, bytes.length);
  }

  #putReference(reference: number, pointer: number, length: number): void {
    const memory = this.u8();
    let prefix = 0;
    for (let at = Math.min(4, length) - 1; at >= 0; at--) prefix = (prefix << 8) | memory[pointer + at]!;
    const words = this.u32();
    const at = reference >>> 2;
    words[at] = length;
    words[at + 1] = prefix >>> 0;
    words[at + 2] = pointer;
    words[at + 3] = 0;
  }

  /** The text at an address; bytes that are no UTF-8 become U+FFFD. */
  text(pointer: number, length: number): string {
    this.u8();
    return this.#bytes.toString('utf8', pointer, pointer + length);
  }

  /** The text that a 16-byte string reference points to. */
  textOfReference(reference: number): string {
    const words = this.u32();
    return this.text(words[(reference >>> 2) + 2]!, words[reference >>> 2]!);
  }

  /** Bytes of WebAssembly memory in use by state and arena. */
  allocatedBytes(): number {
    return this.exports.allocatedBytes() >>> 0;
  }
}
