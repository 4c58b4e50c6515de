import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { DistinctNode, PlanNode, SetOperationNode } from '../../../plan/node.ts';
import { type Batch, later, WATERMARK_MIN } from '../batch.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { mapKey, RowEmitter, RowReader, type StreamRow } from '../row-batch.ts';
import type { StagedEntry } from '../staged-entries.ts';
import { readRow, readTime, writeRow, writeTime } from '../state-value.ts';
import { type WindowEnd, windowEndOfRows } from '../window/window-end.ts';
import { WindowedMap } from '../window/windowed-map.ts';

/** Bytes of an entry beside its values, about. */
const ENTRY_BYTES = 200;
const VALUE_BYTES = 24;

/** How often a row stands in each input, and in the result as it was emitted. */
interface RowCount extends StagedEntry {
  readonly end: bigint;
  values: readonly unknown[];
  time: bigint | undefined;
  readonly counts: number[];
  stands: number;
  /** Listed among the changed rows of the epoch. */
  changed: boolean;
}

/** How often a row that stands so often in each input stands in the result: SQL:2016, part 2, 7.17. */
type RowsInResult = (counts: readonly number[]) => number;

function rowsInResult(node: DistinctNode | SetOperationNode): RowsInResult {
  if (node.kind === 'distinct') return ([count]) => (count! > 0 ? 1 : 0);
  const { operation, all } = node;
  if (operation === 'union') {
    return all ? (counts) => sumOf(counts) : (counts) => (counts.some((count) => count > 0) ? 1 : 0);
  }
  if (operation === 'intersect') {
    return (counts) => Math.max(0, Math.min(all ? Number.POSITIVE_INFINITY : 1, ...counts));
  }
  if (all) return ([first, ...others]) => Math.max(0, first! - sumOf(others));
  return ([first, ...others]) => (first! > 0 && others.every((count) => count <= 0) ? 1 : 0);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + Math.max(0, count), 0);
}

/**
 * DISTINCT, UNION, EXCEPT and INTERSECT: counts every row in each input, and says at the end of an epoch how many more or fewer of it
 * are in the result. Rows of windows are forgotten with their window; a row whose window was closed is late.
 */
export class RowSetOperator implements Operator {
  readonly #inputs: readonly PlanNode[];
  readonly #columns: PlanNode['columns'];
  readonly #types: readonly DataType[];
  readonly #windowEnd: WindowEnd | undefined;
  readonly #inResult: RowsInResult;
  readonly #keyOf: (values: readonly unknown[]) => unknown;
  readonly #rows = new WindowedMap<RowCount>();
  #changed: { readonly end: bigint; readonly key: unknown; readonly row: RowCount }[] = [];
  #context: OperatorContext | undefined;
  #readers: readonly RowReader[] = [];
  #emitter: RowEmitter | undefined;
  #watermark = WATERMARK_MIN;

  constructor(node: DistinctNode | SetOperationNode) {
    this.#inputs = node.kind === 'distinct' ? [node.input] : node.inputs;
    this.#columns = node.columns;
    this.#types = node.columns.map((column) => column.type);
    this.#windowEnd = commonWindow(this.#inputs);
    this.#inResult = rowsInResult(node);
    this.#keyOf = mapKey(this.#types);
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#readers = this.#inputs.map((input) => new RowReader(context.kernel, input.columns));
    this.#emitter = new RowEmitter(context.kernel, this.#columns, context.emit);
  }

  processBatch(batch: Batch, input: number): void {
    this.#readers[input]!.forEach(batch, (row, at) => {
      const end = this.#windowEnd === undefined ? 0n : (row.values[this.#windowEnd.position] as bigint);
      if (this.#windowEnd !== undefined && end <= later(row.watermark ?? WATERMARK_MIN, this.#watermark)) {
        const message = 'set operation: the window of the row was closed';
        this.#context!.deadLetter({ reason: 'late', message, batch, row: at, input });
      } else this.#count(end, row, input);
    });
  }

  #count(end: bigint, { values, time, weight }: StreamRow, input: number): void {
    const key = this.#keyOf(values);
    let row = this.#rows.get(end, key);
    if (row === undefined) {
      row = { end, values, time, counts: this.#inputs.map(() => 0), stands: 0, changed: false, seenBy: 0 };
      this.#rows.add(end, key, row);
    } else if (input === 0 && row.stands === 0 && row.counts[0]! <= 0) {
      // Rows that are equal may look different (1.0 and 1.00): the first input's is the one that is shown.
      row.values = values;
      row.time = time;
    }
    row.counts[input]! += weight;
    if (row.changed) return;
    row.changed = true;
    this.#changed.push({ end, key, row });
  }

  endEpoch(): void {
    for (const { end, key, row } of this.#changed) {
      row.changed = false;
      const stands = this.#inResult(row.counts);
      for (let count = row.stands; count > stands; count--) this.#emitter!.add(row.values, -1, row.time);
      for (let count = row.stands; count < stands; count++) this.#emitter!.add(row.values, 1, row.time);
      row.stands = stands;
      if (row.counts.every((count) => count === 0)) this.#rows.delete(end, key);
    }
    this.#changed = [];
    this.#emitter!.flush();
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    if (this.#windowEnd !== undefined) this.#rows.close(watermark);
  }

  /** Nothing is emitted when a window closes. */
  nextTimer(): bigint | undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.stageSnapshot();
    while (staged.next(writer));
    staged.end();
  }

  stageSnapshot(): StagedSnapshot {
    const watermark = this.#watermark;
    return this.#rows.stage(
      (writer, row) => {
        writer.i64(row.end);
        writeRow(writer, row.values, this.#types);
        writeTime(writer, row.time);
        for (const count of row.counts) writer.signedVarint(count);
        writer.varint(row.stands);
      },
      (writer) => writer.i64(watermark),
    );
  }

  restore(reader: ByteReader): void {
    while (reader.remaining > 0) this.#restorePart(reader);
  }

  #restorePart(reader: ByteReader): void {
    this.#watermark = reader.i64();
    for (let rows = reader.unsigned(); rows > 0; rows--) {
      const end = reader.i64();
      const values = readRow(reader, this.#types);
      const time = readTime(reader);
      const counts = this.#inputs.map(() => reader.signed());
      const stands = reader.unsigned();
      this.#rows.add(end, this.#keyOf(values), { end, values, time, counts, stands, changed: false, seenBy: 0 });
    }
  }

  close(): void {
    this.#rows.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#rows.size, bytes: this.#rows.size * (ENTRY_BYTES + VALUE_BYTES * this.#types.length) };
  }
}

/** The window's end, if it is the same column of every input. */
export function commonWindow(inputs: readonly PlanNode[]): WindowEnd | undefined {
  const ends = inputs.map((input) =>
    windowEndOfRows(
      input,
      input.columns.map((_, at) => at),
    ),
  );
  const [first] = ends;
  // Without the column itself, windows of different lengths might begin alike.
  if (first === undefined || first.add !== 0n) return undefined;
  return ends.every((end) => end?.position === first.position && end.add === 0n) ? first : undefined;
}
