import { valueReader } from '../../engine/operator/column-access.ts';
import { type ColumnVector, physicalOf } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DataType } from '../../plan/data-type.ts';
import { groupingKey } from '../../plan/value/value-order.ts';
import type { AliveRows } from './alive-rows.ts';

/** The code of NULL in every dictionary. */
export const NULL_CODE = 0;

/** Numbers the distinct values of one grouping column from 1 on, in the order in which they are first seen. */
export interface CodeDictionary {
  /** Writes the code of each row to `codes[i]`, `i` counting the rows. */
  encode(kernel: Kernel, rows: AliveRows, vector: ColumnVector, codes: Int32Array): void;
  codeOf(value: unknown): number;
  /** By code less one. */
  values(): readonly unknown[];
}

export function codeDictionary(type: DataType): CodeDictionary {
  if (type.kind === 'text' || type.kind === 'uuid') return new TextDictionary();
  if (physicalOf(type) === 'i64' && type.kind !== 'numeric') return new LongDictionary();
  return new ValueDictionary(type);
}

/** Any type: by the text that is equal for equal values. */
class ValueDictionary implements CodeDictionary {
  readonly #type: DataType;
  readonly #codes = new Map<string, number>();
  readonly #values: unknown[] = [];

  constructor(type: DataType) {
    this.#type = type;
  }

