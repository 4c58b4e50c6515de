import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { type Counted, CountedTree } from './counted-tree.ts';

interface Bucket extends Counted {
  /** Values in it, nearly; buckets are in its order. NaN is the largest, as in PostgreSQL. */
  readonly value: number;
}

/**
 * Quantiles with a relative error (C. Masson, J. Rim and H. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
 * relative-error guarantees", VLDB 2019): a value falls into the bucket `ceil(log_gamma(value))`, `gamma = (1 + error) / (1 - error)`,
 * and is told as `2 gamma^bucket / (gamma + 1)`. Buckets are never joined, so that taking back is exact: the range of doubles has
 * about 71,000 of each sign at an error of one in a hundred; usual data, some hundreds.
 */
export class DDSketch {
  readonly #logGamma: number;
  readonly #gamma: number;
  readonly #buckets = new CountedTree<Bucket>((a, b) => byNumber(a.value, b.value));

  constructor(relativeError: number) {
    this.#gamma = (1 + relativeError) / (1 - relativeError);
    this.#logGamma = Math.log(this.#gamma);
  }

  add(value: number, weight: number): void {
    this.#count(this.#representative(value), weight);
  }

  #representative(value: number): number {
    if (value === 0 || !Number.isFinite(value)) return value === 0 ? 0 : value;
    const index = Math.ceil(Math.log(Math.abs(value)) / this.#logGamma);
    const magnitude = (2 * Math.exp(index * this.#logGamma)) / (this.#gamma + 1);
    return Math.sign(value) * Math.min(magnitude, Number.MAX_VALUE) || 0;
  }

  #count(value: number, weight: number): void {
    const found = this.#buckets.find({ value, count: 0 });
    if (found === undefined) this.#buckets.insert({ value, count: weight });
    else if (found.count + weight === 0) this.#buckets.remove(found);
    else this.#buckets.addCount(found, weight);
  }

  /** Undefined when it is empty. */
  quantile(fraction: number): number | undefined {
    return this.#buckets.at(Math.floor(fraction * (this.#buckets.weight - 1)))?.value;
  }

  merge(other: DDSketch): void {
    other.#buckets.forEach(({ value, count }) => {
      this.#count(value, count);
    });
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#buckets.size);
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    this.#buckets.forEach(({ value, count }) => {
      view.setFloat64(0, value, true);
      writer.raw(bytes);
      writer.signedVarint(count);
    });
  }

  restore(reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const bytes = reader.raw(8);
      const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
      this.#count(value, reader.signed());
    }
  }
}

function byNumber(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}
