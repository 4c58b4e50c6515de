import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/error.ts';
import type { ColumnVector } from '../../../kernel/column.ts';
import {
  divideByCount,
  divideByNulls,
  divideByTime,
  divideByWeight,
  type Selected,
  wordsAt,
} from '../../../kernel/row-join.ts';
import type { RowList } from '../../../kernel/row-store.ts';
import type { Column } from '../../../plan/data-type.ts';
import { nodeLabel } from '../../../plan/explain.ts';
import type { Expression } from '../../../plan/expression.ts';
import { castTo, columnReference } from '../../../plan/expression-factory.ts';
import { expressionText } from '../../../plan/expression-text.ts';
import type { TemporalJoinNode } from '../../../plan/node.ts';
import { TYPE, typesEqual } from '../../../plan/type-name.ts';
import { JOINED_ROWS_MAX } from '../../limits.ts';
import { type Batch, later, WATERMARK_MAX, WATERMARK_MIN } from '../batch.ts';
import { forEachRow, selectionOf } from '../column-access.ts';
import { ColumnEvaluator } from '../column-evaluator.ts';
import { datedRows } from '../dated-rows.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { RowReader } from '../row-batch.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import type { SideShape } from './join-shape.ts';
import { JoinSide, type SideRows } from './join-side.ts';
import { JoinedBatch, type TakenBack } from './joined-batch.ts';
import { KeptAnswers } from './kept-answers.ts';
import { restoreSides, stageSides } from './side-snapshot.ts';

export interface TemporalJoinOptions {
  readonly node: TemporalJoinNode;
  /**
   * How far rows of the left may lie behind the watermark when they wait until it has passed their time; undefined: they are joined at
   * once, with what is known then.
   */
  readonly lagUs: bigint | undefined;
  /** Rows of the left may be taken back after they were joined: what each got is kept. */
  readonly leftChanges?: boolean;
  /** Columns of left, then right, that whatever follows reads; undefined: all. */
  readonly read: ReadonlySet<number> | undefined;
  readonly expressions: ExpressionContext;
}

/** Rows that wait are emitted together when they are of one bucket. */
const WAIT_BUCKET_US = 1_000n;
const LEFT = 0;
const RIGHT = 1;
/** Bytes of a kept answer, about. */
const ANSWER_BYTES = 300;

/** What rows of the left came to. */
interface Joined {
  /** The result. */
  readonly batch: Batch;
  /** All rows, with the versions that they found, whatever the condition said of them. */
  readonly whole: Batch;
  readonly failures: readonly { readonly row: number; readonly message: string }[];
}

/**
 * Joins each row of the left with the version of its key that held at its time. Versions of the right come as rows that are added, or as
 * changes of a table: a row that is taken back held until the one that took its place, or until now when there is none.
 *
 * With event time a row of the left waits until the watermark has passed it: no version from before it can come any more, but late ones,
 * which hold for the rows that are still to be joined. Versions that no row can ask for are forgotten. Without times a row
 * meets the row that stands when it comes; what changes later takes nothing back.
 */
export class TemporalJoinOperator implements Operator {
  readonly #node: TemporalJoinNode;
  readonly #options: TemporalJoinOptions;
  readonly #joinedColumns: readonly Column[];
  readonly #read: ReadonlySet<number>;
  #context: OperatorContext | undefined;
  #sides: readonly [JoinSide, JoinSide] | undefined;
  #joined: JoinedBatch | undefined;
  #condition: ColumnEvaluator | undefined;
  #watermark = WATERMARK_MIN;
  #answers: KeptAnswers | undefined;
  #leftReader: RowReader | undefined;
  #rightReader: RowReader | undefined;
  /** Versions that were taken back in this epoch. */
  #going: number[] = [];

