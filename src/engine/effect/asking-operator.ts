import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { HeadraceError, messageOf } from '../../base/error.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { PlanNode, SourceNode } from '../../plan/node.ts';
import { valueToText } from '../../plan/value/value-text.ts';
import { WAITING_BYTES_MAX, WAITING_ROWS_MAX } from '../limits.ts';
import { type Batch, later, WATERMARK_MIN } from '../operator/batch.ts';
import { columnOfValues, forEachRow, selectionOf, weightOf } from '../operator/column-access.ts';
import type { Operator, OperatorContext, RowLetter } from '../operator/operator.ts';
import { RowReader, rowKey } from '../operator/row-batch.ts';
import { AnswerSlots, isAnswered, type Question, type Slot } from './answer-slots.ts';
import { functionStopped } from './call-failure.ts';
import type { Answer, Asking, AskTarget, Effect } from './effect.ts';
import { type HeldRow, heldBytes, RowHolder, sameOrigin } from './held-row.ts';
import { SlotMemory } from './slot-memory.ts';

/** What one call of a row needs: its arguments, or the answer where none is to be made. */
export type Prepared = { readonly args: readonly unknown[] } | { readonly answer: Answer };

/** What the answers of a row make of it. */
export type Finished =
  | { readonly kind: 'row'; readonly values: readonly unknown[] }
  | { readonly kind: 'drop' }
  | { readonly kind: 'failed'; readonly message: string; readonly stops: boolean };

export interface AskingSpec {
  readonly node: PlanNode & { readonly input: PlanNode };
  readonly sources: readonly SourceNode[];
  /** No row of the input is ever taken back. */
  readonly appendOnly: boolean;
  /** Equal rows have equal results. */
  readonly reuse: boolean;
  readonly targets: readonly AskTarget[];
  /** Types of the arguments, by call. */
  readonly argTypes: readonly (readonly DataType[])[];
  /** Calls that are answered at once, on the task's own thread. */
  readonly immediate: readonly boolean[];
  readonly reason: RowLetter['reason'];
}

/**
 * Appends columns whose values come from outside of the task. Its rows wait in their order until the answers have entered with an
 * epoch; these are in the journal record of that epoch, so that a replay comes to the same without asking. What is answered at once is
 * journaled with the epoch of the row. A row that is taken back gets the answers that it had. Those that follow see no watermark beyond
 * a row that waits.
 */
export abstract class AskingOperator implements Operator {
  readonly asking: Asking;
  readonly #spec: AskingSpec;
  readonly #types: readonly DataType[];
  readonly #appended: readonly DataType[];
  readonly #isImmediate: boolean;
  readonly #slots = new AnswerSlots();
  readonly #memory = new SlotMemory();
  #context: OperatorContext | undefined;
  #reader: RowReader | undefined;
  #holder: RowHolder | undefined;
  #queue: { readonly row: HeldRow; readonly slot: Slot; readonly hold: bigint }[] = [];
  #queueBytes = 0;
  #taken: Effect[] = [];
  #given: Map<string, Answer> | undefined;
  #watermark = WATERMARK_MIN;
  #passed = WATERMARK_MIN;

  constructor(spec: AskingSpec) {
    this.#spec = spec;
    const { columns } = spec.node;
    const width = spec.node.input.columns.length;
    this.#types = columns.slice(0, width).map((column) => column.type);
    this.#appended = columns.slice(width).map((column) => column.type);
    this.#isImmediate = spec.immediate.every((now) => now);
    this.asking = this.#askingSide();
  }

