import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import type { Accumulator } from './accumulator.ts';

const BITS = 64;
const WIDTH: Partial<Record<DataType['kind'], number>> = { int2: 16, int4: 32, int8: 64 };

/** Of `bool_and`, `bool_or`: how many values there are, and how many are true. */
export class BooleanAccumulator implements Accumulator {
  readonly #every: boolean;
  #trues = 0;
  #count = 0;

  constructor(every: boolean) {
    this.#every = every;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    this.#count += weight;
    if (value === true) this.#trues += weight;
  }

  value(): unknown {
    if (this.#count === 0) return null;
    return this.#every ? this.#trues === this.#count : this.#trues > 0;
  }

  merge(other: BooleanAccumulator): void {
    this.#trues += other.#trues;
    this.#count += other.#count;
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#trues);
    writer.signedVarint(this.#count);
  }

  restore(reader: ByteReader): void {
    this.#trues = reader.signed();
    this.#count = reader.signed();
  }
}

/** Of `bit_and`, `bit_or`, `bit_xor`: in how many values each bit is set. */
export class BitAccumulator implements Accumulator {
  readonly #call: AggregateCall;
  readonly #set = new Array<number>(BITS).fill(0);
  #count = 0;

  constructor(call: AggregateCall) {
    this.#call = call;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    this.#count += weight;
    let bits = BigInt.asUintN(BITS, BigInt(value as number | bigint));
    for (let bit = 0; bits !== 0n; bit++, bits >>= 1n) if ((bits & 1n) === 1n) this.#set[bit]! += weight;
  }

  value(): unknown {
    if (this.#count === 0) return null;
    let bits = 0n;
    for (let bit = 0; bit < BITS; bit++) if (this.#holds(this.#set[bit]!)) bits |= 1n << BigInt(bit);
    const { kind } = this.#call.type;
    const whole = BigInt.asIntN(WIDTH[kind] ?? BITS, bits);
    return kind === 'int8' ? whole : Number(whole);
  }

  #holds(set: number): boolean {
    switch (this.#call.function) {
      case 'bit_and':
        return set === this.#count;
      case 'bit_or':
        return set > 0;
      default:
        return set % 2 !== 0;
    }
  }

  merge(other: BitAccumulator): void {
    this.#count += other.#count;
    other.#set.forEach((count, bit) => {
      this.#set[bit]! += count;
    });
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#count);
    for (const count of this.#set) writer.signedVarint(count);
  }

  restore(reader: ByteReader): void {
    this.#count = reader.signed();
    for (let bit = 0; bit < BITS; bit++) this.#set[bit] = reader.signed();
  }
}