  constructor(options: TemporalJoinOptions) {
    this.#options = options;
    this.#node = options.node;
    const { left, right, columns } = options.node;
    this.#joinedColumns = [...left.columns, ...right.columns];
    this.#read = options.read ?? new Set(columns.keys());
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const { condition, left, right } = this.#node;
    const { expressions, leftChanges = false, lagUs } = this.#options;
    if (leftChanges && lagUs === undefined) {
      this.#answers = new KeptAnswers(left.columns, right.columns);
      this.#leftReader = new RowReader(context.kernel, left.columns);
      this.#rightReader = new RowReader(context.kernel, right.columns);
    }
    this.#sides = [this.#side(LEFT), this.#side(RIGHT)];
    this.#joined = new JoinedBatch(context.kernel);
    if (condition === undefined) return;
    this.#condition = new ColumnEvaluator(context.kernel, this.#joinedColumns, [condition], expressions, 'predicate');
  }

  #side(at: 0 | 1): JoinSide {
    const { left, right, times, condition } = this.#node;
    const { columns } = at === LEFT ? left : right;
    const width = left.columns.length;
    const read = new Set(this.#read);
    // The dead letter of a condition that fails shows both rows.
    if (condition !== undefined) for (const position of this.#joinedColumns.keys()) read.add(position);
    const own = [...read].filter((column) => column < width === (at === LEFT));
    const column = at === LEFT ? times?.left : times?.right;
    const shape: SideShape = {
      unmet: false,
      met: false,
      expiry: column === undefined ? undefined : { column, keepUs: 0n, bucketUs: WAIT_BUCKET_US },
      lagUs: undefined,
      timeColumn: column,
    };
    return new JoinSide(this.#context!, {
      columns,
      keys: this.#keys(at).map((expression) => ({ expression, meetsNull: false })),
      read: new Set(own.map((position) => (at === LEFT ? position : position - width))),
      shape,
      owner: `the ${nodeLabel(this.#node)}`,
      expressions: this.#options.expressions,
    });
  }

