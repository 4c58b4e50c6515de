import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { HeadraceError, messageOf } from '../../../base/error.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { OverNode } from '../../../plan/node.ts';
import { sortOrder } from '../../../plan/value/sort-order.ts';
import { type Batch, later, WATERMARK_MIN } from '../batch.ts';
import { forEachRow, weightOf } from '../column-access.ts';
import type { EmitMoment, Operator, OperatorContext, RowLetter, StagedSnapshot } from '../operator.ts';
import { batchOfValues, mapKey, RowEmitter, RowReader, timeOf, watermarkOf } from '../row-batch.ts';
import { type ExpressionContext, RowEvaluator } from '../row-evaluator.ts';
import { TimeHeap } from '../window/time-heap.ts';
import { type WindowEnd, windowEndOfRows } from '../window/window-end.ts';
import { WindowedMap } from '../window/windowed-map.ts';
import { eventTimeColumns } from './event-time.ts';
import type { Reach } from './frame.ts';
import { type Leaving, OverPartition, type OverResults, type OverShape } from './over-partition.ts';
import type { OverRow } from './over-row.ts';
import { OverSnapshot } from './over-snapshot.ts';
import { type WindowFunction, windowFunction } from './window-function.ts';

/** Bytes of a row beside its values, and of a value, about. */
const ROW_BYTES = 200;
const VALUE_BYTES = 24;

export interface OverOptions {
  readonly node: OverNode;
  readonly emit: EmitMoment;
  readonly expressions: ExpressionContext;
}

/**
 * Window functions: each partition in its order, with the results that stand; what comes or goes changes those of the rows whose
 * frames hold it. `final`: a row comes once, when the watermark has passed all that its results are made of; or with the window in
 * which its partition lies. Over event time, rows that no frame to come can reach are dropped, and a row that the watermark has passed
 * is late.
 */
export class OverOperator implements Operator {
  readonly #node: OverNode;
  readonly #isFinal: boolean;
  readonly #windowEnd: WindowEnd | undefined;
  readonly #shape: OverShape;
  readonly #snapshot: OverSnapshot;
  readonly #expressions: ExpressionContext;
  readonly #keyOf: (values: readonly unknown[]) => unknown;
  readonly #partitions = new WindowedMap<OverPartition>();
  readonly #heap = new TimeHeap<OverPartition>();
  /** Partitions whose rows wait only to be dropped: nobody waits for that. */
  readonly #leaving = new TimeHeap<Leaving>();
  #changed: OverPartition[] = [];
  #context: OperatorContext | undefined;
  #reader: RowReader | undefined;
  #evaluator: RowEvaluator | undefined;
  #emitter: RowEmitter | undefined;
  #watermark = WATERMARK_MIN;
  #sequence = 0;
  #partitionIds = 0;
  #rows = 0;

