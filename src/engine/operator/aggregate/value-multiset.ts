import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { groupingKey } from '../../../plan/value/value-order.ts';
import { readRow, writeRow } from '../state-value.ts';

interface Entry {
  readonly row: readonly unknown[];
  count: number;
}

/** Different rows of values with their weights, in a map. */
export class ValueMultiset {
  readonly #types: readonly DataType[];
  readonly #entries = new Map<string, Entry>();

  constructor(types: readonly DataType[]) {
    this.#types = types;
  }

  /** Calls back with +1 when the row appears, with -1 and the row as it appeared when it disappears. */
  add(row: readonly unknown[], weight: number, changed: (row: readonly unknown[], change: 1 | -1) => void): void {
    let key = '';
    for (let i = 0; i < this.#types.length; i++) {
      const part = groupingKey(row[i], this.#types[i]!);
      key += this.#types.length === 1 ? part : `${part.length}:${part}`;
    }
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { row, count: weight });
      if (weight > 0) changed(row, 1);
      return;
    }
    const before = entry.count;
    const after = before + weight;
    entry.count = after;
    if (after === 0) this.#entries.delete(key);
    // A row that was owed and now comes is the one that stands.
    else if (before <= 0 && after > 0) this.#entries.set(key, { row, count: after });
    if (before > 0 && after <= 0) changed(entry.row, -1);
    if (before <= 0 && after > 0) changed(row, 1);
  }

  forEach(visit: (row: readonly unknown[], count: number) => void): void {
    for (const { row, count } of this.#entries.values()) visit(row, count);
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#entries.size);
    for (const { row, count } of this.#entries.values()) {
      writeRow(writer, row, this.#types);
      writer.signedVarint(count);
    }
  }

  restore(reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const row = readRow(reader, this.#types);
      this.add(row, reader.signed(), () => {});
    }
  }
}
