import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { Accumulator } from './accumulator.ts';
import { ValueMultiset } from './value-multiset.ts';

/** Passes each different row of arguments on once. */
export class DistinctAccumulator implements Accumulator {
  readonly #rows: ValueMultiset;
  readonly #inner: Accumulator;

  /** Types of all inputs. */
  constructor(types: readonly DataType[], inner: Accumulator) {
    this.#rows = new ValueMultiset(types);
    this.#inner = inner;
  }

  add(value: unknown, weight: number, more: readonly unknown[]): void {
    this.#rows.add([value, ...more], weight, ([first, ...rest], change) => this.#inner.add(first, change, rest));
  }

  value(): unknown {
    return this.#inner.value();
  }

  merge(other: DistinctAccumulator): void {
    other.#rows.forEach((row, count) => {
      this.#rows.add(row, count, ([first, ...rest], change) => this.#inner.add(first, change, rest));
    });
  }

  snapshot(writer: ByteWriter): void {
    this.#rows.snapshot(writer);
    this.#inner.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#rows.restore(reader);
    this.#inner.restore(reader);
  }
}
