import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/error.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { AggregateNode, PlanNode, WindowNode } from '../../../plan/node.ts';
import type { SessionWindow } from '../../../plan/window-shape.ts';
import type { Accumulator } from '../aggregate/accumulator.ts';
import { accumulatorFactory } from '../aggregate/accumulator-factory.ts';
import { CallInputs } from '../aggregate/call-inputs.ts';
import { type Batch, later, WATERMARK_MIN } from '../batch.ts';
import { forEachRow, type ValueReader, valueReader, weightOf } from '../column-access.ts';
import { datedRows } from '../dated-rows.ts';
import type { EmitMoment, Operator, OperatorContext } from '../operator.ts';
import { batchOfValues, mapKey, RowEmitter, rowKey, watermarkOf } from '../row-batch.ts';
import { columnsRead, type ExpressionContext, RowEvaluator } from '../row-evaluator.ts';
import { readRow, writeRow } from '../state-value.ts';
import { closeRanks, makeSessionRows, mergeRows, type SessionRow, type SessionRows, takeRow } from './session-rows.ts';
import { type Session, type SessionKey, SessionTable } from './session-table.ts';

/** Bytes of a session with one accumulator, and of a row that is kept, about. */
const SESSION_BYTES = 400;
const ROW_BYTES = 160;

/** An aggregate by the keys and bounds of the sessions below it. */
export interface SessionAggregatePlan {
  readonly node: AggregateNode;
  readonly window: WindowNode;
  readonly session: SessionWindow;
  /** For each column of the aggregate's input, the column of the window's input; undefined for the window's bounds. */
  readonly columns: readonly (number | undefined)[];
  /** For each group, the position among the session's keys, or which bound. */
  readonly groups: readonly (number | 'start' | 'end')[];
}

/**
 * What makes sessions and aggregates one operator: the groups are all of the session's keys and its bounds, and nothing else is
 * between the two but a choice of columns. Undefined when it is not so: then rows get their bounds first.
 */
export function planSessionAggregate(node: AggregateNode): SessionAggregatePlan | undefined {
  let below: PlanNode = node.input;
  let picked = below.columns.map((_, at) => at);
  while (below.kind === 'project') {
    const { expressions } = below;
    if (!expressions.every((expression) => expression.kind === 'column')) return undefined;
    picked = picked.map((at) => expressions[at]!.index);
    below = below.input;
  }
  if (below.kind !== 'window' || below.window.kind !== 'session') return undefined;
  const { window: session } = below;
  const width = below.input.columns.length;
  const groups: (number | 'start' | 'end')[] = [];
  for (const group of node.groups) {
    if (group.kind !== 'column') return undefined;
    const at = picked[group.index]!;
    const key = session.keys.indexOf(at);
    if (at < width && key < 0) return undefined;
    groups.push(at < width ? key : at === width ? 'start' : 'end');
  }
  if (!session.keys.every((_, key) => groups.includes(key)) || !groups.some((group) => typeof group === 'string')) {
    return undefined;
  }
  const columns = picked.map((at) => (at < width ? at : undefined));
  const read = new Set<number>();
  for (const expression of new CallInputs(node.aggregates).expressions) columnsRead(expression, read);
  if ([...read].some((at) => columns[at] === undefined)) return undefined;
  return { node, window: below, session, columns, groups };
}

interface KeptRow extends SessionRow {
  readonly inputs: readonly unknown[];
}

interface Body {
  accumulators: readonly Accumulator[];
  count: number;
  /** Where accumulators cannot be merged, or rows can be taken back. */
  rows: SessionRows<KeptRow> | undefined;
  /** The row that stands; and those of the sessions that went into this one. */
  emitted: readonly unknown[] | undefined;
  gone: (readonly unknown[])[];
}

/**
 * Aggregates of sessions: what the sessions have is put together when they merge, or made anew from their rows where an aggregate
 * cannot do that. A session that grows takes its row back, since the end is part of it.
 */
export class SessionAggregateOperator implements Operator {
  readonly #plan: SessionAggregatePlan;
  readonly #isFinal: boolean;
  readonly #keepsRows: boolean;
  readonly #expressions: ExpressionContext;
  readonly #inputs: CallInputs;
  readonly #inputTypes: readonly DataType[];
  readonly #keyTypes: readonly DataType[];
  readonly #keyOf: (values: readonly unknown[]) => unknown;
  readonly #make: () => readonly Accumulator[];
  readonly #table: SessionTable<Body>;
  #changed: Session<Body>[] = [];
  #ended: (readonly unknown[])[] = [];
  #context: OperatorContext | undefined;
  #evaluator: RowEvaluator | undefined;
  #keyReaders: readonly ValueReader[] = [];
  #emitter: RowEmitter | undefined;
  #watermark = WATERMARK_MIN;
  #sequence = 0;
  #rows = 0;

