import { type ByteReader, type ByteWriter, utf8 } from '../../base/bytes.ts';
import { HeadraceError } from '../../base/error.ts';
import type { OutputNode } from '../../plan/node.ts';
import type { Batch } from './batch.ts';
import { forEachRow, weightOf } from './column-access.ts';
import { type JsonReader, jsonReader } from './json-column.ts';
import { isForKernel, KernelOutput } from './kernel-output.ts';
import type { Operator, OperatorContext } from './operator.ts';
import type { RecordSink } from './record-sink.ts';
import { RowNumbers } from './row-numbers.ts';

const OP_HEADER = 'op';
const OP_CREATE = utf8('c');
const OP_DELETE = utf8('d');
const NO_VALUES: ReadonlyMap<string, number> = new Map();

/** Net change of one key: how often each value comes (positive) or goes; most keys have one value. */
interface KeyChange {
  value: string;
  count: number;
  /** All values, once there is a second one: the last that came is the last of them. */
  values: Map<string, number> | undefined;
}

function countsOf({ value, count, values }: KeyChange): ReadonlyMap<string, number> {
  return values ?? new Map([[value, count]]);
}

/**
 * Writes rows as JSON records to the output topic, at the end of the epoch (`every`: of the first epoch in which the interval has
 * passed). `upsert`: one record per key that changed, null for a key that is gone; `retract`: header `op`, `c` or `d` as Debezium's,
 * what came and went in between left out; `append`: rows as they come. The key is a JSON array of the key columns; of rows that have
 * none, of the row and its number.
 */
export class OutputOperator implements Operator {
  readonly #node: OutputNode;
  readonly #sink: RecordSink;
  readonly #names: readonly string[];
  /** For rows without a key of their own. */
  readonly #numbers: RowNumbers | undefined;
  #context: OperatorContext | undefined;
  #readers: readonly JsonReader[] = [];
  /** Of what is written at the end of each epoch: rows that wait for nothing else. */
  #rows: KernelOutput | undefined;
  /** Changes that are not written yet, by key; by nothing for `retract`. */
  #pending = new Map<string, KeyChange>();
  /** Rows of `append` that wait for the interval. */
  #waiting: string[] = [];
  #writtenAtMs = 0;
  #isDue = false;

