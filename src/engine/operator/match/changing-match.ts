import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { MatchNode } from '../../../plan/node.ts';
import type { Batch } from '../batch.ts';
import type { Operator, OperatorContext } from '../operator.ts';
import { OrderedList } from '../rank/ordered-list.ts';
import { batchOfValues, RowEmitter, RowReader, rowKey, type StreamRow } from '../row-batch.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import { readRow, writeRow } from '../state-value.ts';
import { type Found, type MatchRow, MatchSearch, type RefusedRow } from './match-search.ts';

interface Partition {
  readonly name: string;
  readonly key: readonly unknown[];
  readonly rows: OrderedList<MatchRow>;
  /** In order, of all beginnings that were tried. */
  found: Found[];
  /** The first place that has changed; undefined for none. */
  from: number | undefined;
}

/** Bytes of a row beside its values, and of a value, about. */
const ROW_BYTES = 250;
const VALUE_BYTES = 24;

/**
 * Patterns among rows that may be taken back: at each epoch those of the rows that are there, as a batch would find them. Nothing waits
 * and nothing is late: what a row changes when it comes or goes is taken back. Beginnings that looked at rows before the first change
 * alone stay as they are; the others are tried again. match.ts is for rows that stay, which it forgets.
 */
export class ChangingMatchOperator implements Operator {
  readonly #node: MatchNode;
  readonly #search: MatchSearch;
  readonly #types: readonly DataType[];
  readonly #keyTypes: readonly DataType[];
  readonly #partitions = new Map<string, Partition>();
  readonly #changed = new Set<Partition>();
  /** Rows that were taken back in this epoch before they came. */
  readonly #owed = new Map<string, number>();
  #context: OperatorContext | undefined;
  #reader: RowReader | undefined;
  #emitter: RowEmitter | undefined;
  #arrivals = 0;
  #rows = 0;

  constructor(node: MatchNode, expressions: ExpressionContext) {
    this.#node = node;
    this.#search = new MatchSearch(node, expressions);
    this.#types = node.input.columns.map((column) => column.type);
    this.#keyTypes = node.partition.map((at) => this.#types[at]!);
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#reader = new RowReader(context.kernel, this.#node.input.columns);
    this.#emitter = new RowEmitter(context.kernel, this.#node.columns, context.emit);
  }