  constructor(
    plan: SessionAggregatePlan,
    options: { readonly emit: EmitMoment; readonly appendOnly: boolean; readonly expressions: ExpressionContext },
  ) {
    const { node, window, session } = plan;
    this.#plan = plan;
    this.#isFinal = options.emit === 'final';
    this.#expressions = options.expressions;
    this.#inputs = new CallInputs(node.aggregates);
    this.#inputTypes = this.#inputs.expressions.map((expression) => expression.type);
    this.#keyTypes = session.keys.map((key) => window.input.columns[key]!.type);
    this.#keyOf = mapKey(this.#keyTypes);
    const factories = node.aggregates.map((call) =>
      accumulatorFactory(call, options.appendOnly, options.expressions.userFunction),
    );
    this.#make = () => factories.map((make) => make());
    this.#keepsRows = !options.appendOnly || this.#make().some((accumulator) => accumulator.merge === undefined);
    this.#table = new SessionTable<Body>(session.gapUs, {
      make: () => this.#bodyOf(this.#keepsRows ? makeSessionRows() : undefined),
      merge: (into, from) => this.#merge(into, from),
    });
  }

  #bodyOf(rows: SessionRows<KeptRow> | undefined): Body {
    const body: Body = { accumulators: this.#make(), count: rows?.size ?? 0, rows, emitted: undefined, gone: [] };
    if (rows !== undefined) this.#rebuild(body, rows);
    return body;
  }

  /** In the order of arrival, as they were given before. */
  #rebuild(body: Body, rows: SessionRows<KeptRow>): void {
    body.accumulators = this.#make();
    const kept = [...rows].sort((a, b) => a.sequence - b.sequence);
    for (const { inputs } of kept) this.#inputs.apply(body.accumulators, inputs, 1);
  }

  #merge(into: Body, from: Body): void {
    into.count += from.count;
    if (from.emitted !== undefined) into.gone.push(from.emitted);
    into.gone.push(...from.gone);
    if (into.rows === undefined || from.rows === undefined) {
      into.accumulators.forEach((accumulator, i) => {
        accumulator.merge!(from.accumulators[i]!);
      });
      return;
    }
    into.rows = mergeRows(into.rows, from.rows);
    this.#rebuild(into, into.rows);
  }

  open(context: OperatorContext): void {
    const { kernel, emit } = context;
    const { node, window, session } = this.#plan;
    this.#context = context;
    this.#evaluator = new RowEvaluator(kernel, node.input.columns, this.#inputs.expressions, this.#expressions);
    this.#keyReaders = session.keys.map((key) => valueReader(kernel, window.input.columns[key]!.type));
    this.#emitter = new RowEmitter(kernel, node.columns, emit);
  }

  processBatch(received: Batch): void {
    const { kernel } = this.#context!;
    const time = received.columns[this.#plan.window.timeColumn]!;
    const batch = datedRows(received, time.nulls, this.#context!, 'session');
    const picked = { ...batch, columns: this.#plan.columns.map((at) => batch.columns[at ?? 0]!) };
    forEachRow(kernel, batch, (row) => {
      this.#processRow(batch, picked, row, kernel.i64()[time.data / 8 + row]!);
    });
  }

  #processRow(batch: Batch, picked: Batch, row: number, time: bigint): void {
    const { kernel, deadLetter } = this.#context!;
    const { keys } = this.#plan.session;
    const values: unknown[] = [];
    for (let i = 0; i < keys.length; i++) values.push(this.#keyReaders[i]!(batch.columns[keys[i]!]!, row));
    const key = this.#keyOf(values);
    const known = this.#table.known(key);
    if (this.#table.isLate(known, time, later(watermarkOf(kernel, batch, row), this.#watermark))) {
      deadLetter({ reason: 'late', message: 'session: the session of the row was closed', batch, row });
      return;
    }
    const inputs: unknown[] = [];
    try {
      this.#evaluator!.load(picked, row);
      for (let at = 0; at < this.#inputTypes.length; at++) inputs.push(this.#evaluator!.value(at));
    } catch (error) {
      const reason = this.#evaluator!.reason(inputs.length);
      deadLetter({ reason, message: `aggregate: ${messageOf(error)}`, batch, row });
      return;
    }
    try {
      if (weightOf(kernel, batch, row) < 0) this.#remove(key, time, inputs);
      else this.#add(known ?? this.#table.addKey(key, values), time, inputs);
    } catch (error) {
      deadLetter({ reason: 'user-function', message: `aggregate: ${messageOf(error)}`, batch, row });
    }
  }

  #add(owner: SessionKey<Body>, time: bigint, inputs: readonly unknown[]): void {
    const session = this.#table.join(owner, time);
    const { body } = session;
    try {
      this.#inputs.apply(body.accumulators, inputs, 1);
    } catch (error) {
      if (body.count === 0) this.#table.remove(session);
      throw error;
    }
    body.count++;
    if (body.rows !== undefined) {
      body.rows.insert({ time, sequence: this.#sequence++, inputs });
      this.#rows++;
    }
    this.#mark(session);
  }

  #remove(key: unknown, time: bigint, inputs: readonly unknown[]): void {
    const session = this.#table.find(key, time);
    const rows = session?.body.rows;
    if (session === undefined || rows === undefined) return;
    const text = rowKey(inputs, this.#inputTypes);
    const taken = takeRow(rows, time, (row) => rowKey(row.inputs, this.#inputTypes) === text);
    if (taken === undefined) return;
    const { body } = session;
    this.#rows--;
    body.count--;
    this.#inputs.apply(body.accumulators, taken.row.inputs, -1);
    const apart = closeRanks(this.#table, session, rows, taken.position, (later) => this.#bodyOf(later));
    if (apart !== undefined) {
      body.count = rows.size;
      this.#rebuild(body, rows);
      this.#mark(apart);
    }
    if (!session.gone) this.#mark(session);
    else this.#ended.push(...body.gone, ...(body.emitted === undefined ? [] : [body.emitted]));
  }

  #mark(session: Session<Body>): void {
    if (session.changed) return;
    session.changed = true;
    this.#changed.push(session);
  }

  endEpoch(): void {
    const emitter = this.#emitter!;
    for (const values of this.#ended) emitter.add(values, -1);
    this.#ended = [];
    const changed = this.#changed;
    this.#changed = [];
    for (const session of changed) {
      session.changed = false;
      if (session.gone || this.#isFinal) continue;
      const { body } = session;
      for (const values of body.gone) emitter.add(values, -1);
      body.gone = [];
      const result = this.#resultOf(session);
      if (body.emitted !== undefined) emitter.add(body.emitted, -1);
      if (result !== undefined) emitter.add(result, 1);
      body.emitted = result;
    }
    emitter.flush();
  }

  /** Undefined when the result does not fit its type: a sum beyond int8 is reported and left out. */
  #resultOf(session: Session<Body>): readonly unknown[] | undefined {
    const bounds = { start: session.first, end: session.end };
    const groups = this.#plan.groups.map((group) =>
      typeof group === 'string' ? bounds[group] : session.owner.values[group],
    );
    const { accumulators } = session.body;
    try {
      return [...groups, ...accumulators.map((accumulator) => accumulator.value())];
    } catch (error) {
      const { kernel, deadLetter } = this.#context!;
      const { columns } = this.#plan.node;
      const values = [[...groups, ...accumulators.map(() => null)]];
      const batch = batchOfValues(
        kernel,
        columns.map((column) => column.type),
        { values },
      );
      deadLetter({ reason: 'expression', message: `aggregate: ${messageOf(error)}`, batch, row: 0 });
      return undefined;
    }
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    for (const session of this.#table.close(watermark)) {
      this.#rows -= session.body.rows?.size ?? 0;
      const result = this.#isFinal ? this.#resultOf(session) : undefined;
      if (result !== undefined) this.#emitter!.add(result, 1);
    }
    this.#emitter!.flush();
  }

  /** A session is open until the watermark is past its end. */
  outputWatermark(watermark: bigint): bigint {
    return beforeEnd(watermark);
  }

  nextTimer(): bigint | undefined {
    return this.#table.nextTimer();
  }

  snapshot(writer: ByteWriter): void {
    writer.i64(this.#watermark);
    writer.u64(this.#sequence);
    this.#table.snapshot(
      writer,
      (values) => writeRow(writer, values, this.#keyTypes),
      (body) => this.#writeBody(writer, body),
    );
  }

  #writeBody(writer: ByteWriter, body: Body): void {
    writer.u64(body.count);
    for (const accumulator of body.accumulators) accumulator.snapshot(writer);
    writer.u8(body.emitted === undefined ? 0 : 1);
    if (body.emitted !== undefined) writeRow(writer, body.emitted, this.#types);
    if (body.rows === undefined) return;
    writer.varint(body.rows.size);
    for (const { time, sequence, inputs } of body.rows) {
      writer.i64(time);
      writer.u64(sequence);
      writeRow(writer, inputs, this.#inputTypes);
    }
  }

  get #types(): readonly DataType[] {
    return this.#plan.node.columns.map((column) => column.type);
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#sequence = reader.u64();
    this.#table.restore(
      reader,
      () => {
        const values = readRow(reader, this.#keyTypes);
        return { key: this.#keyOf(values), values };
      },
      () => this.#readBody(reader),
    );
  }

  #readBody(reader: ByteReader): Body {
    const count = reader.u64();
    const accumulators = this.#make();
    for (const accumulator of accumulators) accumulator.restore(reader);
    const emitted = reader.u8() === 0 ? undefined : readRow(reader, this.#types);
    if (!this.#keepsRows) return { accumulators, count, rows: undefined, emitted, gone: [] };
    const rows = makeSessionRows<KeptRow>();
    for (let left = reader.unsigned(); left > 0; left--) {
      const time = reader.i64();
      const sequence = reader.u64();
      rows.insert({ time, sequence, inputs: readRow(reader, this.#inputTypes) });
    }
    this.#rows += rows.size;
    return { accumulators, count, rows, emitted, gone: [] };
  }

  close(): void {
    this.#table.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#table.size, bytes: this.#table.size * SESSION_BYTES + this.#rows * ROW_BYTES };
  }
}

/** What those behind sessions see of a watermark: a session is open until the watermark is past its end. */
export function beforeEnd(watermark: bigint): bigint {
  return watermark === WATERMARK_MIN ? watermark : watermark - 1n;
}