  constructor(node: OutputNode, sink: RecordSink) {
    this.#node = node;
    this.#sink = sink;
    this.#numbers = node.numbered === true ? new RowNumbers() : undefined;
    this.#names = node.input.columns.map((column) => JSON.stringify(column.name));
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#readers = this.#node.input.columns.map((column) => jsonReader(context.kernel, column.type));
    if (isForKernel(this.#node)) this.#rows = new KernelOutput(context.kernel, this.#node, this.#readers);
  }

  processBatch(batch: Batch): void {
    const { kernel, clockMs } = this.#context!;
    const { mode, keys, name, emit } = this.#node;
    if (this.#rows !== undefined) {
      if (!this.#rows.take(batch)) throw takesBack(name);
      return;
    }
    forEachRow(kernel, batch, (row) => {
      const texts = this.#readers.map((read, i) => read(batch.columns[i]!, row));
      const weight = weightOf(kernel, batch, row);
      const value = this.#valueOf(texts);
      if (mode === 'append') {
        if (weight < 0) throw takesBack(name);
        if (emit.kind === 'every') this.#waiting.push(value);
        else this.#sink.write({ key: null, value: Buffer.from(value) }, clockMs());
        return;
      }
      this.#change(keys.length > 0 ? `[${keys.map((at) => texts[at]).join(',')}]` : '', value, weight);
    });
  }

  #change(key: string, value: string, weight: number): void {
    const change = this.#pending.get(key);
    if (change === undefined) {
      this.#pending.set(key, { value, count: weight, values: undefined });
      return;
    }
    if (change.values === undefined && change.value === value) {
      change.count += weight;
      return;
    }
    change.values ??= new Map([[change.value, change.count]]);
    const count = (change.values.get(value) ?? 0) + weight;
    // The last value that came is the last of the map, whenever it was first named.
    if (weight > 0) change.values.delete(value);
    change.values.set(value, count);
  }

  #valueOf(texts: readonly string[]): string {
    let text = '{';
    for (let i = 0; i < texts.length; i++) text += `${i === 0 ? '' : ','}${this.#names[i]}:${texts[i]}`;
    return `${text}}`;
  }

  endEpoch(): void {
    this.#endRows();
    this.#rows?.write(this.#sink, this.#context!.clockMs());
  }

  #endRows(): void {
    const dueMs = this.nextClockMs();
    if (dueMs !== undefined && !this.#isDue && this.#context!.clockMs() < dueMs) return;
    this.#isDue = false;
    if (this.#pending.size === 0 && this.#waiting.length === 0) return;
    const clock = this.#context!.clockMs();
    this.#writtenAtMs = clock;
    for (const value of this.#waiting) this.#sink.write({ key: null, value: Buffer.from(value) }, clock);
    this.#waiting = [];
    for (const [key, change] of this.#pending) {
      if (this.#numbers !== undefined) this.#numbers.write(countsOf(change), this.#sink, clock);
      else if (this.#node.mode === 'retract') this.#writeRetractions(countsOf(change), clock);
      else this.#writeUpsert(key, change, clock);
    }
    this.#pending = new Map();
  }

  /** A row taken back and a new one of the same key are one change. What came and went again is none. */
  #writeUpsert(key: string, change: KeyChange, clock: number): void {
    let standing: string | undefined;
    let goes = false;
    if (change.values === undefined) {
      if (change.count > 0) standing = change.value;
      else goes = change.count < 0;
    }
    for (const [value, count] of change.values ?? NO_VALUES) {
      if (count > 0) standing = value;
      else if (count < 0) goes = true;
    }
    if (standing === undefined && !goes) return;
    const value = standing === undefined ? null : Buffer.from(standing);
    this.#sink.write({ key: Buffer.from(key), value }, clock);
  }

  #writeRetractions(change: ReadonlyMap<string, number>, clock: number): void {
    for (const isComing of [false, true]) {
      const headers = [{ key: OP_HEADER, value: isComing ? OP_CREATE : OP_DELETE }];
      for (const [text, count] of change) {
        const times = isComing ? count : -count;
        for (let i = 0; i < times; i++) this.#sink.write({ key: null, value: Buffer.from(text), headers }, clock);
      }
    }
  }

  onWatermark(): void {}

  nextTimer(): bigint | undefined {
    return undefined;
  }

  nextClockMs(): number | undefined {
    const { emit } = this.#node;
    if (emit.kind !== 'every' || (this.#pending.size === 0 && this.#waiting.length === 0)) return undefined;
    return this.#writtenAtMs + emit.intervalMs;
  }

  endInput(): void {
    this.#isDue = true;
  }

  flush(): void {
    this.#isDue = true;
  }

  snapshot(writer: ByteWriter): void {
    writer.u64(this.#writtenAtMs);
    writer.varint(this.#waiting.length);
    for (const value of this.#waiting) writer.text(value);
    writer.varint(this.#pending.size);
    for (const [key, change] of this.#pending) {
      writer.text(key);
      const counts = countsOf(change);
      writer.varint(counts.size);
      for (const [value, count] of counts) {
        writer.text(value);
        writer.i64(BigInt(count));
      }
    }
    this.#numbers?.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#writtenAtMs = reader.u64();
    this.#waiting = Array.from({ length: reader.unsigned() }, () => reader.text());
    this.#pending = new Map();
    for (let keys = reader.unsigned(); keys > 0; keys--) {
      const key = reader.text();
      const values = new Map<string, number>();
      for (let left = reader.unsigned(); left > 0; left--) values.set(reader.text(), Number(reader.i64()));
      this.#pending.set(key, { value: '', count: 0, values });
    }
    this.#numbers?.restore(reader);
  }

  close(): void {
    this.#rows?.close();
    this.#rows = undefined;
  }

  state(): { readonly keys: number; readonly bytes: number } {
    const numbers = this.#numbers?.state() ?? { keys: 0, bytes: 0 };
    const rows = this.#rows?.state() ?? { keys: 0, bytes: 0 };
    const keys = numbers.keys + rows.keys + this.#pending.size + this.#waiting.length;
    return { keys, bytes: numbers.bytes + rows.bytes };
  }
}

function takesBack(name: string): HeadraceError {
  return new HeadraceError(`writing output "${name}": a row is taken back, and an append topic cannot say so`, {
    code: 'ENGINE_APPEND_RETRACTION',
    domain: 'engine',
    next: 'give the view a key (upsert), or emit on window close',
  });
}
