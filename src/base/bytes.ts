import { HeadraceError } from './error.ts';
import { VarintReader, varintSize, writeVarint, zigzag } from './varint.ts';

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true });

export const utf8 = (text: string): Uint8Array => textEncoder.encode(text);
/** Throws a TypeError on bytes that are not UTF-8. */
export const textOf = (bytes: Uint8Array): string =>
  // TextDecoder refuses views of shared memory.
  textDecoder.decode(bytes.buffer instanceof ArrayBuffer ? bytes : Uint8Array.from(bytes));

export function bytesEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** Writes fixed and variable-length fields into a buffer that grows. Fixed-width numbers are little-endian. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** Starts in `target`; leaves it for a larger buffer of its own when it is full. */
  constructor(target: Uint8Array = new Uint8Array(256)) {
    this.#bytes = target;
    this.#view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  }

  get length(): number {
    return this.#length;
  }

  /** Begins anew in the same memory. */
  clear(): void {
    this.#length = 0;
  }

  /** A view of what has been written; valid until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #ensure(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.written());
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  u8(value: number): void {
    this.#ensure(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#ensure(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** An unsigned integer up to 2^53 - 1 in eight bytes. */
  u64(value: number): void {
    this.u32(value % 0x1_0000_0000);
    this.u32(Math.floor(value / 0x1_0000_0000));
  }

  i64(value: bigint): void {
    this.#ensure(8);
    this.#view.setBigInt64(this.#length, value, true);
    this.#length += 8;
  }

  varint(value: number): void {
    this.#ensure(value < 0x80 ? 1 : varintSize(value));
    this.#length = writeVarint(this.#bytes, this.#length, value);
  }

  signedVarint(value: number): void {
    this.varint(zigzag(value));
  }

  /** The bytes alone; returns where they begin. */
  raw(bytes: Uint8Array): number {
    this.#ensure(bytes.length);
    const at = this.#length;
    this.#bytes.set(bytes, at);
    this.#length += bytes.length;
    return at;
  }

  /** Length, then the bytes. */
  prefixed(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  text(value: string): void {
    this.prefixed(textEncoder.encode(value));
  }

  zeros(count: number): void {
    this.#ensure(count);
    this.#bytes.fill(0, this.#length, this.#length + count);
    this.#length += count;
  }

  setU32(position: number, value: number): void {
    this.#view.setUint32(position, value, true);
  }
}

/** Reads what {@link ByteWriter} wrote; throws `LOG_BATCH_INVALID` past the end. */
export class ByteReader extends VarintReader {
  #take(count: number): number {
    const at = this.position;
    if (count > this.end - at) {
      throw new HeadraceError(`reading ${count} bytes at ${at}: only ${this.end - at} are left`, {
        code: 'LOG_BATCH_INVALID',
        domain: 'log',
        next: 'check who wrote these bytes',
      });
    }
    this.position = at + count;
    return at;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  u8(): number {
    return this.bytes[this.#take(1)]!;
  }

  u32(): number {
    const at = this.#take(4);
    const b = this.bytes;
    return (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;
  }

  u64(): number {
    const low = this.u32();
    return this.u32() * 0x1_0000_0000 + low;
  }

  i64(): bigint {
    const low = this.u32();
    const high = this.u32();
    return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
  }

  /** A view, not a copy. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.bytes.subarray(at, at + count);
  }

  prefixed(): Uint8Array {
    return this.raw(this.unsigned());
  }

  text(): string {
    return textOf(this.prefixed());
  }
}
