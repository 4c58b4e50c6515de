import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/error.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { sortOrder } from '../../../plan/value/sort-order.ts';
import { type Batch, later, WATERMARK_MIN } from '../batch.ts';
import { forEachRow, type ValueReader, valueReader, weightOf } from '../column-access.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { mapKey, RowEmitter, RowReader, timeOf, watermarkOf } from '../row-batch.ts';
import { type ExpressionContext, RowEvaluator } from '../row-evaluator.ts';
import { readRow, readTime, writeRow, writeTime } from '../state-value.ts';
import { type WindowEnd, windowEndOfRows } from '../window/window-end.ts';
import { WindowedMap } from '../window/windowed-map.ts';
import { KernelTopN, runsInKernel } from './kernel-top-n.ts';
import { type PartitionShape, RankedPartition } from './ranked-partition.ts';
import { forEachVisible, type RankedRow } from './ranking.ts';
import type { TopNOptions } from './top-n-options.ts';

/** Bytes of a row beside its values, about. */
const ROW_BYTES = 120;
const VALUE_BYTES = 24;

/** The first rows of each partition: in the kernel where it can keep them, else row by row. Results are the same. */
export function topNOperator(options: TopNOptions): Operator {
  return runsInKernel(options) ? new KernelTopN(options) : new RowTopN(options);
}

/**
 * The first rows of each partition, row by row. `updates`: at the end of an epoch what came into sight and what left it, per changed partition.
 * `final`, where a partition lies in a window: what is seen when the window closes, once. The partitions of a window go with it, and
 * a row whose window was closed is late.
 */
export class RowTopN implements Operator {
  readonly #node: TopNOptions['node'];
  readonly #windowEnd: WindowEnd | undefined;
  readonly #isFinal: boolean;
  readonly #shape: PartitionShape;
  readonly #expressions: ExpressionContext;
  readonly #types: readonly DataType[];
  readonly #keyTypes: readonly DataType[];
  readonly #keyOf: (values: readonly unknown[]) => unknown;
  readonly #partitions = new WindowedMap<RankedPartition>();
  #changed: RankedPartition[] = [];
  #context: OperatorContext | undefined;
  #reader: RowReader | undefined;
  #partitionReaders: readonly ValueReader[] = [];
  #endReader: ValueReader | undefined;
  #sortKeys: RowEvaluator | undefined;
  #emitter: RowEmitter | undefined;
  #watermark = WATERMARK_MIN;
  #sequence = 0;
  #rows = 0;

  constructor(options: TopNOptions) {
    const { node, emit, appendOnly, expressions } = options;
    this.#node = node;
    this.#expressions = expressions;
    this.#windowEnd = windowEndOfRows(node.input, node.partition);
    this.#isFinal = emit === 'final' && this.#windowEnd !== undefined;
    this.#types = node.input.columns.map((column) => column.type);
    this.#keyTypes = node.keys.map((key) => key.expression.type);
    this.#keyOf = mapKey(node.partition.map((at) => this.#types[at]!));
    const order = sortOrder(node.keys);
    this.#shape = { spec: node, order, types: this.#types, appendOnly, follows: !this.#isFinal };
  }

  open(context: OperatorContext): void {
    const { kernel, emit } = context;
    const { input, partition, keys, columns } = this.#node;
    this.#context = context;
    this.#reader = new RowReader(kernel, input.columns);
    this.#partitionReaders = partition.map((at) => valueReader(kernel, this.#types[at]!));
    const end = this.#windowEnd?.position;
    this.#endReader = end === undefined ? undefined : valueReader(kernel, this.#types[end]!);
    const expressions = keys.map((key) => key.expression);
    this.#sortKeys = new RowEvaluator(kernel, input.columns, expressions, this.#expressions);
    this.#emitter = new RowEmitter(kernel, columns, emit);
  }

  processBatch(batch: Batch): void {
    forEachRow(this.#context!.kernel, batch, (row) => this.#processRow(batch, row));
  }

  #processRow(batch: Batch, row: number): void {
    const { kernel, deadLetter } = this.#context!;
    const end = this.#endOf(batch, row);
    if (this.#windowEnd !== undefined && end <= later(watermarkOf(kernel, batch, row), this.#watermark)) {
      deadLetter({ reason: 'late', message: 'top-n: the window of the row was closed', batch, row });
      return;
    }
    const keys: unknown[] = [];
    try {
      this.#sortKeys!.load(batch, row);
      for (let at = 0; at < this.#keyTypes.length; at++) keys.push(this.#sortKeys!.value(at));
    } catch (error) {
      const reason = this.#sortKeys!.reason(keys.length);
      deadLetter({ reason, message: `top-n: ${messageOf(error)}`, batch, row });
      return;
    }
    const key = this.#keyOf(
      this.#partitionReaders.map((read, i) => read(batch.columns[this.#node.partition[i]!]!, row)),
    );
    if (weightOf(kernel, batch, row) < 0) this.#remove(end, key, this.#reader!.values(batch, row), keys);
    else this.#insert(end, key, keys, batch, row);
  }

