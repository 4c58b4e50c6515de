import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Column, DataType } from '../../../plan/data-type.ts';
import { rowKey } from '../row-batch.ts';
import { readRow, writeRow } from '../state-value.ts';

/** What a row of the left got when it came. */
export interface KeptAnswer {
  /** Columns of the right that its result has; undefined: it has no result. */
  readonly values: readonly unknown[] | undefined;
  /** It went to dead letters, with these columns of the right. */
  readonly letter: { readonly message: string; readonly values: readonly unknown[] } | undefined;
}

interface Kept {
  /** Equal rows, first come first. */
  readonly answers: KeptAnswer[];
  /** How many were taken back before they came. */
  owed: number;
}

/** What the rows of the left got, by row: whoever takes a row back takes back the result that it had, whatever it would have now. */
export class KeptAnswers {
  readonly #left: readonly DataType[];
  readonly #right: readonly DataType[];
  readonly #kept = new Map<string, Kept>();
  #size = 0;

  constructor(left: readonly Column[], right: readonly Column[]) {
    this.#left = left.map((column) => column.type);
    this.#right = right.map((column) => column.type);
  }

  get size(): number {
    return this.#size;
  }

  keyOf(row: readonly unknown[]): string {
    return rowKey(row, this.#left);
  }

  /** A row comes: false when it was taken back before, and has no result. */
  comes(key: string): boolean {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.owed === 0) return true;
    kept.owed--;
    if (kept.owed === 0) this.#kept.delete(key);
    return false;
  }

  add(key: string, answer: KeptAnswer): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) this.#kept.set(key, { answers: [answer], owed: 0 });
    else kept.answers.push(answer);
    this.#size++;
  }

  /** A row goes: what it got; undefined when it has not come yet. */
  take(key: string): KeptAnswer | undefined {
    const kept = this.#kept.get(key);
    const answer = kept?.answers.shift();
    if (answer === undefined) {
      if (kept === undefined) this.#kept.set(key, { answers: [], owed: 1 });
      else kept.owed++;
      return undefined;
    }
    this.#size--;
    if (kept!.answers.length === 0) this.#kept.delete(key);
    return answer;
  }

  write(writer: ByteWriter): void {
    writer.varint(this.#kept.size);
    for (const [key, { answers, owed }] of this.#kept) {
      writer.text(key);
      writer.varint(owed);
      writer.varint(answers.length);
      for (const { values, letter } of answers) {
        writer.u8((values === undefined ? 0 : 1) | (letter === undefined ? 0 : 2));
        if (values !== undefined) writeRow(writer, values, this.#right);
        if (letter === undefined) continue;
        writer.text(letter.message);
        writeRow(writer, letter.values, this.#right);
      }
    }
  }

  read(reader: ByteReader): void {
    for (let keys = reader.unsigned(); keys > 0; keys--) {
      const key = reader.text();
      const kept: Kept = { owed: reader.unsigned(), answers: [] };
      for (let answers = reader.unsigned(); answers > 0; answers--) {
        const flags = reader.u8();
        const values = flags & 1 ? readRow(reader, this.#right) : undefined;
        const letter = flags & 2 ? { message: reader.text(), values: readRow(reader, this.#right) } : undefined;
        kept.answers.push({ values, letter });
      }
      this.#kept.set(key, kept);
      this.#size += kept.answers.length;
    }
  }
}
