import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { SortKey } from '../../../plan/node.ts';
import { valueOrder } from '../../../plan/value/value-order.ts';
import { valueToText } from '../../../plan/value/value-text.ts';
import { readRow, writeRow } from '../state-value.ts';
import { CountedTree } from './counted-tree.ts';

/** A row of an aggregate's inputs: its arguments, then the keys of its order. */
export interface OrderedRow {
  readonly row: readonly unknown[];
  /** Its place in the order of arrival. */
  readonly at: number;
  count: number;
}

/** Numbers the rows of all groups of an aggregate as they come. */
export interface Arrival {
  next: number;
}

/** What the rows of an ordered aggregate are. */
export interface RowShape {
  /** Of all inputs. */
  readonly types: readonly DataType[];
  /** How many of the inputs are arguments. */
  readonly args: number;
  readonly orderBy: readonly SortKey[];
}

type RowOrder = (a: OrderedRow, b: OrderedRow) => number;

/** By the keys, then by arrival. */
export function rowOrder({ types, args, orderBy }: RowShape): RowOrder {
  const keys = orderBy.map(({ descending, nullsFirst }, i) => {
    const order = valueOrder(types[args + i]!);
    return (a: unknown, b: unknown): number => {
      if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1;
      return descending ? order(b, a) : order(a, b);
    };
  });
  return (a, b) => {
    for (let i = 0; i < keys.length; i++) {
      const order = keys[i]!(a.row[args + i], b.row[args + i]);
      if (order !== 0) return order;
    }
    return a.at - b.at;
  };
}

/** Which rows stand, of those that are the same in all inputs, first come first. */
class Standing {
  #places: number[] = [];
  #from = 0;
  /** Rows that were taken back before they came. */
  owed = 0;

  push(at: number): void {
    this.#places.push(at);
  }

  pop(): void {
    this.#places.pop();
  }

  shift(): number | undefined {
    const at = this.#places[this.#from];
    if (at === undefined) return undefined;
    this.#from++;
    if (this.#from * 2 > this.#places.length) {
      this.#places = this.#places.slice(this.#from);
      this.#from = 0;
    }
    return at;
  }

  get isEmpty(): boolean {
    return this.#places.length === this.#from && this.owed === 0;
  }
}

/**
 * The rows of one group in order; those that are equal in it in the order of their arrival. Of rows that are the same, the one that
 * came first is taken back. Every change is logarithmic.
 */
export class OrderedRows {
  readonly #shape: RowShape;
  readonly #arrival: Arrival;
  readonly #tree: CountedTree<OrderedRow>;
  /** Undefined when nothing is ever taken back. */
  readonly #standing: Map<string, Standing> | undefined;

  constructor(shape: RowShape, order: RowOrder, arrival: Arrival, appendOnly: boolean) {
    this.#shape = shape;
    this.#arrival = arrival;
    this.#tree = new CountedTree(order);
    this.#standing = appendOnly ? undefined : new Map();
  }

  get size(): number {
    return this.#tree.size;
  }

  add(row: readonly unknown[], weight: number): void {
    this.#add(row, weight, this.#arrival.next);
    this.#arrival.next++;
  }

  /** Undoes the last {@link add}, of this row. */
  undo(row: readonly unknown[], weight: number): void {
    const at = this.#arrival.next - 1;
    const added = this.#tree.find({ row, at, count: 1 });
    if (added === undefined) this.#add(row, -weight, at);
    else this.#tree.remove(added);
    if (added === undefined || this.#standing === undefined) return;
    const key = this.#keyOf(row);
    const same = this.#standing.get(key)!;
    same.pop();
    if (same.isEmpty) this.#standing.delete(key);
  }

  #add(row: readonly unknown[], weight: number, at: number): void {
    if (this.#standing === undefined) {
      this.#tree.insert({ row, at, count: 1 });
      return;
    }
    const key = this.#keyOf(row);
    const same = this.#standing.get(key) ?? new Standing();
    if (weight < 0) {
      const first = same.shift();
      if (first === undefined) same.owed++;
      else this.#tree.remove({ row, at: first, count: 1 });
    } else if (same.owed > 0) same.owed--;
    else {
      same.push(at);
      this.#tree.insert({ row, at, count: 1 });
    }
    if (same.isEmpty) this.#standing.delete(key);
    else this.#standing.set(key, same);
  }

  /** Equal for the same values in the same digits. */
  #keyOf(row: readonly unknown[]): string {
    let key = '';
    this.#shape.types.forEach((type, i) => {
      const text = row[i] === null ? '' : valueToText(row[i], type);
      key += row[i] === null ? 'N' : `${text.length}:${text}`;
    });
    return key;
  }

  first(): OrderedRow | undefined {
    return this.#tree.first();
  }

  last(): OrderedRow | undefined {
    return this.#tree.last();
  }

  forEach(visit: (row: readonly unknown[]) => void): void {
    this.#tree.forEach(({ row }) => {
      visit(row);
    });
  }

  /** Those of another group come in at the places that they have by order and arrival. */
  merge(other: OrderedRows): void {
    other.#tree.forEach(({ row, at }) => {
      this.#add(row, 1, at);
    });
    if (other.#standing === undefined) return;
    for (const [key, { owed }] of other.#standing) {
      const same = this.#standing?.get(key) ?? new Standing();
      same.owed += owed;
      if (!same.isEmpty) this.#standing?.set(key, same);
    }
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#tree.size);
    this.#tree.forEach(({ row, at }) => {
      writer.varint(at);
      writeRow(writer, row, this.#shape.types);
    });
    const owing = [...(this.#standing ?? [])].filter(([, { owed }]) => owed > 0);
    writer.varint(owing.length);
    for (const [key, { owed }] of owing) {
      writer.text(key);
      writer.varint(owed);
    }
  }

  restore(reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const at = reader.unsigned();
      this.#add(readRow(reader, this.#shape.types), 1, at);
      this.#arrival.next = Math.max(this.#arrival.next, at + 1);
    }
    for (let left = reader.unsigned(); left > 0; left--) {
      const same = new Standing();
      const key = reader.text();
      same.owed = reader.unsigned();
      this.#standing?.set(key, same);
    }
  }
}