  #endOf(batch: Batch, row: number): bigint {
    if (this.#windowEnd === undefined) return 0n;
    const { position, add } = this.#windowEnd;
    return (this.#endReader!(batch.columns[position]!, row) as bigint) + add;
  }

  #insert(end: bigint, key: unknown, keys: readonly unknown[], batch: Batch, row: number): void {
    let partition = this.#partitions.get(end, key);
    if (partition === undefined) {
      partition = new RankedPartition(this.#shape, key, end);
      this.#partitions.add(end, key, partition);
    } else if (partition.refuses(keys)) return;
    const values = this.#reader!.values(batch, row);
    const time = timeOf(this.#context!.kernel, batch, row);
    const before = partition.rows.size;
    const sequence = this.#sequence++;
    partition.insert({ values, keys, sequence, time, shown: false, stands: false, rank: 0 });
    this.#rows += partition.rows.size - before;
    this.#mark(partition);
  }

  #remove(end: bigint, key: unknown, values: readonly unknown[], keys: readonly unknown[]): void {
    const partition = this.#partitions.get(end, key);
    if (partition?.remove(values, keys) !== true) return;
    this.#rows--;
    this.#mark(partition);
  }

  #mark(partition: RankedPartition): void {
    if (partition.changed) return;
    partition.changed = true;
    this.#changed.push(partition);
  }

  endEpoch(): void {
    for (const partition of this.#changed) {
      partition.changed = false;
      const before = partition.rows.size;
      if (!this.#isFinal) partition.flush(this.#emit);
      this.#rows += partition.rows.size - before;
      if (partition.rows.size === 0) this.#partitions.delete(partition.end, partition.key);
    }
    this.#changed = [];
    this.#emitter!.flush();
  }

  readonly #emit = (row: RankedRow, rank: number, weight: 1 | -1): void => {
    const values = this.#node.withRank ? [...row.values, BigInt(rank)] : row.values;
    this.#emitter!.add(values, weight, row.time);
  };

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    if (this.#windowEnd === undefined) return;
    for (const { rows } of this.#partitions.close(watermark)) {
      this.#rows -= rows.size;
      if (!this.#isFinal) continue;
      const same = (a: RankedRow, b: RankedRow): boolean => this.#shape.order(a.keys, b.keys) === 0;
      forEachVisible(this.#node, rows, same, (row, rank) => this.#emit(row, rank, 1));
    }
    this.#emitter!.flush();
  }

  nextTimer(): bigint | undefined {
    return this.#windowEnd === undefined ? undefined : this.#partitions.nextEnd();
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.stageSnapshot();
    while (staged.next(writer));
    staged.end();
  }

  stageSnapshot(): StagedSnapshot {
    const [watermark, next] = [this.#watermark, this.#sequence];
    const head = (writer: ByteWriter): void => {
      writer.i64(watermark);
      writer.u64(next);
    };
    return this.#partitions.stage((writer, partition) => {
      writer.i64(partition.end);
      writer.varint(partition.rows.size);
      for (const row of partition.rows) this.#writeRow(writer, row);
    }, head);
  }

  #writeRow(writer: ByteWriter, row: RankedRow): void {
    writeRow(writer, row.values, this.#types);
    writeRow(writer, row.keys, this.#keyTypes);
    writer.u64(row.sequence);
    writeTime(writer, row.time);
    writer.u8((row.shown ? 1 : 0) | (row.stands ? 2 : 0));
    writer.u64(row.rank);
  }

  restore(reader: ByteReader): void {
    while (reader.remaining > 0) this.#restorePart(reader);
  }

  #restorePart(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#sequence = reader.u64();
    for (let partitions = reader.unsigned(); partitions > 0; partitions--) {
      const end = reader.i64();
      let partition: RankedPartition | undefined;
      for (let rows = reader.unsigned(); rows > 0; rows--) {
        const row = this.#readRow(reader);
        if (partition === undefined) {
          const key = this.#keyOf(this.#node.partition.map((at) => row.values[at]));
          partition = new RankedPartition(this.#shape, key, end);
          this.#partitions.add(end, key, partition);
        }
        partition.restore(row);
        this.#rows++;
      }
    }
  }

  #readRow(reader: ByteReader): RankedRow {
    const values = readRow(reader, this.#types);
    const keys = readRow(reader, this.#keyTypes);
    const sequence = reader.u64();
    const time = readTime(reader);
    const flags = reader.u8();
    const rank = reader.u64();
    return { values, keys, sequence, time, shown: (flags & 1) !== 0, stands: (flags & 2) !== 0, rank };
  }

  close(): void {
    this.#partitions.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#rows, bytes: this.#rows * (ROW_BYTES + VALUE_BYTES * this.#types.length) };
  }
}
