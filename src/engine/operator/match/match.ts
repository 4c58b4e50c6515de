import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { MatchNode } from '../../../plan/node.ts';
import { MATCH_ROWS_MAX } from '../../limits.ts';
import { type Batch, later, WATERMARK_MIN } from '../batch.ts';
import type { Operator, OperatorContext } from '../operator.ts';
import { OrderedList } from '../rank/ordered-list.ts';
import { batchOfValues, RowEmitter, RowReader, rowKey } from '../row-batch.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import { readRow, readValue, writeRow, writeValue } from '../state-value.ts';
import type { Label, MatchAttempt } from './match-attempt.ts';
import { givenUp, type MatchRow, MatchSearch, type RefuseRow } from './match-search.ts';
import type { MatchRows } from './navigation.ts';

/** The rows of one key that can still be part of a match. */
interface Partition {
  readonly name: string;
  readonly key: readonly unknown[];
  /** In order; the first has the place `base` in the partition. */
  rows: MatchRow[];
  base: number;
  /** Where the attempt that runs began, or the next one will. */
  start: number;
  attempt: MatchAttempt | undefined;
  matches: number;
}

/** An attempt waits for rows; `time` is that of its first one. */
interface OpenAttempt {
  readonly time: bigint;
  readonly arrival: number;
  readonly partition: Partition;
}

/**
 * Finds patterns of rows. Rows wait until event time has passed theirs, so that they are looked at in order; one that comes later is
 * late. A match is given once no row that may still come could make SQL prefer another one; `within` decides by event time alone.
 */
