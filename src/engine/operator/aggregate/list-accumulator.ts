import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { evaluationError } from '../../../plan/evaluation-error.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { toJsonValue } from '../../../plan/value/json-value.ts';
import { compareText } from '../../../plan/value/text-order.ts';
import { readRow, writeRow } from '../state-value.ts';
import { type Accumulator, accumulatorInputs } from './accumulator.ts';
import { type Arrival, type OrderedRow, OrderedRows, type RowShape, rowOrder } from './ordered-rows.ts';

/** The result of rows in order; undefined when it has none. */
type Gather = (rows: OrderedRows) => unknown;

/** Of aggregates that gather rows in order: `string_agg`, `array_agg`, `jsonb_agg`, `jsonb_object_agg`, `first_value`, `last_value`. */
export function listFactory(call: AggregateCall, appendOnly: boolean): () => Accumulator {
  const shape = shapeOf(call);
  const arrival = { next: 0 };
  if (appendOnly && (call.function === 'first_value' || call.function === 'last_value')) {
    return () => new EndAccumulator(shape, arrival, call.function === 'last_value');
  }
  const gather = gatherOf(call, shape.types);
  const order = rowOrder(shape);
  const takes = takesOf(call);
  const rows = (): OrderedRows => new OrderedRows(shape, order, arrival, appendOnly);
  return call.function === 'jsonb_object_agg'
    ? () => new ObjectAccumulator(rows(), takes, gather)
    : () => new ListAccumulator(rows(), takes, gather);
}

function shapeOf(call: AggregateCall): RowShape {
  const orderBy = call.orderBy ?? [];
  const types = accumulatorInputs(call).map((input) => input.type);
  return { types, args: types.length - orderBy.length, orderBy };
}

/** Whether a row counts. @throws HeadraceError when it cannot */
function takesOf(call: AggregateCall): (value: unknown) => boolean {
  switch (call.function) {
    case 'string_agg':
      return (value) => value !== null;
    case 'jsonb_object_agg':
      return (key) => {
        if (key === null) throw evaluationError('PLAN_INVALID_ARGUMENT', 'field name must not be null');
        return true;
      };
    default:
      return () => true;
  }
}

function gatherOf(call: AggregateCall, types: readonly DataType[]): Gather {
  switch (call.function) {
    case 'string_agg':
      return types[0]!.kind === 'bytea' ? joinBytes : joinText;
    case 'array_agg':
      return (rows) => listOf(rows, (row) => row[0]);
    case 'jsonb_agg':
      return (rows) => listOf(rows, (row) => toJsonValue(row[0], types[0]!));
    case 'jsonb_object_agg':
      return (rows) => {
        const entries = new Map(listOf(rows, (row) => [row[0] as string, toJsonValue(row[1], types[1]!)] as const));
        return Object.fromEntries([...entries].sort(([a], [b]) => byteLength(a) - byteLength(b) || compareText(a, b)));
      };
    case 'last_value':
      return (rows) => rows.last()?.row[0] ?? null;
    default:
      return (rows) => rows.first()?.row[0] ?? null;
  }
}

function listOf<Item>(rows: OrderedRows, of: (row: readonly unknown[]) => Item): Item[] {
  const items: Item[] = [];
  rows.forEach((row) => {
    items.push(of(row));
  });
  return items;
}

/** PostgreSQL keeps the keys of jsonb by length, then by bytes. */
function byteLength(key: string): number {
  return Buffer.byteLength(key);
}

/** Each value behind its own delimiter, but for the first; a delimiter that is null is none. */
function joinText(rows: OrderedRows): string {
  let text: string | undefined;
  rows.forEach(([value, delimiter]) => {
    text = text === undefined ? (value as string) : `${text}${(delimiter as string | null) ?? ''}${value as string}`;
  });
  return text ?? '';
}

function joinBytes(rows: OrderedRows): Uint8Array {
  const parts: Uint8Array[] = [];
  rows.forEach(([value, delimiter]) => {
    if (parts.length > 0 && delimiter !== null) parts.push(delimiter as Uint8Array);
    parts.push(value as Uint8Array);
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** Keeps all rows in order. */
class ListAccumulator implements Accumulator {
  readonly #rows: OrderedRows;
  #last: { readonly row: readonly unknown[]; readonly weight: number } | undefined;
  readonly #takes: (value: unknown) => boolean;
  readonly #gather: Gather;

  constructor(rows: OrderedRows, takes: (value: unknown) => boolean, gather: Gather) {
    this.#rows = rows;
    this.#takes = takes;
    this.#gather = gather;
  }

  add(value: unknown, weight: number, more: readonly unknown[]): void {
    if (!this.#takes(value)) return;
    const row = [value, ...more];
    this.#rows.add(row, weight);
    this.#last = { row, weight };
  }

  /** Undoes what was added since, a row at most. */
  protected undoer(): () => void {
    const before = this.#last;
    return () => {
      if (this.#last !== before) this.#rows.undo(this.#last!.row, this.#last!.weight);
      this.#last = before;
    };
  }

  value(): unknown {
    return this.#rows.size === 0 ? null : this.#gather(this.#rows);
  }

  merge(other: ListAccumulator): void {
    this.#rows.merge(other.#rows);
  }

  snapshot(writer: ByteWriter): void {
    this.#rows.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#rows.restore(reader);
  }
}

/** Refuses rows without a key. */
class ObjectAccumulator extends ListAccumulator {
  checkpoint(): () => void {
    return this.undoer();
  }
}

/** The first or the last row, of rows that are never taken back. */
class EndAccumulator implements Accumulator {
  readonly #shape: RowShape;
  readonly #arrival: Arrival;
  readonly #order: (a: OrderedRow, b: OrderedRow) => number;
  #end: OrderedRow | undefined;

  constructor(shape: RowShape, arrival: Arrival, last: boolean) {
    this.#shape = shape;
    this.#arrival = arrival;
    const order = rowOrder(shape);
    this.#order = last ? (a, b) => order(b, a) : order;
  }

  add(value: unknown, _weight: number, more: readonly unknown[]): void {
    this.#take({ row: [value, ...more], at: this.#arrival.next++, count: 1 });
  }

  #take(row: OrderedRow): void {
    if (this.#end === undefined || this.#order(row, this.#end) < 0) this.#end = row;
  }

  value(): unknown {
    return this.#end?.row[0] ?? null;
  }

  merge(other: EndAccumulator): void {
    if (other.#end !== undefined) this.#take(other.#end);
  }

  snapshot(writer: ByteWriter): void {
    writer.u8(this.#end === undefined ? 0 : 1);
    if (this.#end === undefined) return;
    writer.varint(this.#end.at);
    writeRow(writer, this.#end.row, this.#shape.types);
  }

  restore(reader: ByteReader): void {
    if (reader.u8() === 0) return;
    const at = reader.unsigned();
    this.#end = { row: readRow(reader, this.#shape.types), at, count: 1 };
    this.#arrival.next = Math.max(this.#arrival.next, at + 1);
  }
}
