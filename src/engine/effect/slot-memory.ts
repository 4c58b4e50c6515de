import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Slot } from './answer-slots.ts';

interface Kept {
  /** +1: rows that stand; -1: rows that were taken back before they came. */
  readonly sign: 1 | -1;
  readonly slots: Slot[];
}

/** The slots of rows that may be taken back: whoever takes one back gets the results that it had. */
export class SlotMemory {
  readonly #kept = new Map<string, Kept>();

  get size(): number {
    return this.#kept.size;
  }

  /**
   * The slot of a row that comes (+1) or goes (-1): that of its opposite, which is then forgotten, or a new one. `reuse`: an equal row that
   * stands has the same results.
   */
  slot(key: string, sign: 1 | -1, reuse: boolean, make: () => Slot): Slot {
    const kept = this.#kept.get(key);
    if (kept === undefined) {
      const slot = make();
      this.#kept.set(key, { sign, slots: [slot] });
      return slot;
    }
    if (kept.sign === sign) {
      const slot = reuse ? kept.slots[0]! : make();
      kept.slots.push(slot);
      return slot;
    }
    const slot = kept.slots.pop()!;
    if (kept.slots.length === 0) this.#kept.delete(key);
    return slot;
  }

  *slots(): Generator<Slot> {
    for (const { slots } of this.#kept.values()) yield* slots;
  }

  write(writer: ByteWriter): void {
    writer.varint(this.#kept.size);
    for (const [key, { sign, slots }] of this.#kept) {
      writer.text(key);
      writer.u8(sign > 0 ? 1 : 0);
      writer.varint(slots.length);
      for (const { id } of slots) writer.u64(id);
    }
  }

  read(reader: ByteReader, slots: ReadonlyMap<number, Slot>): void {
    this.#kept.clear();
    for (let count = reader.unsigned(); count > 0; count--) {
      const key = reader.text();
      const sign = reader.u8() === 1 ? 1 : -1;
      const kept: Kept = { sign, slots: [] };
      for (let rows = reader.unsigned(); rows > 0; rows--) kept.slots.push(slots.get(reader.u64())!);
      this.#kept.set(key, kept);
    }
  }
}
