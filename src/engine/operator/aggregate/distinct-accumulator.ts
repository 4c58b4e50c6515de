import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { Accumulator } from './accumulator.ts';
import { ValueMultiset } from './value-multiset.ts';

/** Passes each different row of arguments on once. */
export class DistinctAccumulator implements Accumulator {
  readonly #rows: ValueMultiset;
  readonly #inner: Accumulator;
  #last: { readonly row: readonly unknown[]; readonly weight: number } | undefined;

  /** Types of all inputs. */
  constructor(types: readonly DataType[], inner: Accumulator) {
    this.#rows = new ValueMultiset(types);
    this.#inner = inner;
  }

  add(value: unknown, weight: number, more: readonly unknown[]): void {
    const row = [value, ...more];
    this.#last = { row, weight };
    try {
      this.#rows.add(row, weight, this.#pass);
    } catch (error) {
      this.#rows.add(row, -weight, () => {});
      throw error;
    }
  }

  readonly #pass = ([first, ...rest]: readonly unknown[], change: 1 | -1): void => this.#inner.add(first, change, rest);

  protected undoer(): () => void {
    const undo = this.#inner.checkpoint?.();
    const before = this.#last;
    return () => {
      if (this.#last !== before) this.#rows.add(this.#last!.row, -this.#last!.weight, () => {});
      undo?.();
    };
  }

  value(): unknown {
    return this.#inner.value();
  }

  merge(other: DistinctAccumulator): void {
    other.#rows.forEach((row, count) => {
      this.#rows.add(row, count, this.#pass);
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

/** Of an aggregate that may refuse a row. */
export class FallibleDistinctAccumulator extends DistinctAccumulator {
  checkpoint(): () => void {
    return this.undoer();
  }
}
