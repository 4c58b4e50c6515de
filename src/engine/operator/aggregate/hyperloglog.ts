import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Hash64 } from '../../../base/murmur3.ts';
import { HYPERLOGLOG_PRECISION } from '../../limits.ts';

const REGISTERS = 2 ** HYPERLOGLOG_PRECISION;
/** Bits of the hash behind the register's number. */
const RANK_BITS = 64 - HYPERLOGLOG_PRECISION;
/** A register beyond as many others is one of an array. */
const SPARSE_MAX = REGISTERS / 16;
const RANKS = 64;

/**
 * Distinct values by HyperLogLog (P. Flajolet et al., 2007), estimated as in O. Ertl, "New cardinality estimation algorithms for
 * HyperLogLog sketches" (2017), section 4: no bias correction from tables is needed. Standard error 1.04 / sqrt(registers).
 */
export class HyperLogLog {
  /** Register to rank, while few are set. */
  #sparse: Map<number, number> | undefined = new Map();
  #dense: Uint8Array | undefined;
  /** How many registers have each rank. */
  readonly #histogram = new Int32Array(RANK_BITS + 2);

  constructor() {
    this.#histogram[0] = REGISTERS;
  }

  /** The register of a hash and the rank in it: leading zeros of the other bits, and one. */
  static placeOf({ high, low }: Hash64): { readonly register: number; readonly rank: number } {
    const register = high >>> (32 - HYPERLOGLOG_PRECISION);
    const rest = (high << HYPERLOGLOG_PRECISION) >>> 0;
    const zeros = rest === 0 ? 32 - HYPERLOGLOG_PRECISION + Math.clz32(low) : Math.clz32(rest);
    return { register, rank: zeros + 1 };
  }

  get(register: number): number {
    return this.#dense?.[register] ?? this.#sparse?.get(register) ?? 0;
  }

  set(register: number, rank: number): void {
    this.#histogram[this.get(register)]!--;
    this.#histogram[rank]!++;
    if (this.#sparse === undefined) this.#dense![register] = rank;
    else if (rank === 0) this.#sparse.delete(register);
    else this.#sparse.set(register, rank);
    if (this.#sparse !== undefined && this.#sparse.size > SPARSE_MAX) this.#spread();
  }

  #spread(): void {
    const dense = new Uint8Array(REGISTERS);
    for (const [register, rank] of this.#sparse!) dense[register] = rank;
    this.#dense = dense;
    this.#sparse = undefined;
  }

  forEach(visit: (register: number, rank: number) => void): void {
    this.#sparse?.forEach((rank, register) => {
      visit(register, rank);
    });
    this.#dense?.forEach((rank, register) => {
      if (rank > 0) visit(register, rank);
    });
  }

  /** The estimate, unrounded. */
  estimate(): number {
    const counts = this.#histogram;
    let z = REGISTERS * tau(1 - counts[RANK_BITS + 1]! / REGISTERS);
    for (let rank = RANK_BITS; rank >= 1; rank--) z = (z + counts[rank]!) / 2;
    z += REGISTERS * sigma(counts[0]! / REGISTERS);
    return (REGISTERS * REGISTERS) / (2 * Math.LN2 * z);
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(REGISTERS - this.#histogram[0]!);
    this.forEach((register, rank) => {
      writer.varint(register * RANKS + rank);
    });
  }

  restore(reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const place = reader.unsigned();
      this.set(Math.floor(place / RANKS), place % RANKS);
    }
  }
}

/** Ertl 2017, algorithm 6. */
function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let x = share;
  let y = 1;
  let z = x;
  for (let before = Number.NaN; z !== before; ) {
    x *= x;
    before = z;
    z += x * y;
    y *= 2;
  }
  return z;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let x = share;
  let y = 1;
  let z = 1 - x;
  for (let before = Number.NaN; z !== before; ) {
    x = Math.sqrt(x);
    before = z;
    y /= 2;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
