import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { ValueOrder } from '../../../plan/value/value-order.ts';
import { readValue, writeValue } from '../state-value.ts';
import { type Counted, CountedTree } from './counted-tree.ts';
import { totalOrder } from './total-order.ts';

interface Entry extends Counted {
  readonly value: unknown;
}

/** Values in order with their weights; none is null. Changes and look-ups by rank are logarithmic. */
export class OrderedMultiset {
  readonly #type: DataType;
  readonly #order: ValueOrder;
  readonly #tree: CountedTree<Entry>;
  /** Values that were taken back before they came. */
  #owed = 0;

  constructor(type: DataType, descending = false) {
    this.#type = type;
    const order = totalOrder(type);
    this.#order = descending ? (a, b) => order(b, a) : order;
    this.#tree = new CountedTree((a, b) => this.#order(a.value, b.value));
  }

  /** How many values there are, equal ones counted each. */
  get weight(): number {
    return this.#tree.weight;
  }

  /** Returns the count of the value before and after. */
  add(value: unknown, weight: number): { readonly before: number; readonly after: number } {
    const found = this.#tree.find({ value, count: 0 });
    if (found === undefined) {
      this.#tree.insert({ value, count: weight });
      if (weight < 0) this.#owed++;
      return { before: 0, after: weight };
    }
    const before = found.count;
    const after = before + weight;
    if (after === 0) this.#tree.remove(found);
    else this.#tree.addCount(found, weight);
    if (before < 0 !== after < 0) this.#owed += before < 0 ? -1 : 1;
    return { before, after };
  }

  /** The value at a place from 0. */
  at(rank: number): unknown {
    return this.#tree.at(rank)?.value;
  }

  /** Undefined when there is none. */
  first(): unknown {
    if (this.#owed === 0) return this.#tree.first()?.value;
    return this.#tree.at(0)?.value;
  }

  forEach(visit: (value: unknown, count: number) => void): void {
    this.#tree.forEach(({ value, count }) => {
      visit(value, count);
    });
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#tree.size);
    this.#tree.forEach(({ value, count }) => {
      writeValue(writer, value, this.#type);
      writer.signedVarint(count);
    });
  }

  restore(reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const value = readValue(reader, this.#type);
      this.add(value, reader.signed());
    }
  }
}
