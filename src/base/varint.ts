import { HeadraceError } from './error.ts';

/**
 * Variable-length integers: seven bits a byte, low bits first, the high bit set on all but the last byte; signed values
 * zigzag first. As in Protocol Buffers and in Kafka's records.
 */

/** Bytes that {@link writeVarint} takes for an unsigned safe integer. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes an unsigned integer up to 2^53 - 1; returns the position after it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  while (rest >= 0x80000000) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Zigzag: 0, -1, 1, -2 ... become 0, 1, 2, 3 ...; for |value| < 2^52. */
export const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
export const unzigzag = (value: number): number => (value % 2 === 1 ? -(value + 1) / 2 : value / 2);

/** Reads varints one after another; throws at the end of the bytes and on values past 2^53. */
export class VarintReader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  unsigned(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      if (this.position >= this.end) throw malformed('it ends in the middle');
      const byte = this.bytes[this.position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw malformed('it is longer than 53 bits');
  }

  signed(): number {
    return unzigzag(this.unsigned());
  }
}

function malformed(why: string): HeadraceError {
  return new HeadraceError(`reading a variable-length integer: ${why}`, {
    code: 'LOG_BATCH_INVALID',
    domain: 'log',
    next: 'check who wrote these bytes',
  });
}
