import type { Kernel } from '../../kernel/kernel.ts';
import { type JsonForm, OutputRows } from '../../kernel/output-rows.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { OutputNode } from '../../plan/node.ts';
import { OUTPUT_BATCH_BYTES_MAX, OUTPUT_BATCH_RECORDS_MAX } from '../limits.ts';
import type { Batch } from './batch.ts';
import type { JsonReader } from './json-column.ts';
import type { RecordSink } from './record-sink.ts';

/** Types whose common values the kernel writes; of all others, and of rare values, JavaScript does. */
const FORMS: Readonly<Partial<Record<DataType['kind'], JsonForm>>> = {
  boolean: 'boolean',
  int2: 'int',
  int4: 'int',
  int8: 'long',
  float4: 'double',
  float8: 'double',
  text: 'text',
  uuid: 'text',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
};

/** What an output writes follows from one epoch alone, and each key has a row at most. */
export function isForKernel({ mode, emit, numbered, input }: OutputNode): boolean {
  return mode !== 'retract' && emit.kind !== 'every' && numbered !== true && input.columns.length > 0;
}

/** The rows of an epoch on their way to a topic, made in the kernel: the same records as those that JavaScript would make. */
export class KernelOutput {
  readonly #kernel: Kernel;
  readonly #rows: OutputRows;
  readonly #forms: readonly (JsonForm | undefined)[];
  readonly #readers: readonly JsonReader[];

  constructor(kernel: Kernel, { input, mode, keys }: OutputNode, readers: readonly JsonReader[]) {
    this.#kernel = kernel;
    const names = input.columns.map((column) => column.name);
    this.#rows = new OutputRows(kernel, { names, keys: mode === 'append' ? undefined : keys });
    this.#forms = input.columns.map((column) => FORMS[column.type.kind]);
    this.#readers = readers;
  }

  /** False when a row is taken back that cannot be. */
  take(batch: Batch): boolean {
    const kernel = this.#kernel;
    const position = kernel.arenaPosition();
    kernel.exports.textBegin();
    const texts = this.#forms.map((form, at) => this.#rows.texts(batch.columns[at]!, form, batch, this.#readers[at]!));
    const taken = this.#rows.add(texts, batch);
    kernel.arenaRewind(position);
    kernel.exports.textBegin();
    return taken === batch.selected;
  }

  /** Ends the epoch. */
  write(sink: RecordSink, clockMs: number): void {
    const { partitions } = sink;
    const framing = {
      partitions,
      clockMs,
      recordsMax: OUTPUT_BATCH_RECORDS_MAX,
      bytesMax: OUTPUT_BATCH_BYTES_MAX,
    };
    this.#rows.frame(framing, (batch) => sink.append(batch.partition, batch));
  }

  close(): void {
    this.#rows.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#rows.count, bytes: this.#rows.bytes };
  }
}
