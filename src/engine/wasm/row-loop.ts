import { PHYSICAL_WIDTH, type PhysicalType, physicalOf } from '../../kernel/column.ts';
import type { Column, DataType } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { Label } from './code-sink.ts';
import { fitNumeric } from './emit-numeric.ts';
import { emitGuarded, isTrue } from './emit-strict.ts';
import { Emitter } from './emitter.ts';
import { compileOperand } from './expression-compiler.ts';
import {
  block,
  branch,
  branchIf,
  type Code,
  f64,
  i32,
  i64,
  ifElse,
  loop,
  type Statement,
  select,
} from './instruction.ts';
import { FunctionBuilder, type Local, type ModuleBuilder, type Signature } from './module-builder.ts';
import {
  asDecimal,
  asF64,
  asI32,
  asI64,
  asText,
  decimalOperand,
  f64Operand,
  i32Operand,
  i64Operand,
  notCompilable,
  ONE,
  type Operand,
  textOperand,
  ZERO,
  ZERO64,
} from './operand.ts';
import type { ProgramMemory } from './program-memory.ts';

/** The start of a program's memory: what a function is told, and tells. */
export const FRAME = {
  /** Address of the results, or of the row numbers that a predicate keeps. */
  data: 0,
  nulls: 4,
  /** Address of the numbers of the rows that are left to the interpreter. */
  bailed: 8,
  /** Told: how many of them. */
  bailedCount: 12,
  /** The clock reading, µs. */
  now: 16,
  bytes: 32,
} as const;

/** Parameters: number of rows alive (at least one), address of their numbers or 0. Result: see {@link buildRowLoop}. */
export const ROW_LOOP_SIGNATURE: Signature = { parameters: ['i32', 'i32'], result: 'i32' };

/** Values are written to columns; a predicate lists the rows for which it is true. */
export type ProgramKind = 'values' | 'predicate';

export interface RowLoopOptions {
  readonly module: ModuleBuilder;
  readonly memory: ProgramMemory;
  /** Where the addresses of an input column go, by its position. */
  readonly slots: Map<number, number>;
  readonly columns: readonly Column[];
  readonly expression: Expression;
  readonly kind: ProgramKind;
}

export interface RowLoop {
  readonly function: FunctionBuilder;
  readonly inputs: ReadonlyMap<number, number>;
  readonly bails: boolean;
  readonly interpreted: boolean;
  /** It writes null flags. */
  readonly nullable: boolean;
}

/**
 * A function that goes over the rows of a batch. For values it writes results and null flags, and returns 1 if any is null;
 * for a predicate it writes the numbers of the rows for which it is true, and returns how many. `nullable`: the input
 * columns may hold nulls.
 *
 * @throws NotCompilable
 */
export function buildRowLoop(options: RowLoopOptions, nullable: boolean): RowLoop {
  return new RowLoopBuilder(options, nullable).build();
}

interface Input {
  readonly slot: number;
  readonly data: Local<'i32'>;
  readonly nulls: Local<'i32'>;
  readonly hasNulls: Local<'i32'>;
}

class RowLoopBuilder {
  readonly #options: RowLoopOptions;
  readonly #nullable: boolean;
  readonly #function = new FunctionBuilder(ROW_LOOP_SIGNATURE.parameters);
  readonly #inputs = new Map<number, Input>();
  readonly #row = this.#function.local('i32');
  readonly #data = this.#function.local('i32');
  readonly #nulls = this.#function.local('i32');
  readonly #now = this.#function.local('i64');
  /** Rows that a predicate kept, or whether a result was null. */
  readonly #result = this.#function.local('i32');
  readonly #bail = new Label('bail');

  constructor(options: RowLoopOptions, nullable: boolean) {
    this.#options = options;
    this.#nullable = nullable;
  }

