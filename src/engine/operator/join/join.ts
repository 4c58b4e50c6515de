import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import {
  type Divided,
  divideByCount,
  divideByFound,
  divideByNulls,
  divideByTime,
  divideByWeight,
  joinPairs,
  PAIR_EFFECT,
  type Selected,
} from '../../../kernel/row-join.ts';
import type { RowList, RowPairs } from '../../../kernel/row-store.ts';
import type { Column } from '../../../plan/data-type.ts';
import { nodeLabel } from '../../../plan/explain.ts';
import type { JoinNode } from '../../../plan/node.ts';
import { type JoinCondition, joinCondition } from '../../../plan/optimizer/join-condition.ts';
import { columnsOf } from '../../../plan/optimizer/rewrite.ts';
import { JOINED_ROWS_MAX } from '../../limits.ts';
import { type Batch, later, WATERMARK_MAX, WATERMARK_MIN } from '../batch.ts';
import type { EmitMoment, Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import { type JoinShape, joinShape } from './join-shape.ts';
import { JoinSide, type SideRows } from './join-side.ts';
import { JoinedBatch } from './joined-batch.ts';
import { ResidualCondition } from './residual-condition.ts';
import { restoreSides, stageSides } from './side-snapshot.ts';

export interface JoinOptions {
  readonly node: JoinNode;
  readonly emit: EmitMoment;
  /** Columns of left, then right, that whatever follows reads; undefined: all. */
  readonly read: ReadonlySet<number> | undefined;
  readonly expressions: ExpressionContext;
}

/**
 * Joins two inputs of changes. Each side keeps its rows by key, in the kernel's memory, as long as a row of the other may still meet
 * them; a batch of one side looks its rows up among those of the other, and then takes its place. Of a batch, what comes is worked
 * through before what goes: the same in the end, and never less than nothing in between.
 *
 * A row that counts what it meets (of an outer, semi or anti join) tells from its counter when it begins or ceases to stand alone. A row
 * with a null in its key meets nothing and is not kept.
 */
export class JoinOperator implements Operator {
  readonly #node: JoinNode;
  readonly #options: JoinOptions;
  readonly #condition: JoinCondition;
  readonly #shape: JoinShape;
  readonly #read: ReadonlySet<number>;
  readonly #joinedColumns: readonly Column[];
  #context: OperatorContext | undefined;
  #sides: readonly [JoinSide, JoinSide] | undefined;
  #joined: JoinedBatch | undefined;
  #residual: ResidualCondition | undefined;
  #watermark = WATERMARK_MIN;
  /** Rows that a time-to-live made forgotten; and those that went and had been forgotten. */
  #forgotten = 0;
  #unknown = 0;

  constructor(options: JoinOptions) {
    const { node } = options;
    this.#node = node;
    this.#options = options;
    this.#condition = joinCondition(node);
    this.#shape = joinShape(node, this.#condition, options.emit);
    this.#joinedColumns = [...node.left.columns, ...node.right.columns];
    this.#read = options.read ?? new Set(node.columns.keys());
  }

  /** Rows that a time-to-live made it forget. */
  get forgotten(): number {
    return this.#forgotten;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const { left, right } = this.#node;
    const { residual } = this.#condition;
    const read = residual === undefined ? this.#read : new Set([...this.#read, ...columnsOf(residual)]);
    const width = left.columns.length;
    const owner = `the ${nodeLabel(this.#node)}`;
    const { expressions } = this.#options;
    const side = (at: 0 | 1): JoinSide =>
      new JoinSide(context, {
        columns: at === 0 ? left.columns : right.columns,
        keys: this.#condition.keys.map((key) => ({
          expression: at === 0 ? key.left : key.right,
          meetsNull: key.meetsNull,
        })),
        read: new Set(
          [...read].filter((column) => column < width === (at === 0)).map((column) => column - (at === 0 ? 0 : width)),
        ),
        shape: this.#shape.sides[at],
        owner,
        expressions,
      });
    this.#sides = [side(0), side(1)];
    this.#joined = new JoinedBatch(context.kernel);
    if (residual === undefined) return;
    this.#residual = new ResidualCondition(context, {
      condition: residual,
      columns: this.#joinedColumns,
      sides: this.#sides,
      joined: this.#joined,
      expressions,
    });
  }

  processBatch(received: Batch, input: number): void {
    const batch = this.#inTime(received, input);
    if (batch.selected === 0) return;
    const { kernel } = this.#context!;
    const own = this.#sides![input]!;
    const rows = own.rowsOf(batch, input);
    if (rows.batch.selected === 0) return;
    const strict = own.strict(rows);
    let meeting: Selected = rows.batch;
    if (strict.length > 0) {
      const { first, second } = divideByNulls(kernel, strict, rows.batch);
      meeting = first;
      if (own.shape.unmet) this.#emitAlone(rows, input, second);
    }
    const { weights } = rows.batch;
    if (weights === 0) {
      this.#come(rows, input, meeting);
      return;
    }
    const { first, second } = divideByWeight(kernel, weights, meeting);
    this.#come(rows, input, first);
    this.#go(rows, input, second);
  }

  #inTime(batch: Batch, input: number): Batch {
    const { lagUs, timeColumn } = this.#shape.sides[input]!;
    if (lagUs === undefined) return batch;
    const { kernel, deadLetter } = this.#context!;
    const time = batch.columns[timeColumn!]!;
    const { first, second } = divideByTime(kernel, time, batch.watermarks, this.#watermark, lagUs, batch);
    if (second.selected === 0) return batch;
    for (let at = 0; at < second.selected; at++) {
      const row = kernel.u32()[(second.selection >>> 2) + at]!;
      const message = 'join: what the row could meet was forgotten, since the watermark had passed its time';
      deadLetter({ reason: 'late', message, batch, row, input });
    }
    return { ...batch, ...first };
  }

  #come(rows: SideRows, input: number, selected: Selected): void {
    if (selected.selected === 0) return;
    const own = this.#sides![input]!;
    const counts = this.#countsOf(rows, input);
    this.#meet(rows, input, selected, 1, counts);
    if (counts !== 0) this.#emitByCount(rows, input, selected, counts);
    const position = this.#context!.kernel.arenaPosition();
    own.store.append(own.input(rows, selected.selection, selected.selected), rows.times, counts);
    this.#context!.kernel.arenaRewind(position);
  }

  #go(rows: SideRows, input: number, selected: Selected): void {
    if (selected.selected === 0) return;
    const { kernel } = this.#context!;
    const own = this.#sides![input]!;
    const counts = this.#countsOf(rows, input);
    const taken = own.store.take(own.input(rows, selected.selection, selected.selected));
    const { first, second } = divideByFound(kernel, own.store, taken, counts, selected);
    this.#meet(rows, input, first, -1, 0);
    if (counts !== 0) this.#emitByCount(rows, input, first, counts);
    own.store.free(taken);
    if (second.selected > 0) this.#goUnknown(rows, input, second);
  }

  /**
   * Rows that go and are not kept. A row that was forgotten since nothing more could meet it is in time as long as what it met is kept:
   * so it goes from the result all the same. What else is not known was forgotten by time-to-live, and what it was part of stands.
   */
  #goUnknown(rows: SideRows, input: number, selected: Selected): void {
    const { kernel } = this.#context!;
    const own = this.#sides![input]!;
    const { expiry, lagUs } = own.shape;
    const metIsKept = lagUs !== undefined || this.#shape.sides[1 - input]!.expiry === undefined;
    if (expiry?.column === undefined || !metIsKept || this.#watermark === WATERMARK_MIN) {
      this.#unknown += selected.selected;
      return;
    }
    const time = rows.batch.columns[expiry.column]!;
    const { first, second } = divideByTime(kernel, time, 0, this.#watermark, expiry.keepUs, selected);
    this.#unknown += first.selected;
    const counts = this.#countsOf(rows, input);
    this.#meet(rows, input, second, -1, counts);
    if (counts !== 0) this.#emitByCount(rows, input, second, counts, true);
  }

  /** How many rows each row of the batch meets (u32 by row); 0 when that is not asked. */
  #countsOf({ batch }: SideRows, input: number): number {
    const { unmet, met } = this.#shape.sides[input]!;
    if (!unmet && !met) return 0;
    const { kernel } = this.#context!;
    const counts = kernel.arenaAlloc(batch.rows * 4);
    kernel.u32().fill(0, counts >>> 2, (counts >>> 2) + batch.rows);
    return counts;
  }

  /** Finds what rows meet, and emits what that changes; counts it on both sides. */
  #meet(rows: SideRows, input: number, selected: Selected, weight: 1 | -1, counts: number): void {
    if (selected.selected === 0) return;
    const { kernel } = this.#context!;
    const other = this.#sides![1 - input]!;
    const effects = this.#effectsOn(1 - input);
    const probe = other.store.probe({ keys: rows.keys, ...selected }, JOINED_ROWS_MAX);
    while (!probe.done) {
      const position = kernel.arenaPosition();
      const found = probe.next();
      const pairs = this.#residual?.pairs(rows.batch, input, found, weight) ?? found;
      if (pairs.count > 0) this.#emitPairs(rows, input, pairs, weight, effects, counts);
      kernel.arenaRewind(position);
    }
  }

  #effectsOn(other: number): number {
    const { unmet, met } = this.#shape.sides[other]!;
    return (
      (this.#shape.pairs ? PAIR_EFFECT.pairs : 0) |
      (unmet || met ? PAIR_EFFECT.countOther : 0) |
      (unmet && !this.#shape.unmetAtEnd ? PAIR_EFFECT.unmet : 0) |
      (met ? PAIR_EFFECT.met : 0)
    );
  }

  #emitPairs(rows: SideRows, input: number, pairs: RowPairs, weight: 1 | -1, effects: number, counts: number): void {
    const { kernel, emit } = this.#context!;
    const other = this.#sides![1 - input]!;
    let change = { ...pairs, causes: pairs.numbers, weights: 0 };
    if (effects !== PAIR_EFFECT.pairs || counts !== 0 || weight < 0) {
      change = joinPairs(kernel, other.store, pairs, weight, effects, counts);
      if (change.count === 0) return;
    }
    const made = this.#joined!.of(this.#sides!, input, rows.batch, change, (column) => this.#read.has(column));
    emit(this.#shown(made));
  }

  /** Rows of the batch that stand alone: those that meet nothing (`isForgotten`: also at their end), or (semi) something. */
  #emitByCount(rows: SideRows, input: number, selected: Selected, counts: number, isForgotten = false): void {
    const { unmet } = this.#shape.sides[input]!;
    if (unmet && this.#shape.unmetAtEnd && !isForgotten) return;
    const { first, second }: Divided = divideByCount(this.#context!.kernel, counts, selected);
    this.#emitAlone(rows, input, unmet ? first : second);
  }

  #emitAlone({ batch }: SideRows, input: number, selected: Selected): void {
    if (selected.selected === 0) return;
    const { left, right } = this.#node;
    const absent = this.#joined!.absent(input === 0 ? right.columns : left.columns, batch.rows);
    const columns = input === 0 ? [...batch.columns, ...absent] : [...absent, ...batch.columns];
    this.#context!.emit(this.#shown({ ...batch, ...selected, columns, origin: undefined, watermarks: 0 }));
  }

  /** A semi or anti join shows the columns of left alone. */
  #shown(batch: Batch): Batch {
    const { length } = this.#node.columns;
    return batch.columns.length === length ? batch : { ...batch, columns: batch.columns.slice(0, length) };
  }

  endEpoch(): void {}

  onWatermark(watermark: bigint): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    this.#sides!.forEach((side, input) => {
      this.#expire(side, input);
    });
  }

  #expire(side: JoinSide, input: number): void {
    const { expiry, unmet } = side.shape;
    if (expiry === undefined) return;
    const passed = side.store.passed(within(this.#watermark - expiry.keepUs));
    if (unmet && this.#shape.unmetAtEnd) {
      for (let bucket = 0; bucket < passed; bucket++) this.#emitBucket(side, input, bucket);
    }
    const gone = side.store.dropBuckets(passed);
    if (expiry.column === undefined) this.#forgotten += gone;
  }

  /** The rows of a bucket that met nothing. */
  #emitBucket(side: JoinSide, input: number, bucket: number): void {
    const { kernel, emit } = this.#context!;
    const position = kernel.arenaPosition();
    const { references, count } = side.store.uncounted(side.store.bucket(bucket));
    for (let from = 0; from < count; from += JOINED_ROWS_MAX) {
      const inner = kernel.arenaPosition();
      emit(this.#shown(this.#keptAlone(side, input, references + from * 4, Math.min(JOINED_ROWS_MAX, count - from))));
      kernel.arenaRewind(inner);
    }
    kernel.arenaRewind(position);
  }

  #keptAlone(side: JoinSide, input: number, references: number, rows: number): Batch {
    const list: RowList = { references, count: rows };
    const joined = this.#joined!;
    const own = side.columns.map((_, column) => side.gather(list, column));
    const absent = joined.absent(this.#joinedColumns, rows);
    const shift = input === 0 ? 0 : this.#node.left.columns.length;
    const columns = absent.map((none, at) => own[at - shift] ?? none);
    const times = side.store.times(list);
    return { rows, columns, selection: 0, selected: rows, weights: 0, origin: undefined, times, watermarks: 0 };
  }

  outputWatermark(watermark: bigint): bigint {
    const { holdUs } = this.#shape;
    if (watermark === WATERMARK_MAX) return watermark;
    return within(watermark - holdUs);
  }

  nextTimer(): bigint | undefined {
    if (!this.#shape.unmetAtEnd) return undefined;
    let least: bigint | undefined;
    for (const { store, shape } of this.#sides!) {
      if (!shape.unmet || shape.expiry === undefined) continue;
      const horizon = store.nextHorizon();
      if (horizon === undefined) continue;
      const timer = horizon + shape.expiry.keepUs;
      if (least === undefined || timer < least) least = timer;
    }
    return least;
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.stageSnapshot(false);
    while (staged.next(writer));
    staged.end();
  }

  stageSnapshot(delta: boolean): StagedSnapshot {
    const watermark = this.#watermark;
    const [forgotten, unknown] = [this.#forgotten, this.#unknown];
    return stageSides(this.#sides!, delta, (writer) => {
      writer.i64(watermark);
      writer.u64(forgotten);
      writer.u64(unknown);
    });
  }

  restore(reader: ByteReader): void {
    restoreSides(this.#sides!, reader, () => {
      this.#watermark = reader.i64();
      this.#forgotten = reader.u64();
      this.#unknown = reader.u64();
    });
  }

  close(): void {
    for (const side of this.#sides ?? []) side.close();
    this.#sides = undefined;
    this.#residual?.close();
    this.#joined?.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    const stores = this.#sides?.map((side) => side.store) ?? [];
    return {
      keys: stores.reduce((sum, store) => sum + store.rows, 0),
      bytes: stores.reduce((sum, store) => sum + store.bytes, 0),
    };
  }
}

function within(time: bigint): bigint {
  if (time > WATERMARK_MAX) return WATERMARK_MAX;
  return later(time, WATERMARK_MIN);
}