  /** Key columns; numerics of different scales as numerics of any. */
  #keys(at: 0 | 1): Expression[] {
    const { left, right, leftKeys, rightKeys } = this.#node;
    return leftKeys.map((leftKey, i) => {
      const one = columnReference(left.columns, leftKey);
      const other = columnReference(right.columns, rightKeys[i]!);
      const own = at === LEFT ? one : other;
      return typesEqual(one.type, other.type) ? own : castTo(own, TYPE.numeric);
    });
  }

  processBatch(batch: Batch, input: number): void {
    if (input === RIGHT) this.#change(batch);
    else this.#ask(batch);
  }

  #change(received: Batch): void {
    const { kernel } = this.#context!;
    const side = this.#sides![RIGHT];
    const { times } = this.#node;
    const dated =
      times === undefined
        ? received
        : datedRows(received, received.columns[times.right]!.nulls, this.#context!, 'temporal join');
    if (dated.selected === 0) return;
    const rows = side.rowsOf(dated, RIGHT);
    const keyed = this.#withKeys(side, rows).first;
    const { weights } = rows.batch;
    const { first, second } =
      weights === 0 ? { first: keyed, second: undefined } : divideByWeight(kernel, weights, keyed);
    side.store.append(side.input(rows, first.selection, first.selected), rows.times);
    if (second === undefined || second.selected === 0) return;
    const input = side.input(rows, second.selection, second.selected);
    if (times === undefined) {
      side.store.free(side.store.take(input));
      return;
    }
    const { references, count } = side.store.going(input);
    for (const reference of kernel.u32().subarray(references >>> 2, (references >>> 2) + count)) {
      if (reference !== 0) this.#going.push(reference);
    }
  }

  #withKeys(side: JoinSide, rows: SideRows): { readonly first: Selected; readonly second: Selected | undefined } {
    const strict = side.strict(rows);
    if (strict.length === 0) return { first: rows.batch, second: undefined };
    return divideByNulls(this.#context!.kernel, strict, rows.batch);
  }

  #ask(received: Batch): void {
    const batch = this.#inTime(received);
    if (batch.selected === 0) return;
    const side = this.#sides![LEFT];
    const rows = side.rowsOf(batch, LEFT);
    if (rows.batch.selected === 0) return;
    const { first, second } = this.#withKeys(side, rows);
    if (second !== undefined && second.selected > 0 && this.#node.join === 'left') {
      const absent = this.#joined!.absent(this.#node.right.columns, rows.batch.rows);
      const columns = [...rows.batch.columns, ...absent];
      this.#context!.emit({ ...rows.batch, ...second, columns, origin: undefined, watermarks: 0 });
    }
    if (first.selected === 0) return;
    if (this.#options.lagUs !== undefined) this.#wait(rows, first);
    else if (this.#answers === undefined) this.#joinNow(rows, first);
    else this.#joinChanging(rows, first, this.#answers);
  }

  #inTime(batch: Batch): Batch {
    const { lagUs, node } = this.#options;
    if (lagUs === undefined) return batch;
    const { kernel, deadLetter } = this.#context!;
    const time = batch.columns[node.times!.left]!;
    const { first, second } = divideByTime(kernel, time, batch.watermarks, this.#watermark, lagUs, batch);
    if (second.selected === 0) return batch;
    for (let at = 0; at < second.selected; at++) {
      const row = kernel.u32()[(second.selection >>> 2) + at]!;
      const message = 'temporal join: the watermark had passed the time of the row';
      deadLetter({ reason: 'late', message, batch, row, input: LEFT });
    }
    return { ...batch, ...first };
  }

  /** Rows that come wait; those that go waited. */
  #wait(rows: SideRows, selected: Selected): void {
    const { kernel } = this.#context!;
    const { store } = this.#sides![LEFT];
    const side = this.#sides![LEFT];
    const { weights } = rows.batch;
    const { first, second } =
      weights === 0 ? { first: selected, second: undefined } : divideByWeight(kernel, weights, selected);
    store.append(side.input(rows, first.selection, first.selected), rows.times);
    if (second === undefined || second.selected === 0) return;
    store.free(store.take(side.input(rows, second.selection, second.selected)));
  }

  #joinChanging(rows: SideRows, selected: Selected, answers: KeptAnswers): void {
    const { kernel } = this.#context!;
    const { weights } = rows.batch;
    const { first, second } =
      weights === 0 ? { first: selected, second: undefined } : divideByWeight(kernel, weights, selected);
    const reader = this.#leftReader!;
    const keys: string[] = [];
    const coming: number[] = [];
    forEachRow(kernel, { ...rows.batch, ...first }, (row) => {
      const key = answers.keyOf(reader.values(rows.batch, row));
      if (!answers.comes(key)) return;
      keys.push(key);
      coming.push(row);
    });
    if (coming.length > 0) {
      const alive = { selection: selectionOf(kernel, coming), selected: coming.length };
      this.#joinNow(rows, alive, (from, joined) => this.#keep(keys, from, joined));
    }
    if (second !== undefined && second.selected > 0) this.#takeBack(rows.batch, second, answers);
  }

  /** Keeps what rows got: `from` is the place of the first among the keys. */
  #keep(keys: readonly string[], from: number, { batch, whole, failures }: Joined): void {
    const { kernel } = this.#context!;
    const width = this.#node.left.columns.length;
    const reader = this.#rightReader!;
    const answers: (readonly unknown[] | undefined)[] = new Array(whole.rows);
    const shown = { ...batch, columns: batch.columns.slice(width) };
    forEachRow(kernel, batch, (row) => {
      answers[row] = reader.values(shown, row);
    });
    const letters = new Map(failures.map(({ row, message }) => [row, message]));
    const met = { ...whole, columns: whole.columns.slice(width) };
    for (let row = 0; row < whole.rows; row++) {
      const message = letters.get(row);
      const letter = message === undefined ? undefined : { message, values: reader.values(met, row) };
      this.#answers!.add(keys[from + row]!, { values: answers[row], letter });
    }
  }

  /** Rows go: with the results, and the dead letters, that they had. */
  #takeBack(batch: Batch, selected: Selected, answers: KeptAnswers): void {
    const { kernel, emit, deadLetter } = this.#context!;
    const gone: TakenBack[] = [];
    const refused: (TakenBack & { readonly message: string })[] = [];
    forEachRow(kernel, { ...batch, ...selected }, (row) => {
      const answer = answers.take(answers.keyOf(this.#leftReader!.values(batch, row)));
      if (answer?.values !== undefined) gone.push({ row, values: answer.values });
      if (answer?.letter !== undefined) refused.push({ row, ...answer.letter });
    });
    const [left, right] = [this.#node.left.columns, this.#node.right.columns];
    const pairsOf = (rows: readonly TakenBack[]): Batch =>
      this.#joined!.takenBack(batch, { left, right }, rows, (column) => this.#needs(column));
    if (gone.length > 0) emit(pairsOf(gone));
    if (refused.length === 0) return;
    const pairs = pairsOf(refused);
    for (const [row, { message }] of refused.entries()) {
      deadLetter({ reason: 'expression', message, batch: pairs, row, columns: this.#joinedColumns });
    }
  }

  #joinNow(rows: SideRows, selected: Selected, keep?: (from: number, joined: Joined) => void): void {
    const { kernel } = this.#context!;
    const joined = this.#joined!;
    const { batch, keys } = rows;
    const { times } = this.#node;
    const asked = times === undefined ? 0 : batch.columns[times.left]!.data;
    for (let from = 0; from < selected.selected; from += JOINED_ROWS_MAX) {
      const position = kernel.arenaPosition();
      const count = Math.min(JOINED_ROWS_MAX, selected.selected - from);
      const numbers = this.#numbers(selected, from, count);
      const versions = this.#sides![RIGHT].store.asOf({ keys, selection: numbers, selected: count }, asked);
      const dated = { physical: 'i64', data: batch.times, nulls: batch.timeNulls ?? 0 } as const;
      const own = batch.times === 0 ? { data: 0, nulls: 0 } : joined.take(dated, numbers, count);
      const column = (index: number): ColumnVector => joined.take(batch.columns[index]!, numbers, count);
      const result = this.#join(column, versions, own.data, own.nulls);
      keep?.(from, result);
      this.#emit(result.batch);
      kernel.arenaRewind(position);
    }
  }

  #numbers({ selection }: Selected, from: number, count: number): number {
    if (selection !== 0) return selection + from * 4;
    const { kernel } = this.#context!;
    const numbers = kernel.arenaAlloc(count * 4);
    const words = kernel.u32();
    for (let at = 0; at < count; at++) words[(numbers >>> 2) + at] = from + at;
    return numbers;
  }

  /** Rows of the left, as columns, with their versions. */
  #join(
    leftColumn: (index: number) => ColumnVector | undefined,
    versions: RowList,
    times: number,
    timeNulls: number,
  ): Joined {
    const { join, left } = this.#node;
    const { kernel } = this.#context!;
    const { count } = versions;
    const found = divideByCount(kernel, versions.references, { selection: 0, selected: count }).second;
    const columnsOf = (list: RowList): ColumnVector[] => {
      const absent = this.#joined!.absent(this.#joinedColumns, count);
      return absent.map((none, at) => {
        if (at < left.columns.length) return (this.#needs(at) ? leftColumn(at) : undefined) ?? none;
        return this.#sides![RIGHT].gather(list, at - left.columns.length) ?? none;
      });
    };
    const whole: Batch = {
      rows: count,
      columns: columnsOf(versions),
      selection: 0,
      selected: count,
      weights: 0,
      origin: undefined,
      times,
      timeNulls,
      watermarks: 0,
    };
    const met = this.#condition === undefined ? undefined : this.#meeting({ ...whole, ...found });
    const { kept, failures } = met ?? { kept: found, failures: [] };
    if (join === 'inner') return { batch: { ...whole, ...kept }, whole, failures };
    if (kept.selected === found.selected) return { batch: whole, whole, failures };
    const references = wordsAt(kernel, versions.references, count, kept);
    return { batch: { ...whole, columns: columnsOf({ references, count }) }, whole, failures };
  }

  #emit(batch: Batch): void {
    if (batch.selected > 0) this.#context!.emit(batch);
  }

  #needs(column: number): boolean {
    return this.#condition !== undefined || this.#read.has(column);
  }

  #meeting(batch: Batch): { readonly kept: Selected; readonly failures: Joined['failures'] } {
    const { selection, selected, failures } = this.#condition!.select(batch);
    const told = failures.map(({ row, reason, error }) => {
      const message = `temporal join: ${messageOf(error)}, in ${expressionText(this.#node.condition!)}`;
      this.#context!.deadLetter({ reason, message, batch, row, columns: this.#joinedColumns });
      return { row, message };
    });
    return { kept: { selection, selected }, failures: told };
  }

  endEpoch(): void {
    if (this.#going.length === 0) return;
    const { kernel } = this.#context!;
    const references = kernel.arenaAlloc(this.#going.length * 4);
    kernel.u32().set(this.#going, references >>> 2);
    this.#sides![RIGHT].store.gone({ references, count: this.#going.length }, this.#watermark);
    this.#going = [];
  }

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    const { lagUs } = this.#options;
    if (lagUs === undefined) return;
    const [left, right] = this.#sides!;
    // What lies behind the watermark by less than the lag may still change.
    const passed = left.store.passed(watermark - later(lagUs, 0n));
    for (let bucket = 0; bucket < passed; bucket++) this.#emitBucket(bucket);
    left.store.dropBuckets(passed);
    const horizon = watermark - later(lagUs, 0n);
    if (horizon > WATERMARK_MIN) right.store.settle(horizon);
  }

  #emitBucket(bucket: number): void {
    const { kernel } = this.#context!;
    const [left, right] = this.#sides!;
    const position = kernel.arenaPosition();
    const waiting = left.store.bucket(bucket);
    for (let from = 0; from < waiting.count; from += JOINED_ROWS_MAX) {
      const inner = kernel.arenaPosition();
      const count = Math.min(JOINED_ROWS_MAX, waiting.count - from);
      const list = { references: waiting.references + from * 4, count };
      const times = left.store.times(list);
      const keys = left.keysOf(list);
      const versions = right.store.asOf({ keys, selection: 0, selected: count }, times);
      this.#emit(this.#join((index) => left.gather(list, index), versions, times, 0).batch);
      kernel.arenaRewind(inner);
    }
    kernel.arenaRewind(position);
  }

  outputWatermark(watermark: bigint): bigint {
    if (this.#options.lagUs === undefined || watermark === WATERMARK_MAX) return watermark;
    return later(watermark - WAIT_BUCKET_US, WATERMARK_MIN);
  }

  nextTimer(): bigint | undefined {
    const { lagUs } = this.#options;
    const horizon = lagUs === undefined ? undefined : this.#sides![LEFT].store.nextHorizon();
    return horizon === undefined ? undefined : horizon + later(lagUs!, 0n);
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.stageSnapshot(false);
    while (staged.next(writer));
    staged.end();
  }

  stageSnapshot(delta: boolean): StagedSnapshot {
    const watermark = this.#watermark;
    const answers = this.#answers;
    const head = (writer: ByteWriter): void => writer.i64(watermark);
    return stageSides(this.#sides!, delta, head, answers && ((writer) => answers.write(writer)));
  }

  restore(reader: ByteReader): void {
    const head = (): void => {
      this.#watermark = reader.i64();
    };
    restoreSides(this.#sides!, reader, head, (part) => this.#answers!.read(part));
  }

  close(): void {
    for (const side of this.#sides ?? []) side.close();
    this.#sides = undefined;
    this.#condition?.close();
    this.#joined?.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    const stores = this.#sides?.map((side) => side.store) ?? [];
    const answers = this.#answers?.size ?? 0;
    return {
      keys: stores.reduce((sum, store) => sum + store.rows, answers),
      bytes: stores.reduce((sum, store) => sum + store.bytes, answers * ANSWER_BYTES),
    };
  }
}
