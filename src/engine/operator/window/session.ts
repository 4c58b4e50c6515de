import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { WindowNode } from '../../../plan/node.ts';
import type { SessionWindow } from '../../../plan/window-shape.ts';
import { type Batch, later, WATERMARK_MIN } from '../batch.ts';
import { datedRows } from '../dated-rows.ts';
import type { EmitMoment, Operator, OperatorContext } from '../operator.ts';
import { mapKey, RowEmitter, RowReader, rowKey, type StreamRow } from '../row-batch.ts';
import { readRow, readTime, writeRow, writeTime } from '../state-value.ts';
import { beforeEnd } from './session-aggregate.ts';
import { closeRanks, makeSessionRows, mergeRows, type SessionRow, type SessionRows, takeRow } from './session-rows.ts';
import { type Session, type SessionKey, SessionTable } from './session-table.ts';

/** Bytes of a session, and of a row beside its values, about. */
const SESSION_BYTES = 300;
const ROW_BYTES = 160;
const VALUE_BYTES = 24;

interface KeptRow extends SessionRow {
  readonly values: readonly unknown[];
  /** Event time of the stream, which need not be the time of the window. */
  readonly eventTime: bigint | undefined;
  /** The bounds with which it stands. */
  bounds: readonly [bigint, bigint] | undefined;
}

interface Body {
  rows: SessionRows<KeptRow>;
  /** Rows that do not stand with the bounds yet; undefined when all are to be looked at. */
  fresh: KeptRow[] | undefined;
}

/**
 * Appends the bounds of its session to each row. `updates`: rows whose session has grown, merged or fallen apart are taken back and come
 * with the new bounds. `final`: rows come when their session closes.
 */
export class SessionWindowOperator implements Operator {
  readonly #node: WindowNode;
  readonly #session: SessionWindow;
  readonly #isFinal: boolean;
  readonly #types: readonly DataType[];
  readonly #keyOf: (values: readonly unknown[]) => unknown;
  readonly #table: SessionTable<Body>;
  #changed: Session<Body>[] = [];
  #gone: KeptRow[] = [];
  #context: OperatorContext | undefined;
  #reader: RowReader | undefined;
  #emitter: RowEmitter | undefined;
  #watermark = WATERMARK_MIN;
  #sequence = 0;
  #rows = 0;

