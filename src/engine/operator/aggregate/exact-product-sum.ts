import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { ExactSum, scaled } from './exact-sum.ts';

/** Products in this range are the sum of two doubles, without loss. */
const PRODUCT_MAX = 2 ** 990;
const PRODUCT_MIN = 2 ** -960;
const FACTOR_MAX = 2 ** 990;
/** 2^27 + 1. */
const SPLITTER = 134_217_729;
const DOUBLE_EXPONENT = 1074n;

/**
 * A sum of products of two doubles without rounding, as {@link ExactSum}. A product becomes two doubles whose sum it is (T. J. Dekker,
 * "A floating-point technique for extending the available precision", 1971); one out of their range, a large integer.
 */
export class ExactProductSum {
  readonly #sum = new ExactSum();
  /** Of the other products, in multiples of 2^-2148. */
  #wide = 0n;

  /** Adds `x * y` `weight` times (+1 or -1). */
  add(x: number, y: number, weight: number): void {
    const product = x * y;
    const magnitude = Math.abs(product);
    const isPlain = magnitude < PRODUCT_MAX && magnitude > PRODUCT_MIN;
    if (isPlain && Math.abs(x) < FACTOR_MAX && Math.abs(y) < FACTOR_MAX) {
      this.#sum.add(product, weight);
      this.#sum.add(lostOf(x, y, product), weight);
    } else if (!Number.isFinite(x) || !Number.isFinite(y)) this.#sum.add(Number.NaN, weight);
    else if (x !== 0 && y !== 0) this.#wide += scaled(x) * scaled(y) * BigInt(weight);
  }

  /** The sum in multiples of 2^-2148; undefined when a factor is NaN or infinite. */
  exact(): bigint | undefined {
    const plain = this.#sum.exact();
    return plain === undefined ? undefined : (plain << DOUBLE_EXPONENT) + this.#wide;
  }

  merge(other: ExactProductSum): void {
    this.#sum.merge(other.#sum);
    this.#wide += other.#wide;
  }

  snapshot(writer: ByteWriter): void {
    this.#sum.snapshot(writer);
    writer.text(this.#wide.toString());
  }

  restore(reader: ByteReader): void {
    this.#sum.restore(reader);
    this.#wide = BigInt(reader.text());
  }
}

/** What the rounded product lacks of the product. */
function lostOf(x: number, y: number, product: number): number {
  const [xHigh, yHigh] = [upper(x), upper(y)];
  const [xLow, yLow] = [x - xHigh, y - yHigh];
  return xLow * yLow - (product - xHigh * yHigh - xLow * yHigh - xHigh * yLow);
}

function upper(value: number): number {
  const spread = SPLITTER * value;
  return spread - (spread - value);
}
