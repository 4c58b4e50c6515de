import { utf8 } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import type { OutputNode } from '../plan/node.ts';
import type { Batch } from './batch.ts';
import { forEachRow, weightOf } from './column-access.ts';
import { type JsonReader, jsonReader } from './json-column.ts';
import { type OperatorContext, StatelessOperator } from './operator.ts';
import type { RecordSink } from './record-sink.ts';

const OP_HEADER = 'op';
const OP_CREATE = utf8('c');
const OP_DELETE = utf8('d');

/**
 * Writes rows as JSON records to the output topic. `upsert`: one record per key and epoch, null for a key that is gone;
 * `retract`: header `op`, `c` or `d` as Debezium's; `append`: rows as they come. The key is a JSON array of the key columns.
 */
export class OutputOperator extends StatelessOperator {
  readonly #node: OutputNode;
  readonly #sink: RecordSink;
  #readers: readonly JsonReader[] = [];
  readonly #names: readonly string[];
  /** Upsert: the net change of the epoch, by key, in the order of the first change. */
  readonly #pending = new Map<string, string | null>();

  constructor(node: OutputNode, sink: RecordSink) {
    super();
    this.#node = node;
    this.#sink = sink;
    this.#names = node.input.columns.map((column) => JSON.stringify(column.name));
  }

  override open(context: OperatorContext): void {
    super.open(context);
    this.#readers = this.#node.input.columns.map((column) => jsonReader(context.kernel, column.type));
  }

  processBatch(batch: Batch): void {
    const { kernel, clockMs } = this.context;
    const { mode, keys, name } = this.#node;
    forEachRow(kernel, batch, (row) => {
      const texts = this.#readers.map((read, i) => read(batch.columns[i]!, row));
      const weight = weightOf(kernel, batch, row);
      const key = keys.length === 0 ? null : `[${keys.map((at) => texts[at]).join(',')}]`;
      if (mode === 'upsert' && key !== null) {
        this.#upsert(key, weight > 0 ? this.#valueOf(texts) : null);
        return;
      }
      if (weight < 0 && mode === 'append') throw takesBack(name);
      const headers = mode === 'retract' ? [{ key: OP_HEADER, value: weight > 0 ? OP_CREATE : OP_DELETE }] : [];
      const value = Buffer.from(this.#valueOf(texts));
      const record = { key: key === null ? null : Buffer.from(key), value, headers };
      this.#sink.write(record, clockMs());
    });
  }

  /** A row taken back and a new one of the same key are one change: the new row wins whatever the order. */
  #upsert(key: string, value: string | null): void {
    if (value === null && typeof this.#pending.get(key) === 'string') return;
    this.#pending.set(key, value);
  }

  #valueOf(texts: readonly string[]): string {
    let text = '{';
    for (let i = 0; i < texts.length; i++) text += `${i === 0 ? '' : ','}${this.#names[i]}:${texts[i]}`;
    return `${text}}`;
  }

  override endEpoch(): void {
    if (this.#pending.size === 0) return;
    const clock = this.context.clockMs();
    for (const [key, value] of this.#pending) {
      this.#sink.write({ key: Buffer.from(key), value: value === null ? null : Buffer.from(value) }, clock);
    }
    this.#pending.clear();
  }
}

function takesBack(name: string): HeadraceError {
  return new HeadraceError(`writing output "${name}": a row is taken back, and an append topic cannot say so`, {
    code: 'ENGINE_APPEND_RETRACTION',
    domain: 'engine',
    next: 'give the view a key (upsert), or emit on window close',
  });
}