  constructor(node: WindowNode, session: SessionWindow, emit: EmitMoment) {
    this.#node = node;
    this.#session = session;
    this.#isFinal = emit === 'final';
    this.#types = node.input.columns.map((column) => column.type);
    this.#keyOf = mapKey(session.keys.map((key) => this.#types[key]!));
    this.#table = new SessionTable<Body>(session.gapUs, {
      make: () => ({ rows: makeSessionRows(), fresh: [] }),
      merge: (into, from) => {
        into.rows = mergeRows(into.rows, from.rows);
        into.fresh = undefined;
      },
    });
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#reader = new RowReader(context.kernel, this.#node.input.columns);
    this.#emitter = new RowEmitter(context.kernel, this.#node.columns, context.emit);
  }

  processBatch(received: Batch): void {
    const { deadLetter } = this.#context!;
    const { timeColumn } = this.#node;
    const batch = datedRows(received, received.columns[timeColumn]!.nulls, this.#context!, 'session');
    this.#reader!.forEach(batch, (row, at) => {
      const time = row.values[timeColumn] as bigint;
      const keys = this.#session.keys.map((column) => row.values[column]);
      const key = this.#keyOf(keys);
      const known = this.#table.known(key);
      if (this.#table.isLate(known, time, later(row.watermark ?? WATERMARK_MIN, this.#watermark))) {
        deadLetter({ reason: 'late', message: 'session: the session of the row was closed', batch, row: at });
      } else if (row.weight < 0) this.#remove(key, time, row.values);
      else this.#add(known ?? this.#table.addKey(key, keys), time, row);
    });
  }

  #add(owner: SessionKey<Body>, time: bigint, { values, time: eventTime }: StreamRow): void {
    const session = this.#table.join(owner, time);
    const row: KeptRow = { time, sequence: this.#sequence++, values, eventTime, bounds: undefined };
    session.body.rows.insert(row);
    session.body.fresh?.push(row);
    this.#rows++;
    this.#mark(session);
  }

  #remove(key: unknown, time: bigint, values: readonly unknown[]): void {
    const session = this.#table.find(key, time);
    if (session === undefined) return;
    const { body } = session;
    const text = rowKey(values, this.#types);
    const taken = takeRow(body.rows, time, (row) => rowKey(row.values, this.#types) === text);
    if (taken === undefined) return;
    this.#rows--;
    this.#gone.push(taken.row);
    body.fresh = undefined;
    const bodyOf = (rows: SessionRows<KeptRow>): Body => ({ rows, fresh: undefined });
    const apart = closeRanks(this.#table, session, body.rows, taken.position, bodyOf);
    if (apart !== undefined) this.#mark(apart);
    if (!session.gone) this.#mark(session);
  }

  #mark(session: Session<Body>): void {
    if (session.changed) return;
    session.changed = true;
    this.#changed.push(session);
  }

  endEpoch(): void {
    for (const row of this.#gone) if (row.bounds !== undefined) this.#emit(row, row.bounds, -1);
    this.#gone = [];
    const changed = this.#changed;
    this.#changed = [];
    for (const session of changed) {
      session.changed = false;
      if (!session.gone && !this.#isFinal) this.#bring(session);
    }
    this.#emitter!.flush();
  }

  /** Brings the rows of a session to its bounds. */
  #bring({ first, end, body }: Session<Body>): void {
    const bounds = [first, end] as const;
    const standing = body.rows.at(0)!.bounds ?? body.rows.at(body.rows.size - 1)!.bounds;
    const isSame = standing?.[0] === bounds[0] && standing[1] === bounds[1];
    const bring = (row: KeptRow): true => {
      if (row.bounds?.[0] === bounds[0] && row.bounds[1] === bounds[1]) return true;
      if (row.bounds !== undefined) this.#emit(row, row.bounds, -1);
      row.bounds = bounds;
      this.#emit(row, bounds, 1);
      return true;
    };
    if (body.fresh !== undefined && isSame) body.fresh.forEach(bring);
    else body.rows.forEachFrom(0, bring);
    body.fresh = [];
  }

  #emit(row: KeptRow, bounds: readonly [bigint, bigint], weight: 1 | -1): void {
    this.#emitter!.add([...row.values, ...bounds], weight, row.eventTime);
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    for (const { first, end, body } of this.#table.close(watermark)) {
      this.#rows -= body.rows.size;
      if (!this.#isFinal) continue;
      const bounds = [first, end] as const;
      body.rows.forEachFrom(0, (row) => {
        this.#emit(row, bounds, 1);
        return true;
      });
    }
    this.#emitter!.flush();
  }

  outputWatermark(watermark: bigint): bigint {
    return beforeEnd(watermark);
  }

  nextTimer(): bigint | undefined {
    return this.#table.nextTimer();
  }

  snapshot(writer: ByteWriter): void {
    writer.i64(this.#watermark);
    writer.u64(this.#sequence);
    const keyTypes = this.#session.keys.map((key) => this.#types[key]!);
    this.#table.snapshot(
      writer,
      (values) => writeRow(writer, values, keyTypes),
      ({ rows }) => {
        writer.varint(rows.size);
        for (const row of rows) this.#writeRow(writer, row);
      },
    );
  }

  #writeRow(writer: ByteWriter, { time, sequence, values, eventTime, bounds }: KeptRow): void {
    writer.i64(time);
    writer.u64(sequence);
    writeRow(writer, values, this.#types);
    writeTime(writer, eventTime);
    writeTime(writer, bounds?.[0]);
    writeTime(writer, bounds?.[1]);
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#sequence = reader.u64();
    const keyTypes = this.#session.keys.map((key) => this.#types[key]!);
    this.#table.restore(
      reader,
      () => {
        const values = readRow(reader, keyTypes);
        return { key: this.#keyOf(values), values };
      },
      () => {
        const rows = makeSessionRows<KeptRow>();
        for (let left = reader.unsigned(); left > 0; left--) rows.insert(this.#readRow(reader));
        this.#rows += rows.size;
        return { rows, fresh: [] };
      },
    );
  }

  #readRow(reader: ByteReader): KeptRow {
    const time = reader.i64();
    const sequence = reader.u64();
    const values = readRow(reader, this.#types);
    const eventTime = readTime(reader);
    const [start, end] = [readTime(reader), readTime(reader)];
    const bounds = start === undefined || end === undefined ? undefined : ([start, end] as const);
    return { time, sequence, values, eventTime, bounds };
  }

  close(): void {
    this.#table.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    const perRow = ROW_BYTES + VALUE_BYTES * this.#types.length;
    return { keys: this.#table.size, bytes: this.#table.size * SESSION_BYTES + this.#rows * perRow };
  }
}
