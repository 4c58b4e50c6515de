import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { physicalOf } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { COLUMN_BYTES, putColumns } from '../../kernel/state-column.ts';
import type { Column } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import type { SourceNode } from '../../plan/node.ts';
import type { Batch } from '../operator/batch.ts';
import { selectionOf } from '../operator/column-access.ts';
import { ColumnEvaluator, type RowFailure } from '../operator/column-evaluator.ts';
import type { Operator, OperatorContext } from '../operator/operator.ts';
import type { ExpressionContext } from '../operator/row-evaluator.ts';
import { type KeyColumn, keyColumn } from '../operator/state-key.ts';
import { BlockBuilder } from './block-builder.ts';
import type { BlockOrigin } from './block-format.ts';
import type { BlockSink } from './block-sink.ts';
import { encodeMark, type Mark, type SourceMark, sameSources } from './mark.ts';

export interface ExchangeSinkOptions {
  readonly sink: BlockSink;
  readonly columns: readonly Column[];
  /** Positions of the columns that are read on the other side. */
  readonly sent: readonly number[];
  readonly keys: readonly Expression[];
  /** How many tasks of the next stage take rows. */
  readonly tasks: number;
  /** All of the pipeline. */
  readonly sources: readonly SourceNode[];
  readonly expressions: ExpressionContext;
}

/** The end of a stage: rows go to the task that has their key, as blocks of columns. */
export class ExchangeSink implements Operator {
  readonly #options: ExchangeSinkOptions;
  #context: OperatorContext | undefined;
  #evaluator: ColumnEvaluator | undefined;
  #keyColumns: readonly KeyColumn[] = [];
  #builders: readonly BlockBuilder[] = [];
  #said: readonly SourceMark[] | undefined;

  constructor(options: ExchangeSinkOptions) {
    this.#options = options;
  }

  open(context: OperatorContext): void {
    const { columns, sent, keys, tasks, expressions } = this.#options;
    this.#context = context;
    this.#evaluator = new ColumnEvaluator(context.kernel, columns, keys, expressions);
    this.#keyColumns = keys.map((key) => keyColumn(context.kernel, key.type));
    const physical = sent.map((at) => physicalOf(columns[at]!.type));
    this.#builders = Array.from({ length: tasks }, () => new BlockBuilder(context.kernel, physical));
  }

  processBatch(batch: Batch): void {
    if (batch.selected === 0) return;
    const { kernel } = this.#context!;
    const tasks = this.#builders.length;
    if (tasks === 1 || this.#options.keys.length === 0) {
      this.#send(batch, 0, listed(kernel, batch), batch.selected);
      return;
    }
    const { columns, selection, selected, failures } = this.#evaluator!.evaluate(batch);
    const rows = kernel.arenaAlloc(selected * 4);
    const counts = kernel.arenaAlloc(tasks * 4);
    const described = kernel.arenaAlloc(columns.length * COLUMN_BYTES);
    const keys = columns.map((column, i) => this.#keyColumns[i]!({ ...batch, selection, selected }, column));
    putColumns(kernel, described, keys);
    kernel.exports.routeRows(described, keys.length, selection, selected, tasks, rows, counts);
    let from = 0;
    for (let task = 0; task < tasks; task++) {
      const count = kernel.u32()[counts / 4 + task]!;
      const refused = task === 0 ? failures : [];
      if (refused.length === 0) this.#send(batch, task, rows + from * 4, count);
      else this.#sendRefused(batch, rows + from * 4, count, refused);
      from += count;
    }
  }

  /** Rows that have no key, among those of the first task: the operator that needs the key meets the same failure, and says so. */
  #sendRefused(batch: Batch, rows: number, count: number, refused: readonly RowFailure[]): void {
    const { kernel } = this.#context!;
    const own = kernel.u32().subarray(rows / 4, rows / 4 + count);
    const all = [...own, ...refused.map(({ row }) => row)].sort((a, b) => a - b);
    this.#send(batch, 0, selectionOf(kernel, all), all.length);
  }

  #send(batch: Batch, task: number, rows: number, count: number): void {
    const builder = this.#builders[task]!;
    const origin = this.#originOf(batch);
    const columns = this.#options.sent.map((at) => batch.columns[at]!);
    if (!builder.takes(origin)) this.#flush(task);
    for (let from = 0; from < count; ) {
      const some = Math.min(builder.room, count - from);
      builder.append(batch, columns, origin, rows + from * 4, some);
      from += some;
      if (builder.room === 0) this.#flush(task);
    }
  }

  #originOf({ origin }: Batch): BlockOrigin | undefined {
    if (origin === undefined) return undefined;
    return { source: this.#options.sources.indexOf(origin.source), partition: origin.partition };
  }

  #flush(task: number): void {
    const builder = this.#builders[task]!;
    if (builder.rows > 0) this.#write(task, builder.take());
  }

  #write(task: number, value: Uint8Array): void {
    this.#options.sink.write(task, value, this.#context!.clockMs());
  }

  endEpoch(): void {
    for (let task = 0; task < this.#builders.length; task++) this.#flush(task);
  }

  /** Ends an epoch, after all rows of it: says how far event time is, if that has changed. */
  mark(mark: Mark): void {
    if (sameSources(this.#said, mark.sources)) return;
    this.#said = mark.sources;
    const value = encodeMark(mark);
    for (let task = 0; task < this.#builders.length; task++) this.#write(task, value);
  }

  onWatermark(): void {}

  nextTimer(): undefined {}

  snapshot(writer: ByteWriter): void {
    writer.varint(this.#said?.length ?? 0);
    for (const { watermark, idle } of this.#said ?? []) {
      writer.i64(watermark);
      writer.u8(idle ? 1 : 0);
    }
  }

  restore(reader: ByteReader): void {
    const said = Array.from({ length: reader.unsigned() }, () => ({
      watermark: reader.i64(),
      idle: reader.u8() === 1,
    }));
    this.#said = said.length === 0 ? undefined : said;
  }

  close(): void {
    this.#evaluator?.close();
    for (const builder of this.#builders) builder.close();
    this.#builders = [];
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: 0, bytes: 0 };
  }
}

/** The numbers of all rows that are alive. */
function listed(kernel: Kernel, { selection, rows }: Batch): number {
  if (selection !== 0) return selection;
  const all = kernel.arenaAlloc(rows * 4);
  const words = kernel.u32();
  for (let row = 0; row < rows; row++) words[all / 4 + row] = row;
  return all;
}
