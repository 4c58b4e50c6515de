import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { Decimal } from '../../../plan/value/decimal.ts';

/**
 * A sum of numerics that shows as many digits after the point as the widest of those that are in it, also when others were taken
 * back (PostgreSQL's display scale of a sum).
 */
export class DecimalTotal {
  #sum = Decimal.of(0);
  /** How many values have each scale. */
  readonly #scales = new Map<number, number>();

  add(value: Decimal, weight: number): void {
    this.#sum = weight < 0 ? this.#sum.subtract(value) : this.#sum.add(value);
    this.#count(value.scale, weight);
  }

  #count(scale: number, weight: number): void {
    const count = (this.#scales.get(scale) ?? 0) + weight;
    if (count === 0) this.#scales.delete(scale);
    else this.#scales.set(scale, count);
  }

  value(): Decimal {
    let scale = 0;
    for (const known of this.#scales.keys()) if (known > scale) scale = known;
    const shown = this.#sum.round(scale);
    // Rows that were taken back and never came may leave more digits than any row has.
    return shown.equals(this.#sum) ? shown : this.#sum;
  }

  merge(other: DecimalTotal): void {
    this.#sum = this.#sum.add(other.#sum);
    for (const [scale, count] of other.#scales) this.#count(scale, count);
  }

  snapshot(writer: ByteWriter): void {
    writer.text(this.#sum.toString());
    writer.varint(this.#scales.size);
    for (const [scale, count] of this.#scales) {
      writer.varint(scale);
      writer.signedVarint(count);
    }
  }

  restore(reader: ByteReader): void {
    this.#sum = Decimal.parse(reader.text());
    for (let left = reader.unsigned(); left > 0; left--) {
      const scale = reader.unsigned();
      this.#scales.set(scale, reader.signed());
    }
  }
}
