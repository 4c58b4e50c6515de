import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { rowKey } from '../row-batch.ts';

/** Rows that an aggregate could not take: when such a row is taken back there is nothing to take back. */
export class RefusedRows {
  readonly #types: readonly DataType[];
  readonly #counts = new Map<string, number>();

  constructor(types: readonly DataType[]) {
    this.#types = types;
  }

  add(values: readonly unknown[]): void {
    const key = rowKey(values, this.#types);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** Whether one like it was refused, which is then forgotten. */
  take(values: readonly unknown[]): boolean {
    if (this.#counts.size === 0) return false;
    const key = rowKey(values, this.#types);
    const count = this.#counts.get(key) ?? 0;
    if (count === 0) return false;
    if (count === 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
    return true;
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#counts.size);
    for (const [key, count] of this.#counts) {
      writer.text(key);
      writer.varint(count);
    }
  }

  restore(reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const key = reader.text();
      this.#counts.set(key, reader.unsigned());
    }
  }
}