  encode(kernel: Kernel, rows: AliveRows, vector: ColumnVector, codes: Int32Array): void {
    const read = valueReader(kernel, this.#type);
    for (let i = 0; i < rows.count; i++) codes[i] = this.codeOf(read(vector, rows.rows[i]!));
  }

  codeOf(value: unknown): number {
    if (value === null || value === undefined) return NULL_CODE;
    const key = groupingKey(value, this.#type);
    const known = this.#codes.get(key);
    if (known !== undefined) return known;
    this.#codes.set(key, this.#values.push(value));
    return this.#values.length;
  }

  values(): readonly unknown[] {
    return this.#values;
  }
}

/** int8, times: two halves compared as numbers, a bigint only for a value that is new. */
class LongDictionary implements CodeDictionary {
  readonly #codes = new Map<bigint, number>();
  readonly #values: bigint[] = [];
  #low = 0;
  #high = 0;
  #code = -1;

  encode(kernel: Kernel, rows: AliveRows, { data, nulls }: ColumnVector, codes: Int32Array): void {
    const words = kernel.i32();
    const bytes = kernel.u8();
    const longs = kernel.i64();
    for (let i = 0; i < rows.count; i++) {
      const row = rows.rows[i]!;
      if (nulls !== 0 && bytes[nulls + row] === 1) {
        codes[i] = NULL_CODE;
        continue;
      }
      const word = (data >>> 2) + 2 * row;
      // Neighbours are often equal: the start of a window is.
      if (words[word] !== this.#low || words[word + 1] !== this.#high || this.#code < 0) {
        this.#low = words[word]!;
        this.#high = words[word + 1]!;
        this.#code = this.codeOf(longs[data / 8 + row]);
      }
      codes[i] = this.#code;
    }
  }

  codeOf(value: unknown): number {
    if (value === null || value === undefined) return NULL_CODE;
    const known = this.#codes.get(value as bigint);
    if (known !== undefined) return known;
    this.#codes.set(value as bigint, this.#values.push(value as bigint));
    return this.#values.length;
  }

  values(): readonly unknown[] {
    return this.#values;
  }
}

const FIRST_SLOTS = 1024;

/** Text by its bytes, in an open table; no string is made for a value that is known. */
class TextDictionary implements CodeDictionary {
  readonly #texts: string[] = [];
  #slots = new Int32Array(FIRST_SLOTS);
  #mask = FIRST_SLOTS - 1;
  #hashes = new Int32Array(FIRST_SLOTS);
  #starts = new Int32Array(FIRST_SLOTS + 1);
  #bytes = new Uint8Array(16 * FIRST_SLOTS);

  encode(kernel: Kernel, rows: AliveRows, { data, nulls }: ColumnVector, codes: Int32Array): void {
    const words = kernel.u32();
    const bytes = kernel.u8();
    const first = data >>> 2;
    for (let i = 0; i < rows.count; i++) {
      const row = rows.rows[i]!;
      if (nulls !== 0 && bytes[nulls + row] === 1) codes[i] = NULL_CODE;
      else codes[i] = this.#codeOfBytes(bytes, words[first + 4 * row + 2]!, words[first + 4 * row]!);
    }
  }

  codeOf(value: unknown): number {
    if (value === null || value === undefined) return NULL_CODE;
    const bytes = Buffer.from(value as string);
    return this.#codeOfBytes(bytes, 0, bytes.length);
  }

  values(): readonly unknown[] {
    return this.#texts;
  }

  #codeOfBytes(source: Uint8Array, start: number, length: number): number {
    let hash = length;
    const end = start + length;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ source[i]!, 0x01000193);
    hash ^= hash >>> 15;
    const slots = this.#slots;
    let slot = hash & this.#mask;
    for (let code = slots[slot]!; code !== 0; code = slots[slot]!) {
      if (this.#hashes[code - 1] === hash && this.#equals(code, source, start, length)) return code;
      slot = (slot + 1) & this.#mask;
    }
    return this.#add(slot, hash, source.subarray(start, end));
  }

  #equals(code: number, source: Uint8Array, start: number, length: number): boolean {
    const from = this.#starts[code - 1]!;
    if (this.#starts[code]! - from !== length) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== source[start + i]) return false;
    return true;
  }

  #add(slot: number, hash: number, bytes: Uint8Array): number {
    const code = this.#texts.push(Buffer.from(bytes).toString('utf8'));
    const from = this.#starts[code - 1]!;
    if (from + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (from + bytes.length));
      larger.set(this.#bytes.subarray(0, from));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, from);
    this.#starts[code] = from + bytes.length;
    this.#hashes[code - 1] = hash;
    this.#slots[slot] = code;
    if (2 * code > this.#mask) this.#grow();
    return code;
  }

  #grow(): void {
    const size = 2 * (this.#mask + 1);
    this.#hashes = enlarged(this.#hashes, size);
    this.#starts = enlarged(this.#starts, size + 1);
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
    for (let code = 1; code <= this.#texts.length; code++) {
      let slot = this.#hashes[code - 1]! & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = code;
    }
  }
}

/** Numbers pairs of (what the columns before gave, code of this column) from 0 on. */
export class PairTable {
  #slots = new Int32Array(FIRST_SLOTS);
  #mask = FIRST_SLOTS - 1;
  #left = new Int32Array(FIRST_SLOTS);
  #right = new Int32Array(FIRST_SLOTS);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  of(left: number, right: number): number {
    let slot = this.#slotOf(left, right);
    for (let found = this.#slots[slot]!; found !== 0; found = this.#slots[slot]!) {
      if (this.#left[found - 1] === left && this.#right[found - 1] === right) return found - 1;
      slot = (slot + 1) & this.#mask;
    }
    const id = this.#count++;
    this.#left[id] = left;
    this.#right[id] = right;
    this.#slots[slot] = id + 1;
    if (2 * this.#count > this.#mask) this.#grow();
    return id;
  }

  /** The pair of a number. */
  at(id: number): readonly [left: number, right: number] {
    return [this.#left[id]!, this.#right[id]!];
  }

  #slotOf(left: number, right: number): number {
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }

  #grow(): void {
    const size = 2 * (this.#mask + 1);
    this.#left = enlarged(this.#left, size);
    this.#right = enlarged(this.#right, size);
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
    for (let id = 0; id < this.#count; id++) {
      let slot = this.#slotOf(this.#left[id]!, this.#right[id]!);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = id + 1;
    }
  }
}

function enlarged(numbers: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size);
  larger.set(numbers);
  return larger;
}