  constructor({ node, emit, expressions }: OverOptions) {
    this.#node = node;
    this.#expressions = expressions;
    this.#isFinal = emit === 'final';
    const functions = node.calls.map((call, at) => windowFunction(call, node.keys, at));
    const partition = node.partition.flatMap((key) => (key.kind === 'column' ? [key.index] : []));
    this.#windowEnd = windowEndOfRows(node.input, partition);
    this.#shape = shapeOf(node, functions, this.#isFinal && this.#windowEnd === undefined);
    if (this.#isFinal && this.#windowEnd === undefined && !this.#shape.isTimed) throw neverComplete();
    const partitionTypes = node.partition.map((key) => key.type);
    this.#keyOf = mapKey(partitionTypes);
    this.#snapshot = new OverSnapshot(node, functions);
  }

  open(context: OperatorContext): void {
    const { kernel, emit } = context;
    const { input, partition, keys, columns } = this.#node;
    this.#context = context;
    this.#reader = new RowReader(kernel, input.columns);
    const expressions = [
      ...partition,
      ...keys.map((key) => key.expression),
      ...this.#shape.functions.flatMap((one) => one.inputs),
    ];
    this.#evaluator = new RowEvaluator(kernel, input.columns, expressions, this.#expressions);
    this.#emitter = new RowEmitter(kernel, columns, emit);
  }

  processBatch(batch: Batch): void {
    forEachRow(this.#context!.kernel, batch, (row) => this.#processRow(batch, row));
  }

  #processRow(batch: Batch, at: number): void {
    const { kernel } = this.#context!;
    const evaluated = this.#evaluate(batch, at);
    if (evaluated === undefined) return;
    const { partition, keys, args } = evaluated;
    const values = this.#reader!.values(batch, at);
    const end = this.#windowEnd === undefined ? 0n : (values[this.#windowEnd.position] as bigint) + this.#windowEnd.add;
    const passed = later(watermarkOf(kernel, batch, at), this.#watermark);
    if (this.#windowEnd !== undefined && end <= passed) {
      this.#refuse('late', 'over: the window of the row was closed', batch, at);
    } else if (this.#shape.isTimed && keys[0] === null) {
      this.#refuse('no-event-time', 'over: the time of the row is null', batch, at);
    } else if (this.#shape.isTimed && (keys[0] as bigint) < passed) {
      this.#refuse('late', 'over: the rows at the time of the row were closed', batch, at);
    } else {
      const key = this.#keyOf(partition);
      if (weightOf(kernel, batch, at) < 0) this.#remove(end, key, values, keys);
      else {
        const time = timeOf(kernel, batch, at);
        const row = { values, keys, args, sequence: this.#sequence++, time, results: undefined, failed: false };
        this.#insert({ end, key, values: partition }, row);
      }
    }
  }

  #refuse(reason: RowLetter['reason'], message: string, batch: Batch, row: number): void {
    this.#context!.deadLetter({ reason, message, batch, row });
  }

  #evaluate(batch: Batch, row: number) {
    const evaluator = this.#evaluator!;
    let at = 0;
    const take = (count: number): unknown[] => {
      const values: unknown[] = [];
      for (; values.length < count; at++) values.push(evaluator.value(at));
      return values;
    };
    try {
      evaluator.load(batch, row);
      const partition = take(this.#node.partition.length);
      const keys = take(this.#node.keys.length);
      const args = this.#shape.functions.map((one) => {
        const given = take(one.inputs.length);
        one.check(given);
        return given;
      });
      return { partition, keys, args };
    } catch (error) {
      this.#refuse(evaluator.reason(Math.max(0, at - 1)), `over: ${messageOf(error)}`, batch, row);
      return undefined;
    }
  }

  #insert(place: { end: bigint; key: unknown; values: readonly unknown[] }, row: OverRow): void {
    const { end, key } = place;
    let partition = this.#partitions.get(end, key);
    if (partition === undefined) {
      partition = new OverPartition(this.#shape, this.#partitionIds++, place);
      this.#partitions.add(end, key, partition);
    }
    partition.insert(row);
    this.#rows++;
    this.#mark(partition);
  }

  #remove(end: bigint, key: unknown, values: readonly unknown[], keys: readonly unknown[]): void {
    const partition = this.#partitions.get(end, key);
    if (partition?.remove(values, keys) !== true) return;
    this.#rows--;
    this.#mark(partition);
  }

