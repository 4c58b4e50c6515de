import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { BATCH_ROWS_MAX, type ColumnVector, physicalOf } from '../../../kernel/column.ts';
import { RowStore } from '../../../kernel/row-store.ts';
import { type TopChanges, TopRows } from '../../../kernel/top-rows.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { SNAPSHOT_PART_BYTES } from '../../limits.ts';
import type { Batch } from '../batch.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { isCanonical } from '../state-key.ts';
import { windowEndOfRows } from '../window/window-end.ts';
import type { TopNOptions } from './top-n-options.ts';

/** The longest top-N that the kernel keeps: a row is looked for among the first one by one. */
const KERNEL_LIMIT_MAX = 64;

/** Types whose bytes in a column are in the order of their values: numbers, and text by code point. */
const ORDERED: ReadonlySet<DataType['kind']> = new Set([
  'boolean',
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'text',
  'uuid',
  'bytea',
  'date',
  'time',
  'timestamp',
  'timestamptz',
]);

function isOrdered(type: DataType): boolean {
  return ORDERED.has(type.kind) || (type.kind === 'numeric' && physicalOf(type) === 'i64');
}

/**
 * Whether the kernel can keep it: few first rows by ROW_NUMBER, of rows that are never taken back, in an order of plain columns, and
 * not by window.
 */
export function runsInKernel({ node, appendOnly }: TopNOptions): boolean {
  const { input, partition, keys, limit, offset, rank } = node;
  const isShort = limit !== undefined && limit > 0 && limit <= KERNEL_LIMIT_MAX && offset === 0;
  return (
    appendOnly &&
    isShort &&
    rank === 'row_number' &&
    windowEndOfRows(input, partition) === undefined &&
    partition.every((at) => isCanonical(input.columns[at]!.type)) &&
    keys.every(({ expression }) => expression.kind === 'column' && isOrdered(expression.type))
  );
}

/** The first rows of each partition, kept in the kernel's memory: no row becomes an object. */
export class KernelTopN implements Operator {
  readonly #node: TopNOptions['node'];
  #context: OperatorContext | undefined;
  #store: RowStore | undefined;
  #top: TopRows | undefined;
  /** Before it, rows of this epoch may not be part of a snapshot. */
  #withTimes = false;

  constructor({ node }: TopNOptions) {
    this.#node = node;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const { input, partition, keys, limit, withRank } = this.#node;
    const columns = input.columns.map((column) => physicalOf(column.type));
    // Behind the columns, the event time of the row.
    const layout = { columns: [...columns, 'i64' as const], keys: partition, bucketUs: undefined };
    this.#store = new RowStore(context.kernel, layout, 'a top-n');
    const order = keys.flatMap(({ expression, descending, nullsFirst }) =>
      expression.kind === 'column' ? [{ column: expression.index, descending, nullsFirst }] : [],
    );
    const numbered = withRank && limit !== 1;
    this.#top = new TopRows(context.kernel, this.#store, { limit: limit!, numbered, keys: order });
  }

  processBatch(batch: Batch): void {
    const { selection, selected } = batch;
    this.#top!.take({ columns: [...batch.columns, this.#timesOf(batch)], selection, selected });
  }

  #timesOf(batch: Batch): ColumnVector {
    const { kernel } = this.#context!;
    if (batch.times !== 0) {
      this.#withTimes = true;
      return { physical: 'i64', data: batch.times, nulls: batch.timeNulls ?? 0 };
    }
    const nulls = kernel.arenaAlloc(batch.rows);
    kernel.u8().fill(1, nulls, nulls + batch.rows);
    return { physical: 'i64', data: 0, nulls };
  }

  endEpoch(): void {
    this.#top!.flush(BATCH_ROWS_MAX, (changes) => this.#emit(changes));
  }

  #emit(changes: TopChanges): void {
    const { count, weights, numbers } = changes;
    const { input, withRank } = this.#node;
    const columns = input.columns.map((_, at) => this.#store!.gather(changes, at));
    if (withRank) columns.push({ physical: 'i64', data: numbers, nulls: 0 });
    const times = this.#withTimes ? this.#store!.gather(changes, input.columns.length) : { data: 0, nulls: 0 };
    this.#context!.emit({
      rows: count,
      columns,
      selection: 0,
      selected: count,
      weights,
      origin: undefined,
      times: times.data,
      timeNulls: times.nulls,
      watermarks: 0,
    });
  }

  onWatermark(): void {}

  nextTimer(): bigint | undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.#stage(false, Number.POSITIVE_INFINITY);
    while (staged.next(writer));
    staged.end();
  }

  stageSnapshot(delta: boolean): StagedSnapshot {
    return this.#stage(delta, SNAPSHOT_PART_BYTES);
  }

  #stage(delta: boolean, partBytes: number): StagedSnapshot {
    const withTimes = this.#withTimes;
    const rows = this.#store!.beginSnapshot(delta);
    return {
      isDelta: rows.isDelta,
      next: (writer) => {
        if (!rows.hasMore) return false;
        writer.u8(withTimes ? 1 : 0);
        return rows.next(writer, partBytes);
      },
      end: () => rows.end(),
    };
  }

  restore(reader: ByteReader): void {
    this.#withTimes = reader.u8() === 1;
    this.#store!.restore(reader);
  }

  close(): void {
    this.#top?.close();
    this.#store?.close();
    this.#top = undefined;
    this.#store = undefined;
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#store?.rows ?? 0, bytes: this.#store?.bytes ?? 0 };
  }
}