export class MatchOperator implements Operator {
  readonly #node: MatchNode;
  readonly #search: MatchSearch;
  /** A key must be remembered when it has no rows: its matches are numbered. */
  readonly #countsMatches: boolean;
  readonly #waiting: OrderedList<MatchRow>;
  readonly #partitions = new Map<string, Partition>();
  /** By the time of the first row. */
  readonly #open = new OrderedList<OpenAttempt>((a, b) =>
    a.time === b.time ? a.arrival - b.arrival : a.time < b.time ? -1 : 1,
  );
  readonly #openOf = new Map<Partition, OpenAttempt>();
  #arrivals = 0;
  #rows = 0;
  #watermark = WATERMARK_MIN;
  #ended = false;
  #context: OperatorContext | undefined;
  #reader: RowReader | undefined;
  #emitter: RowEmitter | undefined;

  constructor(node: MatchNode, expressions: ExpressionContext) {
    this.#node = node;
    const search = new MatchSearch(node, expressions);
    this.#search = search;
    this.#countsMatches = node.navigations.some((navigation) => navigation.kind === 'match-number');
    this.#waiting = new OrderedList<MatchRow>((a, b) => search.compareKeys(a, b) || a.arrival - b.arrival);
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#reader = new RowReader(context.kernel, this.#node.input.columns);
    this.#emitter = new RowEmitter(context.kernel, this.#node.columns, context.emit);
  }

  processBatch(batch: Batch): void {
    const { deadLetter } = this.#context!;
    this.#reader!.forEach(batch, ({ values, time, watermark }, row) => {
      if (time === undefined) {
        deadLetter({
          reason: 'no-event-time',
          message: 'match: the row has no event time to be ordered by',
          batch,
          row,
        });
        return;
      }
      if (time < later(watermark ?? WATERMARK_MIN, this.#watermark)) {
        deadLetter({ reason: 'late', message: 'match: later rows have been looked at', batch, row });
        return;
      }
      this.#waiting.insert({ values, time, arrival: this.#arrivals++ });
    });
  }

  endEpoch(): void {
    if (!this.#ended) return;
    this.#ended = false;
    for (;;) {
      const first = this.#open.at(0);
      if (first === undefined) break;
      first.partition.attempt?.finish();
      this.#run(first.partition);
    }
    this.#emitter!.flush();
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    for (let row = this.#waiting.at(0); row !== undefined && row.time < watermark; row = this.#waiting.at(0)) {
      this.#waiting.removeAt(0);
      this.#take(row);
    }
    const { withinUs } = this.#node;
    for (let first = this.#open.at(0); withinUs !== undefined && first !== undefined; first = this.#open.at(0)) {
      if (first.time + withinUs >= watermark) break;
      first.partition.attempt?.finish();
      this.#run(first.partition);
    }
    this.#emitter!.flush();
  }

  /** The next row of its partition, in order. */
  #take(row: MatchRow): void {
    const { partition: positions, input } = this.#node;
    const key = positions.map((at) => row.values[at]);
    const name = rowKey(
      key,
      positions.map((at) => input.columns[at]!.type),
    );
    let partition = this.#partitions.get(name);
    if (partition === undefined) {
      partition = { name, key, rows: [], base: 0, start: 0, attempt: undefined, matches: 0 };
      this.#partitions.set(name, partition);
    }
    partition.rows.push(row);
    this.#rows++;
    this.#run(partition);
  }

  /** Goes on as far as the rows that are there allow. */
  #run(partition: Partition): void {
    const { withinUs } = this.#node;
    for (;;) {
      const first = partition.rows[partition.start - partition.base];
      if (partition.attempt === undefined) {
        if (first === undefined) break;
        partition.attempt = this.#search.attempt();
      }
      const { attempt } = partition;
      while (!attempt.decided) {
        const row = partition.rows[partition.start + attempt.rows - partition.base];
        if (row === undefined) break;
        if (withinUs !== undefined && row.time - first!.time > withinUs) attempt.finish();
        else if (attempt.rows >= MATCH_ROWS_MAX) this.#giveUp(attempt, first!, `${MATCH_ROWS_MAX} rows are not enough`);
        else {
          const refuse = this.#refusing(partition);
          attempt.feed((labels) => this.#search.holds(labels, this.#rowsOf(partition), refuse));
        }
      }
      if (!attempt.decided) break;
      if (attempt.tooMany) this.#giveUp(attempt, first!, 'it can be matched in too many ways');
      this.#decide(partition, attempt);
    }
    this.#trim(partition);
    this.#note(partition);
    if (partition.rows.length === 0 && !this.#countsMatches) this.#partitions.delete(partition.name);
  }

  #giveUp(attempt: MatchAttempt, first: MatchRow, why: string): void {
    attempt.finish();
    this.#deadLetter(first, givenUp(why));
  }

  #decide(partition: Partition, attempt: MatchAttempt): void {
    partition.attempt = undefined;
    const { best } = attempt;
    if (best === undefined || attempt.tooMany) {
      partition.start++;
      return;
    }
    partition.matches++;
    this.#emit(partition, best);
    partition.start += this.#search.skip(best, this.#refusing(partition));
  }

  #refusing({ rows, start, base }: Partition): RefuseRow {
    return (place, message) => this.#deadLetter(rows[start + place - base]!, message);
  }

  #rowsOf(partition: Partition): MatchRows {
    const { start, base, rows, matches } = partition;
    return {
      at: (place) => rows[start + place - base]?.values,
      matchNumber: matches,
    };
  }

  #emit(partition: Partition, best: Label): void {
    const last = partition.rows[partition.start + best.length - 1 - partition.base]!;
    const measures = this.#search.measures(best, this.#rowsOf(partition), this.#refusing(partition));
    if (measures !== undefined) this.#emitter!.add([...partition.key, ...measures], 1, last.time);
  }

  #deadLetter(row: MatchRow, message: string): void {
    const types = this.#node.input.columns.map((column) => column.type);
    const batch = batchOfValues(this.#context!.kernel, types, { values: [row.values], times: [row.time] });
    this.#context!.deadLetter({ reason: 'expression', message, batch, row: 0 });
  }

  /** Forgets the rows that no attempt will look at again. */
  #trim(partition: Partition): void {
    const gone = partition.start - this.#search.rowsBefore - partition.base;
    if (gone > 0) {
      partition.rows.splice(0, gone);
      partition.base += gone;
      this.#rows -= gone;
    }
  }

  /** Lists the partition by the first row of the attempt that waits. */
  #note(partition: Partition): void {
    const first = partition.attempt && partition.rows[partition.start - partition.base];
    const known = this.#openOf.get(partition);
    if (known !== undefined) {
      if (known.arrival === first?.arrival) return;
      this.#open.remove(known);
      this.#openOf.delete(partition);
    }
    if (first === undefined) return;
    const open: OpenAttempt = { time: first.time, arrival: first.arrival, partition };
    this.#open.insert(open);
    this.#openOf.set(partition, open);
  }

  /** A match has the time of its last row, which is not before that of the first row of its attempt. */
  outputWatermark(watermark: bigint): bigint {
    const first = this.#open.at(0);
    return first === undefined || first.time > watermark ? watermark : first.time;
  }

  nextTimer(): bigint | undefined {
    const { withinUs } = this.#node;
    const waiting = this.#waiting.at(0);
    const open = this.#open.at(0);
    const times = [
      ...(waiting === undefined ? [] : [waiting.time + 1n]),
      ...(open === undefined || withinUs === undefined ? [] : [open.time + withinUs + 1n]),
    ];
    return times.reduce<bigint | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
  }

  endInput(): void {
    this.#ended = true;
  }

  snapshot(writer: ByteWriter): void {
    writer.i64(this.#watermark);
    writer.u64(this.#arrivals);
    const waiting = [...this.#waiting];
    writer.varint(waiting.length);
    for (const row of waiting) this.#writeRow(writer, row);
    writer.varint(this.#partitions.size);
    for (const partition of this.#partitions.values()) this.#writePartition(writer, partition);
  }

  #writeRow(writer: ByteWriter, row: MatchRow): void {
    writeRow(
      writer,
      row.values,
      this.#node.input.columns.map((column) => column.type),
    );
    writer.i64(row.time);
    writer.u64(row.arrival);
  }

  #readRow(reader: ByteReader): MatchRow {
    const values = readRow(
      reader,
      this.#node.input.columns.map((column) => column.type),
    );
    return { values, time: reader.i64(), arrival: reader.u64() };
  }

  #writePartition(writer: ByteWriter, partition: Partition): void {
    const { partition: positions, input } = this.#node;
    positions.forEach((at, i) => {
      writeValue(writer, partition.key[i], input.columns[at]!.type);
    });
    writer.u64(partition.base);
    writer.u64(partition.start);
    writer.u64(partition.matches);
    writer.varint(partition.rows.length);
    for (const row of partition.rows) this.#writeRow(writer, row);
    const state = partition.attempt?.state();
    writer.text(state === undefined ? '' : JSON.stringify(state));
  }

  restore(reader: ByteReader): void {
    this.#watermark = reader.i64();
    this.#arrivals = reader.u64();
    for (let rows = reader.unsigned(); rows > 0; rows--) this.#waiting.insert(this.#readRow(reader));
    const { partition: positions, input } = this.#node;
    const types = positions.map((at) => input.columns[at]!.type);
    for (let left = reader.unsigned(); left > 0; left--) {
      const key = types.map((type) => readValue(reader, type));
      const [base, start, matches] = [reader.u64(), reader.u64(), reader.u64()];
      const rows = Array.from({ length: reader.unsigned() }, () => this.#readRow(reader));
      const text = reader.text();
      const attempt = text === '' ? undefined : this.#search.restored(JSON.parse(text));
      const name = rowKey(key, types);
      const partition: Partition = { name, key, rows, base, start, attempt, matches };
      this.#partitions.set(name, partition);
      this.#rows += rows.length;
      this.#note(partition);
    }
  }

  close(): void {
    this.#partitions.clear();
    this.#openOf.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    const rows = this.#rows + this.#waiting.size;
    return { keys: this.#partitions.size, bytes: rows * (64 + 16 * this.#node.input.columns.length) };
  }
}