  #askingSide(): Asking {
    const isFull = (): boolean => this.#queue.length >= WAITING_ROWS_MAX || this.#queueBytes >= WAITING_BYTES_MAX;
    const waiting = (): number => this.#queue.length;
    return {
      targets: this.#spec.targets,
      begin: (effects, replay) => this.#begin(effects, replay),
      taken: () => {
        const taken = this.#taken;
        this.#taken = [];
        return taken;
      },
      asks: () => this.#slots.asks(),
      get waiting() {
        return waiting();
      },
      get isFull() {
        return isFull();
      },
    };
  }

  /** Called for each row, before anything is asked; what it throws makes a dead letter. */
  protected abstract prepare(batch: Batch, row: number): readonly Prepared[];
  /** The answer of a call that is made at once. */
  protected abstract answerNow(call: number, args: readonly unknown[]): Answer;
  protected abstract finish(answers: readonly Answer[]): Finished;

  protected get context(): OperatorContext {
    return this.#context!;
  }

  open(context: OperatorContext): void {
    const { columns } = this.#spec.node.input;
    this.#context = context;
    this.#reader = new RowReader(context.kernel, columns);
    this.#holder = new RowHolder(context.kernel, columns, this.#spec.sources);
  }

  #begin(effects: readonly Effect[], replay: boolean): void {
    this.#given = replay ? new Map() : undefined;
    for (const effect of effects) {
      if (this.#slots.answer(effect)) this.#taken.push(effect);
      else this.#given?.set(`${effect[0]}:${effect[1]}`, effect[2]);
    }
  }

  processBatch(batch: Batch): void {
    if (this.#isImmediate) this.#answerBatch(batch);
    else {
      this.#hold(batch);
      this.#drain();
    }
  }

  /** Every answer is there at once: the batch goes on with more columns. */
  #answerBatch(batch: Batch): void {
    const { kernel, emit } = this.context;
    const values: (readonly unknown[] | undefined)[] = new Array(batch.rows).fill(undefined);
    const alive: number[] = [];
    forEachRow(kernel, batch, (at) => {
      const slot = this.#slotOf(batch, at, () => this.#reader!.values(batch, at));
      if (slot === undefined) return;
      const finished = this.#finish(slot);
      if (finished.kind === 'failed') this.#refuse(finished, batch, at);
      if (finished.kind !== 'row') return;
      values[at] = finished.values;
      alive.push(at);
    });
    if (alive.length === 0) return;
    const made = this.#appended.map((type, i) =>
      columnOfValues(
        kernel,
        type,
        values.map((row) => row?.[i]),
        batch.rows,
      ),
    );
    const rest =
      alive.length === batch.selected ? {} : { selection: selectionOf(kernel, alive), selected: alive.length };
    emit({ ...batch, ...rest, columns: [...batch.columns, ...made] });
  }

  #hold(batch: Batch): void {
    this.#holder!.forEach(batch, (row, at) => {
      const slot = this.#slotOf(batch, at, () => row.values);
      if (slot === undefined) return;
      this.#queue.push({ row, slot, hold: holdOf(row, this.#watermark) });
      this.#queueBytes += heldBytes(row);
    });
  }

  #slotOf(batch: Batch, at: number, values: () => readonly unknown[]): Slot | undefined {
    let prepared: readonly Prepared[];
    try {
      prepared = this.prepare(batch, at);
    } catch (error) {
      this.context.deadLetter({ reason: 'expression', message: messageOf(error), batch, row: at });
      return undefined;
    }
    const make = (): Slot => this.#slots.make(prepared.map((one, call) => this.#question(one, call)));
    if (this.#spec.appendOnly) return make();
    const sign = weightOf(this.context.kernel, batch, at) > 0 ? 1 : -1;
    return this.#memory.slot(rowKey(values(), this.#types), sign, this.#spec.reuse, make);
  }

  #question(prepared: Prepared, call: number): Question {
    if ('answer' in prepared) return prepared;
    if (this.#spec.immediate[call]) return { answer: this.#decide(call, prepared.args) };
    const types = this.#spec.argTypes[call]!;
    return { args: prepared.args.map((arg, i) => (arg === null ? null : valueToText(arg, types[i]!))) };
  }

  /** Journaled at once; in a replay what was journaled. */
  #decide(call: number, args: readonly unknown[]): Answer {
    const id = this.#slots.next;
    const given = this.#given?.get(`${id}:${call}`);
    if (this.#given !== undefined && given === undefined) throw notJournaled(id);
    const answer = given ?? this.answerNow(call, args);
    this.#taken.push([id, call, answer]);
    return answer;
  }

  #finish({ answers }: Slot): Finished {
    return this.finish(answers as readonly Answer[]);
  }

  #refuse({ message, stops }: Finished & { kind: 'failed' }, batch: Batch, row: number): void {
    if (stops) throw functionStopped(message);
    this.context.deadLetter({ reason: this.#spec.reason, message, batch, row });
  }

  /** Hands on the rows that nothing before them waits for. */
  #drain(): void {
    let run: HeldRow[] = [];
    let values: (readonly unknown[])[] = [];
    const flush = (): void => {
      if (run.length > 0) this.context.emit(this.#holder!.batch(run, this.#appended, values));
      run = [];
      values = [];
    };
    let count = 0;
    for (const { row, slot } of this.#queue) {
      if (!isAnswered(slot)) break;
      count++;
      this.#queueBytes -= heldBytes(row);
      const finished = this.#finish(slot);
      if (run.length > 0 && (finished.kind === 'failed' || !sameOrigin(run[0]!, row))) flush();
      if (finished.kind === 'failed') this.#refuse(finished, this.#holder!.batch([row], [], []), 0);
      if (finished.kind !== 'row') continue;
      run.push(row);
      values.push(finished.values);
    }
    this.#queue.splice(0, count);
    flush();
  }

  endEpoch(): void {
    this.#drain();
  }

  onWatermark(watermark: bigint): void {
    this.#watermark = watermark;
    this.#passed = this.outputWatermark(watermark);
  }

  outputWatermark(watermark: bigint): bigint {
    let least = watermark;
    for (const { hold } of this.#queue) if (hold < least) least = hold;
    return later(least, this.#passed);
  }

  nextTimer(): undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    const slots = new Set<Slot>(this.#memory.slots());
    for (const { slot } of this.#queue) slots.add(slot);
    this.#slots.write(writer, slots);
    this.#memory.write(writer);
    writer.i64(this.#watermark);
    writer.i64(this.#passed);
    writer.varint(this.#queue.length);
    for (const { row, slot, hold } of this.#queue) {
      writer.u64(slot.id);
      writer.i64(hold);
      this.#holder!.write(writer, row);
    }
  }

  restore(reader: ByteReader): void {
    const slots = this.#slots.read(reader);
    this.#memory.read(reader, slots);
    this.#watermark = reader.i64();
    this.#passed = reader.i64();
    this.#queue = [];
    this.#queueBytes = 0;
    for (let count = reader.unsigned(); count > 0; count--) {
      const slot = slots.get(reader.u64())!;
      const hold = reader.i64();
      const row = this.#holder!.read(reader);
      this.#queue.push({ row, slot, hold });
      this.#queueBytes += heldBytes(row);
    }
  }

  close(): void {
    this.#queue = [];
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#queue.length + this.#memory.size, bytes: this.#queueBytes };
  }
}

/** How far event time may be trusted while the row waits: its windows, which its own partition had not closed, must stay open. */
function holdOf({ time, watermark }: HeldRow, current: bigint): bigint {
  if (time === undefined) return current;
  return watermark !== undefined && watermark > time ? watermark : time;
}

function notJournaled(slot: number): HeadraceError {
  return new HeadraceError(`replaying a call: the result of row ${slot} is not in the journal`, {
    code: 'ENGINE_REPLAY_MISMATCH',
    domain: 'engine',
    next: 'rebuild the pipeline from the start of its inputs',
  });
}
