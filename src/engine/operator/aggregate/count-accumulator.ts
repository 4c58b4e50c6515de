import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Accumulator } from './accumulator.ts';

/** Rows; or, with an argument, those in which it is not null. */
export class CountAccumulator implements Accumulator {
  #count = 0;

  add(value: unknown, weight: number): void {
    if (value !== null) this.#count += weight;
  }

  value(): bigint {
    return BigInt(this.#count);
  }

  merge(other: CountAccumulator): void {
    this.#count += other.#count;
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#count);
  }

  restore(reader: ByteReader): void {
    this.#count = reader.signed();
  }
}
