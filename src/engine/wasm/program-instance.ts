import { type ColumnVector, PHYSICAL_WIDTH } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Batch } from '../operator/batch.ts';
import type { CompiledExpression, Program } from './program.ts';
import { FRAME } from './row-loop.ts';

type RowLoopFunction = (count: number, selection: number) => number;

/** Where the results of one run lie; all in the arena. */
export interface Values {
  readonly data: number;
  readonly nulls: number;
  /** Some result is null. */
  readonly anyNull: boolean;
  /** Rows that the interpreter must look at: their results have no meaning yet. */
  readonly bailed: Uint32Array;
}

export interface KeptRows {
  /** Address of the numbers of the rows for which the predicate is true. */
  readonly selection: number;
  readonly selected: number;
  readonly bailed: Uint32Array;
}

const NO_ROWS = new Uint32Array(0);

/** A program in the memory of one kernel. */
export class ProgramInstance {
  readonly #kernel: Kernel;
  readonly #base: number;
  readonly #functions: Readonly<Record<string, RowLoopFunction>>;

  constructor(kernel: Kernel, program: Program) {
    this.#kernel = kernel;
    this.#base = program.memory.allocate(kernel);
    const functions = kernel.exports as unknown as Record<string, WebAssembly.ImportValue>;
    const env: Record<string, WebAssembly.ImportValue> = { memory: kernel.memory, base: this.#base };
    for (const name of program.imports) env[name] = functions[name]!;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(program.bytes), { env });
    this.#functions = instance.exports as Readonly<Record<string, RowLoopFunction>>;
  }

  /** To be called once per batch, before any expression runs over it. */
  begin(): void {
    this.#kernel.exports.textBegin();
  }

  /** Computes an expression for the rows of a batch that are alive; at least one is. */
  values(expression: CompiledExpression, batch: Batch, nowUs: bigint): Values {
    const kernel = this.#kernel;
    const bytes = batch.rows * PHYSICAL_WIDTH[expression.physical];
    const data = kernel.arenaAlloc(bytes);
    const nulls = kernel.arenaAlloc(batch.rows);
    const bailed = expression.bails ? kernel.arenaAlloc(batch.selected * 4) : 0;
    const nullable = this.#setFrame(expression, batch.columns, [data, nulls, bailed], nowUs);
    const { name, nullable: writesNulls } = nullable ? expression.general : expression.dense;
    const partial = batch.selected < batch.rows;
    // Rows that are not alive hold nothing that could mislead: empty texts, no nulls.
    if (partial) kernel.u8().fill(0, data, data + bytes);
    if (partial || !writesNulls) kernel.u8().fill(0, nulls, nulls + batch.rows);
    const anyNull = this.#functions[name]!(batch.selected, batch.selection) !== 0;
    return { data, nulls, anyNull, bailed: this.#bailedRows(expression, bailed) };
  }

  /** The rows of a batch for which the predicate is true. */
  select(expression: CompiledExpression, batch: Batch, nowUs: bigint): KeptRows {
    const kernel = this.#kernel;
    // One place more: the number of a row is written before it is known whether it stays.
    const selection = kernel.arenaAlloc((batch.selected + 1) * 4);
    const bailed = expression.bails ? kernel.arenaAlloc(batch.selected * 4) : 0;
    const nullable = this.#setFrame(expression, batch.columns, [selection, 0, bailed], nowUs);
    const { name } = nullable ? expression.general : expression.dense;
    const selected = this.#functions[name]!(batch.selected, batch.selection);
    return { selection, selected, bailed: this.#bailedRows(expression, bailed) };
  }

  /** Tells the function its addresses; whether an input has nulls. */
  #setFrame(
    expression: CompiledExpression,
    columns: readonly ColumnVector[],
    [data, nulls, bailed]: readonly [number, number, number],
    nowUs: bigint,
  ): boolean {
    const words = this.#kernel.u32();
    const base = this.#base >>> 2;
    words[base + FRAME.data / 4] = data;
    words[base + FRAME.nulls / 4] = nulls;
    words[base + FRAME.bailed / 4] = bailed;
    this.#kernel.i64()[(this.#base + FRAME.now) / 8] = nowUs;
    let nullable = false;
    for (const { index, slot } of expression.inputs) {
      const column = columns[index]!;
      words[base + slot / 4] = column.data;
      words[base + slot / 4 + 1] = column.nulls;
      nullable ||= column.nulls !== 0;
    }
    return nullable;
  }

  #bailedRows(expression: CompiledExpression, address: number): Uint32Array {
    if (!expression.bails) return NO_ROWS;
    const words = this.#kernel.u32();
    const count = words[(this.#base + FRAME.bailedCount) >>> 2]!;
    return count === 0 ? NO_ROWS : words.slice(address >>> 2, (address >>> 2) + count);
  }

  /** Gives the memory back; the program is not to run again. */
  close(): void {
    this.#kernel.free(this.#base);
  }
}
