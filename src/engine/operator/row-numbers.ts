import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { RecordSink } from './record-sink.ts';

/**
 * How often each row of a view stands: what makes a key for rows that can be equal. The first of equal rows is number 1; the one that
 * goes is the last.
 */
export class RowNumbers {
  readonly #counts = new Map<string, number>();
  #bytes = 0;

  /** Writes one record for each row that comes or goes; `change` has the JSON of rows. */
  write(change: ReadonlyMap<string, number>, sink: RecordSink, clockMs: number): void {
    for (const [text, net] of change) {
      if (net === 0) continue;
      const before = this.#counts.get(text) ?? 0;
      const after = Math.max(0, before + net);
      for (let number = before; number > after; number--) {
        sink.write({ key: Buffer.from(`[${text},${number}]`), value: null }, clockMs);
      }
      for (let number = before + 1; number <= after; number++) {
        sink.write({ key: Buffer.from(`[${text},${number}]`), value: Buffer.from(text) }, clockMs);
      }
      this.#set(text, before, after);
    }
  }

  #set(text: string, before: number, after: number): void {
    if (before === 0 && after > 0) this.#bytes += 2 * text.length + 64;
    if (before > 0 && after === 0) this.#bytes -= 2 * text.length + 64;
    if (after === 0) this.#counts.delete(text);
    else this.#counts.set(text, after);
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#counts.size);
    for (const [text, count] of this.#counts) {
      writer.text(text);
      writer.varint(count);
    }
  }

  restore(reader: ByteReader): void {
    for (let rows = reader.unsigned(); rows > 0; rows--) {
      const text = reader.text();
      this.#set(text, 0, reader.unsigned());
    }
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#counts.size, bytes: this.#bytes };
  }
}