  build(): RowLoop {
    const { expression, kind } = this.#options;
    const emitter = new Emitter({
      ...this.#options,
      function: this.#function,
      bail: this.#bail,
      column: (inner, index) => this.#column(inner, index),
      compile: compileOperand,
      now: this.#now.get,
    });
    const body = emitter.capture(() => {
      const operand = emitter.compile(expression);
      if (kind === 'predicate') this.#keepRow(emitter, operand);
      else this.#storeValue(emitter, operand, expression.type);
      return operand.isNull !== undefined;
    });
    this.#loop(body.statements);
    const inputs = new Map([...this.#inputs].map(([index, { slot }]) => [index, slot]));
    const { bails, result: nullable } = body;
    return { function: this.#function, inputs, bails, interpreted: emitter.interpreted, nullable };
  }

  #loop(row: readonly Statement[]): void {
    const base = this.#options.module.base;
    const count = this.#function.parameter(0, 'i32');
    const selection = this.#function.parameter(1, 'i32');
    const at = this.#function.local('i32');
    const bailed = this.#function.local('i32');
    const bailedCount = this.#function.local('i32');
    const [next, done] = [new Label('next row'), new Label('row done')];
    const word = (index: Code<'i32'>): Code<'i32'> => i32.shl(index, i32.const(2));
    this.#function.body.push(
      ...this.#prologue(),
      bailed.set(i32.load(base, FRAME.bailed)),
      loop(next, [
        ifElse(selection.get, [this.#row.set(i32.load(i32.add(selection.get, word(at.get))))], [this.#row.set(at.get)]),
        block(done, [
          block(this.#bail, [...row, branch(done)]),
          i32.store(i32.add(bailed.get, word(bailedCount.get)), this.#row.get),
          bailedCount.set(i32.add(bailedCount.get, ONE)),
        ]),
        at.set(i32.add(at.get, ONE)),
        branchIf(next, i32.lt(at.get, count.get)),
      ]),
      i32.store(base, bailedCount.get, FRAME.bailedCount),
      this.#result.get,
    );
  }

  /** Addresses are read once. */
  #prologue(): Statement[] {
    const base = this.#options.module.base;
    const statements = [
      this.#data.set(i32.load(base, FRAME.data)),
      this.#nulls.set(i32.load(base, FRAME.nulls)),
      this.#now.set(i64.load(base, FRAME.now)),
    ];
    for (const { slot, data, nulls, hasNulls } of this.#inputs.values()) {
      statements.push(data.set(i32.load(base, slot)));
      if (!this.#nullable) continue;
      statements.push(nulls.set(i32.load(base, slot + 4)), hasNulls.set(i32.ne(nulls.get, ZERO)));
    }
    return statements;
  }

  #inputOf(index: number): Input {
    const known = this.#inputs.get(index);
    if (known !== undefined) return known;
    const { slots, memory } = this.#options;
    const slot = slots.get(index) ?? memory.reserve(8);
    slots.set(index, slot);
    const local = (): Local<'i32'> => this.#function.local('i32');
    const input = { slot, data: local(), nulls: local(), hasNulls: local() };
    this.#inputs.set(index, input);
    return input;
  }

  /** The value of an input column. */
  #column(emitter: Emitter, index: number): Operand {
    const { type } = this.#options.columns[index]!;
    const { data, nulls, hasNulls } = this.#inputOf(index);
    // Without null flags the byte at the row's number is read, which is somewhere in memory, and not minded.
    const isNull = this.#nullable
      ? emitter.keep(i32.and(i32.load8u(i32.add(nulls.get, this.#row.get)), hasNulls.get))
      : undefined;
    const physical = physicalOf(type);
    const address = i32.add(data.get, this.#offset(physical));
    switch (physical) {
      case 'i32':
        return i32Operand(emitter.keep(i32.load(address)), isNull);
      case 'f64':
        return f64Operand(emitter.keep(f64.load(address)), isNull);
      case 'str':
        // A numeric of any precision is its text: a reference that no arithmetic takes.
        return textOperand(emitter.keep(address), isNull);
      case 'i64': {
        const value = emitter.keep(i64.load(address));
        if (type.kind !== 'numeric') return i64Operand(value, isNull);
        return decimalOperand(value, type.scale ?? 0, 10n ** BigInt(type.precision!) - 1n, isNull);
      }
    }
  }

  #offset(physical: PhysicalType): Code<'i32'> {
    return i32.shl(this.#row.get, i32.const(Math.log2(PHYSICAL_WIDTH[physical])));
  }

  #keepRow(emitter: Emitter, operand: Operand): void {
    asI32(operand);
    const end = i32.add(this.#data.get, i32.shl(this.#result.get, i32.const(2)));
    emitter.push(i32.store(end, this.#row.get));
    emitter.push(this.#result.set(i32.add(this.#result.get, isTrue(operand))));
  }

  /** Writes the value to its column, zero for a null. */
  #storeValue(emitter: Emitter, computed: Operand, type: DataType): void {
    const physical = physicalOf(type);
    const operand = emitGuarded(emitter, computed.isNull, () => stored(emitter, computed, type));
    const { isNull } = operand;
    const address = i32.add(this.#data.get, this.#offset(physical));
    const orZero = <Type extends 'i32' | 'i64' | 'f64'>(value: Code<Type>, zero: Code<Type>): Code<Type> =>
      isNull === undefined ? value : select(zero, value, isNull);
    switch (physical) {
      case 'i32':
        emitter.push(i32.store(address, orZero(asI32(operand), ZERO)));
        break;
      case 'i64':
        emitter.push(i64.store(address, orZero(asI64(operand), ZERO64)));
        break;
      case 'f64':
        emitter.push(f64.store(address, orZero(asF64(operand), f64.const(0))));
        break;
      case 'str': {
        const reference = emitter.keep(orZero(asText(operand), emitter.text(new Uint8Array(0))));
        const target = emitter.keep(address);
        emitter.push(i64.store(target, i64.load(reference)));
        emitter.push(i64.store(target, i64.load(reference, 8), 8));
      }
    }
    if (isNull === undefined) return;
    emitter.push(i32.store8(i32.add(this.#nulls.get, this.#row.get), isNull));
    emitter.push(this.#result.set(i32.or(this.#result.get, isNull)));
  }
}

/** A value in the form that a column of its type has. */
function stored(emitter: Emitter, operand: Operand, type: DataType): Operand {
  if (type.kind !== 'numeric' || operand.physical === 'str') {
    if (operand.physical === 'interval') return notCompilable('an interval as a result');
    return { ...operand, isNull: undefined };
  }
  const decimal = asDecimal(operand);
  if (physicalOf(type) === 'i64') {
    const { value, scale, bound } = fitNumeric(emitter, decimal, type);
    return decimalOperand(value, scale, bound, undefined);
  }
  const out = emitter.reference();
  emitter.callInto('decimalText', [decimal.value, i32.const(decimal.scale), out]);
  return textOperand(out, undefined);
}