  processBatch(batch: Batch): void {
    this.#reader!.forEach(batch, (row, at) => {
      const time = this.#timeOf(row);
      if (time === undefined) {
        const message = 'match: the row has no time to be ordered by';
        this.#context!.deadLetter({ reason: 'no-event-time', message, batch, row: at });
      } else if (row.weight < 0) this.#goes(row.values, time);
      else this.#comes(row.values, time);
    });
  }

  /** The first of the order: rows of tables and aggregates have no event time beside their columns. */
  #timeOf({ values, time }: StreamRow): bigint | undefined {
    const { expression } = this.#node.keys[0]!;
    if (expression.kind !== 'column') return time;
    return (values[expression.index] as bigint | null) ?? undefined;
  }

  #comes(values: readonly unknown[], time: bigint): void {
    const text = rowKey(values, this.#types);
    const owed = this.#owed.get(text);
    if (owed !== undefined) {
      this.#owe(text, owed - 1);
      return;
    }
    const partition = this.#partitionOf(values);
    this.#change(partition, partition.rows.insert({ values, time, arrival: this.#arrivals++ }));
    this.#rows++;
  }

  #owe(row: string, count: number): void {
    if (count === 0) this.#owed.delete(row);
    else this.#owed.set(row, count);
  }

  #goes(values: readonly unknown[], time: bigint): void {
    const partition = this.#partitionOf(values);
    const text = rowKey(values, this.#types);
    const sought: MatchRow = { values, time, arrival: -1 };
    let place = -1;
    partition.rows.forEachFrom(partition.rows.positionOf(sought), (row, at) => {
      if (this.#search.compareKeys(row, sought) !== 0) return false;
      if (rowKey(row.values, this.#types) === text) place = at;
      return place < 0;
    });
    if (place < 0) {
      this.#owe(text, (this.#owed.get(text) ?? 0) + 1);
      return;
    }
    partition.rows.removeAt(place);
    this.#change(partition, place);
    this.#rows--;
  }

  #change(partition: Partition, place: number): void {
    partition.from = partition.from === undefined ? place : Math.min(partition.from, place);
    this.#changed.add(partition);
  }

  #partitionOf(values: readonly unknown[]): Partition {
    const key = this.#node.partition.map((at) => values[at]);
    const name = rowKey(key, this.#keyTypes);
    const known = this.#partitions.get(name);
    if (known !== undefined) return known;
    const compare = (a: MatchRow, b: MatchRow): number => this.#search.compareKeys(a, b) || a.arrival - b.arrival;
    const made: Partition = { name, key, rows: new OrderedList(compare), found: [], from: undefined };
    this.#partitions.set(name, made);
    return made;
  }

  endEpoch(): void {
    for (const partition of this.#changed) {
      const { before, now } = this.#findAgain(partition);
      this.#compare(partition, before, now);
      if (partition.rows.size === 0) this.#partitions.delete(partition.name);
    }
    this.#changed.clear();
    this.#owed.clear();
    this.#emitter!.flush();
  }

  /** Tries again what may have changed; gives what was found there before, and what is now. */
  #findAgain(partition: Partition): { readonly before: readonly Found[]; readonly now: readonly Found[] } {
    const { found, rows } = partition;
    const from = partition.from!;
    partition.from = undefined;
    const first = found.findIndex(({ extent }) => extent > from);
    const before = first < 0 ? [] : found.splice(first);
    const kept = found.length;
    const last = found[kept - 1];
    let matches = last?.matches ?? 0;
    for (let start = last?.next ?? 0; start < rows.size; ) {
      const one = this.#search.from(rows, start, matches);
      found.push(one);
      start = one.next;
      matches = one.matches;
    }
    return { before, now: found.slice(kept) };
  }

  /** Hands on how what is found now differs from what was found before. */
  #compare({ key }: Partition, before: readonly Found[], now: readonly Found[]): void {
    const types = this.#node.measures.map((measure) => measure.type);
    const results = new Map<string, { weight: number; readonly result: NonNullable<Found['result']> }>();
    const letters = new Map<string, RefusedRow & { weight: number }>();
    const count = (all: readonly Found[], weight: number): void => {
      for (const { result, letters: own } of all) {
        if (result !== undefined) {
          const text = `${result.time} ${rowKey(result.values, types)}`;
          const known = results.get(text);
          if (known === undefined) results.set(text, { weight, result });
          else known.weight += weight;
        }
        for (const letter of own) {
          const text = `${letter.row.arrival} ${letter.message}`;
          const known = letters.get(text);
          if (known === undefined) letters.set(text, { ...letter, weight });
          else known.weight += weight;
        }
      }
    };
    count(before, -1);
    count(now, 1);
    for (const { weight, result } of results.values()) {
      for (let i = Math.abs(weight); i > 0; i--)
        this.#emitter!.add([...key, ...result.values], Math.sign(weight), result.time);
    }
    for (const { weight, row, message } of letters.values()) {
      for (let i = Math.abs(weight); i > 0; i--) this.#deadLetter(row, message, Math.sign(weight));
    }
  }

  #deadLetter({ values, time }: MatchRow, message: string, weight: number): void {
    const { kernel, deadLetter } = this.#context!;
    const batch = batchOfValues(kernel, this.#types, { values: [values], times: [time], weights: [weight] });
    deadLetter({ reason: 'expression', message, batch, row: 0 });
  }

  onWatermark(): void {}

  nextTimer(): undefined {
    return undefined;
  }

  /** The rows alone: what they make is found again. */
  snapshot(writer: ByteWriter): void {
    writer.u64(this.#arrivals);
    writer.varint(this.#rows);
    for (const { rows } of this.#partitions.values()) {
      for (const { values, time, arrival } of rows) {
        writeRow(writer, values, this.#types);
        writer.i64(time);
        writer.u64(arrival);
      }
    }
  }

  restore(reader: ByteReader): void {
    this.#arrivals = reader.u64();
    this.#rows = reader.unsigned();
    for (let left = this.#rows; left > 0; left--) {
      const values = readRow(reader, this.#types);
      const partition = this.#partitionOf(values);
      partition.rows.insert({ values, time: reader.i64(), arrival: reader.u64() });
      partition.from = 0;
    }
    for (const partition of this.#partitions.values()) this.#findAgain(partition);
  }

  close(): void {
    this.#partitions.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#rows, bytes: this.#rows * (ROW_BYTES + VALUE_BYTES * this.#types.length) };
  }
}
