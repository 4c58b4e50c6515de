import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';

const HUGE = 2 ** 1000;
const HUGE_EXPONENT = 948n;
const HUGE_UNIT = 2 ** 948;
/** The least double is 2^-1074. */
const LEAST_EXPONENT = 1074n;
const FRACTION_BITS = 52n;

/**
 * A sum of doubles without rounding until it is read, so that the order of the additions does not show and a retraction
 * takes back exactly what was added. Kept as a non-overlapping expansion (J. R. Shewchuk, "Adaptive Precision
 * Floating-Point Arithmetic", 1997, section 2.4): two or three doubles for usual data, against the 536 bytes of a
 * superaccumulator. Values near the end of the range, whose sum might leave it on the way, are added up as one large integer;
 * infinities and NaN are counted beside it.
 */
export class ExactSum {
  #parts: number[] = [];
  /** Sum of the values from 2^1000 on, in multiples of 2^948, which they all are. */
  #huge = 0n;
  #positiveInfinities = 0;
  #negativeInfinities = 0;
  #nans = 0;

  /** Adds `value` `weight` times (+1 or -1). */
  add(value: number, weight: number): void {
    if (!Number.isFinite(value)) {
      if (Number.isNaN(value)) this.#nans += weight;
      else if (value > 0) this.#positiveInfinities += weight;
      else this.#negativeInfinities += weight;
      return;
    }
    let x = weight < 0 ? -value : value;
    if (Math.abs(x) >= HUGE) {
      this.#huge += BigInt(x / HUGE_UNIT);
      return;
    }
    const parts = this.#parts;
    let kept = 0;
    for (let i = 0; i < parts.length; i++) {
      const y = parts[i]!;
      const high = x + y;
      const virtual = high - x;
      const low = x - (high - virtual) + (y - virtual);
      if (low !== 0) parts[kept++] = low;
      x = high;
    }
    parts.length = kept;
    if (x !== 0) parts.push(x);
  }

  /** The sum, rounded once, ties to even. */
  value(): number {
    if (this.#nans > 0 || (this.#positiveInfinities > 0 && this.#negativeInfinities > 0)) return Number.NaN;
    if (this.#positiveInfinities > 0) return Number.POSITIVE_INFINITY;
    if (this.#negativeInfinities > 0) return Number.NEGATIVE_INFINITY;
    const parts = this.#parts;
    if (this.#huge !== 0n) {
      return nearest(parts.reduce((sum, part) => sum + scaled(part), this.#huge << (LEAST_EXPONENT + HUGE_EXPONENT)));
    }
    let i = parts.length - 1;
    if (i < 0) return 0;
    let high = parts[i]!;
    let low = 0;
    while (i > 0) {
      const x = high;
      const y = parts[--i]!;
      high = x + y;
      low = y - (high - x);
      if (low !== 0) break;
    }
    // Half way between two doubles: what lies below decides.
    if (i > 0 && ((low < 0 && parts[i - 1]! < 0) || (low > 0 && parts[i - 1]! > 0))) {
      const doubled = low * 2;
      const rounded = high + doubled;
      if (rounded - high === doubled) high = rounded;
    }
    return high;
  }

  /** The sum in multiples of 2^-1074, of which all finite doubles are some; undefined when NaN or infinities are in it. */
  exact(): bigint | undefined {
    if (this.#nans !== 0 || this.#positiveInfinities !== 0 || this.#negativeInfinities !== 0) return undefined;
    return this.#parts.reduce((sum, part) => sum + scaled(part), this.#huge << (LEAST_EXPONENT + HUGE_EXPONENT));
  }

  merge(other: ExactSum): void {
    for (const part of other.#parts) this.add(part, 1);
    this.#huge += other.#huge;
    this.#nans += other.#nans;
    this.#positiveInfinities += other.#positiveInfinities;
    this.#negativeInfinities += other.#negativeInfinities;
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#nans);
    writer.signedVarint(this.#positiveInfinities);
    writer.signedVarint(this.#negativeInfinities);
    writer.text(this.#huge.toString());
    writer.varint(this.#parts.length);
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    for (const part of this.#parts) {
      view.setFloat64(0, part, true);
      writer.raw(bytes);
    }
  }

  restore(reader: ByteReader): void {
    this.#nans = reader.signed();
    this.#positiveInfinities = reader.signed();
    this.#negativeInfinities = reader.signed();
    this.#huge = BigInt(reader.text());
    const count = reader.unsigned();
    this.#parts = [];
    for (let i = 0; i < count; i++) {
      const bytes = reader.raw(8);
      this.#parts.push(new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true));
    }
  }
}

/** A finite double in multiples of 2^-1074. */
export function scaled(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> FRACTION_BITS) & 0x7ffn;
  const fraction = bits & ((1n << FRACTION_BITS) - 1n);
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << FRACTION_BITS)) << (exponent - 1n);
  return value < 0 ? -magnitude : magnitude;
}

/** The double nearest to so many times 2^-1074; ties to even. */
function nearest(total: bigint): number {
  const magnitude = total < 0n ? -total : total;
  const excess = Math.max(0, magnitude.toString(2).length - 64);
  const kept = magnitude >> BigInt(excess);
  // What is cut off only matters by being there: it breaks a tie.
  const sticky = kept << BigInt(excess) === magnitude ? 0n : 1n;
  const rounded = Number(kept | sticky);
  // In two steps: neither factor leaves the range of its own.
  const result = rounded * 2 ** (Math.floor(excess / 2) - 537) * 2 ** (Math.ceil(excess / 2) - 537);
  return total < 0n ? -result : result;
}