  #mark(partition: OverPartition): void {
    if (partition.changed) return;
    partition.changed = true;
    this.#changed.push(partition);
  }

  endEpoch(): void {
    for (const partition of this.#changed) {
      partition.changed = false;
      if (this.#isFinal) partition.forgetChanges();
      else for (const row of partition.refresh(this.#change)) this.#leave(row);
      this.#keep(partition);
    }
    this.#changed = [];
    this.#emitter!.flush();
  }

  #keep(partition: OverPartition): void {
    partition.gone = partition.isEmpty;
    if (partition.gone) this.#partitions.delete(partition.end, partition.key);
    else this.#wait(partition);
  }

  #wait(partition: OverPartition): void {
    this.#heap.add(partition);
    this.#leaving.add(partition.leaving);
  }

  readonly #change = (row: OverRow, after: OverResults): void => {
    this.#leave(row);
    row.results = after.values;
    row.failed = after.failed;
    if (after.failed) this.#letter(row, messageOf(after.error), 1);
    else this.#emitter!.add([...row.values, ...after.values], 1, row.time);
  };

  /** Takes back what stands of a row: the row with its results, or its dead letter. */
  #leave(row: OverRow): void {
    if (row.results === undefined) return;
    if (row.failed) this.#letter(row, 'it has results now, or went', -1);
    else this.#emitter!.add([...row.values, ...row.results], -1, row.time);
  }

  #letter(row: OverRow, message: string, weight: 1 | -1): void {
    const { kernel, deadLetter } = this.#context!;
    const types = this.#shape.types;
    const batch = batchOfValues(kernel, types, { values: [row.values], weights: [weight], times: [row.time] });
    deadLetter({ reason: 'expression', message: `over: ${message}`, batch, row: 0 });
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    if (this.#windowEnd !== undefined) this.#close(watermark);
    else if (this.#shape.isTimed) this.#settle(watermark);
    this.#emitter!.flush();
  }

  #close(watermark: bigint): void {
    for (const partition of this.#partitions.close(watermark)) {
      this.#rows -= partition.rows.size;
      if (this.#isFinal) partition.compute({ start: 0, end: partition.rows.size }, this.#change);
    }
  }

  #settle(watermark: bigint): void {
    for (const partition of this.#heap.takeBefore(watermark)) {
      this.#partitions.changing(partition);
      const complete = partition.complete(watermark);
      if (this.#isFinal) partition.compute({ start: partition.settled, end: complete }, this.#change);
      partition.settled = complete;
      this.#rows -= partition.drop(watermark);
      this.#keep(partition);
    }
    for (const { partition } of this.#leaving.takeBefore(watermark)) {
      this.#partitions.changing(partition);
      this.#rows -= partition.drop(watermark);
      this.#keep(partition);
    }
  }

  /** Rows that wait for those behind them are not out yet. */
  outputWatermark(watermark: bigint): bigint {
    const { behind } = this.#shape;
    if (!this.#isFinal || this.#windowEnd !== undefined || behind === undefined || watermark === WATERMARK_MIN)
      return watermark;
    if (behind.rows === 0) return watermark - behind.us;
    let least = watermark - behind.us;
    for (const { entry } of this.#partitions.entries()) {
      const pending = entry.rows.at(entry.settled)?.keys[0] as bigint | undefined;
      if (pending !== undefined && pending < least) least = pending;
    }
    return least;
  }

  nextTimer(): bigint | undefined {
    if (this.#windowEnd !== undefined) return this.#partitions.nextEnd();
    // Rows that are dropped in silence need not be waited for.
    const due = this.#isFinal ? this.#heap.next() : undefined;
    return due === undefined ? undefined : due + 1n;
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.stageSnapshot();
    while (staged.next(writer));
    staged.end();
  }

  stageSnapshot(): StagedSnapshot {
    const [watermark, next, ids] = [this.#watermark, this.#sequence, this.#partitionIds];
    const head = (writer: ByteWriter): void => {
      writer.i64(watermark);
      writer.u64(next);
      writer.u64(ids);
    };
    return this.#partitions.stage((writer, partition) => {
      writer.u64(partition.id);
      writer.i64(partition.end);
      this.#snapshot.write(writer, partition);
    }, head);
  }

  restore(reader: ByteReader): void {
    while (reader.remaining > 0) this.#restorePart(reader);
  }

  #restorePart(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#sequence = reader.u64();
    this.#partitionIds = reader.u64();
    for (let partitions = reader.unsigned(); partitions > 0; partitions--) {
      const id = reader.u64();
      const end = reader.i64();
      const values = this.#snapshot.readKey(reader);
      const key = this.#keyOf(values);
      const partition = new OverPartition(this.#shape, id, { key, values, end });
      this.#snapshot.read(reader, partition);
      this.#partitions.add(end, key, partition);
      this.#wait(partition);
      this.#rows += partition.rows.size;
    }
  }

  close(): void {
    this.#partitions.clear();
    this.#heap.clear();
    this.#leaving.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    const width = this.#node.columns.length + this.#node.keys.length;
    return { keys: this.#rows, bytes: this.#rows * (ROW_BYTES + VALUE_BYTES * width) };
  }
}

function shapeOf(node: OverNode, functions: readonly WindowFunction[], isFinal: boolean): OverShape {
  const types: readonly DataType[] = node.input.columns.map((column) => column.type);
  const before = widest(functions.map((one) => one.before));
  const behind = widest(functions.map((one) => one.behind));
  const [first] = node.keys;
  const isByTime =
    first?.expression.kind === 'column' &&
    !first.descending &&
    eventTimeColumns(node.input).has(first.expression.index);
  const isTimed = isByTime && behind !== undefined && (isFinal || before !== undefined);
  const resultTypes = node.calls.map((call) => call.type);
  const remembers = functions.some((one) => one.remembers);
  return { functions, order: sortOrder(node.keys), types, resultTypes, before, behind, remembers, isTimed };
}

function widest(reaches: readonly (Reach | undefined)[]): Reach | undefined {
  let rows = 0;
  let us = 0n;
  for (const reach of reaches) {
    if (reach === undefined) return undefined;
    rows = Math.max(rows, reach.rows);
    if (reach.us > us) us = reach.us;
  }
  return { rows, us };
}

function neverComplete(): HeadraceError {
  return new HeadraceError('planning OVER that emits each row once: nothing says when its results are complete', {
    code: 'ENGINE_FINAL_NEEDS_WINDOW',
    domain: 'engine',
    next: 'order by the event time, with frames that end; or partition by window_start and window_end; or leave out EMIT ON WINDOW CLOSE',
  });
}
