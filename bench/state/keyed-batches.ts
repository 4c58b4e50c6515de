import { type Batch, WATERMARK_MIN } from '../../src/engine/operator/batch.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';

const TEXT_BYTES_MAX = 64;

/** A bijection of 32 bits (the finalizer of MurmurHash3), so that numbers in order become keys in none. */
function mixed(number: number): number {
  let h = number | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** `user12345678`: the key of a number, 12 characters. */
export function keyText(number: number): string {
  return `user${mixed(number).toString(16).padStart(8, '0')}`;
}

/** A UUID (version 4) of a number. */
export function uuidText(number: number): string {
  const [a, b, c] = [1, 2, 3].map((part) =>
    mixed(number * 4 + part)
      .toString(16)
      .padStart(8, '0'),
  );
  const d = mixed(number).toString(16).padStart(8, '0');
  return `${d}-${a!.slice(0, 4)}-4${a!.slice(5)}-a${b!.slice(1, 4)}-${b!.slice(4)}${c}`;
}

/** Makes batches of a key, an amount and a time in memory that is used again; time stands still. */
export class KeyedBatches {
  readonly #kernel: Kernel;
  readonly #keyOf: (number: number) => string;
  readonly #references: number;
  readonly #texts: number;
  readonly #amounts: number;
  readonly #times: number;
  readonly #watermarks: number;
  #seed = 1;

  constructor(kernel: Kernel, rowsMax: number, keyOf: (number: number) => string) {
    this.#kernel = kernel;
    this.#keyOf = keyOf;
    this.#references = kernel.alloc(rowsMax * 16);
    this.#texts = kernel.alloc(rowsMax * TEXT_BYTES_MAX);
    this.#amounts = kernel.alloc(rowsMax * 8);
    this.#times = kernel.alloc(rowsMax * 8);
    this.#watermarks = kernel.alloc(rowsMax * 8);
    const longs = kernel.i64();
    longs.fill(7n, this.#amounts / 8, this.#amounts / 8 + rowsMax);
    longs.fill(0n, this.#times / 8, this.#times / 8 + rowsMax);
    longs.fill(WATERMARK_MIN, this.#watermarks / 8, this.#watermarks / 8 + rowsMax);
  }

  /** `rows` keys from the number `from` on; or at random among the first `spread`. */
  next(from: number, rows: number, spread: number | undefined): Batch {
    const bytes = Buffer.from(this.#kernel.u8().buffer);
    const words = this.#kernel.u32();
    for (let row = 0; row < rows; row++) {
      const number = spread === undefined ? from + row : mixed(this.#seed++) % spread;
      const text = this.#keyOf(number);
      const at = this.#texts + row * TEXT_BYTES_MAX;
      bytes.write(text, at, 'latin1');
      words.set([text.length, bytes.readUInt32LE(at), at, 0], (this.#references >>> 2) + row * 4);
    }
    return {
      rows,
      columns: [
        { physical: 'str', data: this.#references, nulls: 0 },
        { physical: 'i64', data: this.#amounts, nulls: 0 },
        { physical: 'i64', data: this.#times, nulls: 0 },
      ],
      selection: 0,
      selected: rows,
      weights: 0,
      origin: undefined,
      times: this.#times,
      watermarks: this.#watermarks,
    };
  }
}
