import type { Expression } from '../../plan/expression.ts';
import type { Label } from './code-sink.ts';
import { branch, branchIf, type Code, drop, i32, ifElse, type Statement, type ValueType } from './instruction.ts';
import type { FunctionBuilder, Local, ModuleBuilder } from './module-builder.ts';
import { NotCompilable, type Operand } from './operand.ts';
import type { ProgramMemory } from './program-memory.ts';

/** Functions of the kernel that emitted code calls, by name: `kernel/function-exports.ts` and `kernel/exports.ts`. */
export type KernelFunction =
  | keyof import('../../kernel/function-exports.ts').FunctionExports
  | 'equalBytes'
  | 'equalStr';

/** Statements that were made apart, to be put where they belong. */
export interface Captured<Result> {
  readonly statements: readonly Statement[];
  readonly result: Result;
  /** They may leave the row to the interpreter. */
  readonly bails: boolean;
  /** They call a function: worth a branch to skip. */
  readonly calls: boolean;
}

interface Scope {
  readonly statements: Statement[];
  /** By expression; a column by its position, since each mention is an object of its own. */
  readonly known: Map<Expression | number, Operand>;
  bails: boolean;
  calls: boolean;
}

export interface EmitterOptions {
  readonly module: ModuleBuilder;
  readonly function: FunctionBuilder;
  readonly memory: ProgramMemory;
  /** Where a row goes that the interpreter must look at. */
  readonly bail: Label;
  /** The input column's value for the row at hand. */
  readonly column: (emitter: Emitter, index: number, expression: Expression) => Operand;
  readonly compile: (emitter: Emitter, expression: Expression) => Operand;
  /** The epoch's clock reading, µs. */
  readonly now: Code<'i64'>;
}

/**
 * Makes the body of a row. Statements go to the innermost scope; a scope is captured apart where evaluation depends on
 * a condition. What an expression needs of the interpreter it gets by *bailing*: the row is listed, and the interpreter
 * evaluates the whole expression for it. So to bail more often than needed is slow, never wrong.
 */
export class Emitter {
  readonly #options: EmitterOptions;
  readonly #scopes: Scope[] = [{ statements: [], known: new Map(), bails: false, calls: false }];
  #interpreted = false;

  constructor(options: EmitterOptions) {
    this.#options = options;
  }

  /** Some part, not always reached, is left to the interpreter. */
  get interpreted(): boolean {
    return this.#interpreted;
  }

  get now(): Code<'i64'> {
    return this.#options.now;
  }

  get statements(): readonly Statement[] {
    return this.#scopes[0]!.statements;
  }

  get #scope(): Scope {
    return this.#scopes[this.#scopes.length - 1]!;
  }

  /** The operand of an expression; computed once in a scope and those within. @throws NotCompilable */
  compile(expression: Expression): Operand {
    const key = expression.kind === 'column' ? expression.index : expression;
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const known = this.#scopes[i]!.known.get(key);
      if (known !== undefined) return known;
    }
    const operand =
      expression.kind === 'column'
        ? this.#options.column(this, expression.index, expression)
        : this.#options.compile(this, expression);
    this.#scope.known.set(key, operand);
    return operand;
  }

  capture<Result>(make: () => Result): Captured<Result> {
    const scope: Scope = { statements: [], known: new Map(), bails: false, calls: false };
    this.#scopes.push(scope);
    try {
      const result = make();
      return { statements: scope.statements, result, bails: scope.bails, calls: scope.calls };
    } finally {
      this.#scopes.pop();
    }
  }

  /** As {@link capture}; where there is no WebAssembly form, the row bails when it comes there: the result is undefined. */
  captureOrBail<Result>(make: () => Result): Captured<Result | undefined> {
    try {
      return this.capture(make);
    } catch (error) {
      if (!(error instanceof NotCompilable)) throw error;
      this.#interpreted = true;
      return { statements: [branch(this.#options.bail)], result: undefined, bails: true, calls: false };
    }
  }

  push(statement: Statement): void {
    this.#scope.statements.push(statement);
  }

  append(captured: Captured<unknown>): void {
    const scope = this.#scope;
    scope.statements.push(...captured.statements);
    scope.bails ||= captured.bails;
    scope.calls ||= captured.calls;
  }

  /** Runs captured statements only when the condition holds. */
  when(condition: Code<'i32'>, yes: Captured<unknown>, no?: Captured<unknown>): void {
    const scope = this.#scope;
    scope.statements.push(ifElse(condition, yes.statements, no?.statements ?? []));
    for (const captured of [yes, no]) {
      scope.bails ||= captured?.bails ?? false;
      scope.calls ||= captured?.calls ?? false;
    }
  }

  local<Type extends ValueType>(type: Type): Local<Type> {
    return this.#options.function.local(type);
  }

  /** Computes a value once, here. */
  keep<Type extends ValueType>(value: Code<Type>): Code<Type> {
    const local = this.local(value.type);
    this.push(local.set(value));
    return local.get;
  }

  /** Leaves the row to the interpreter when the condition holds. */
  bailIf(condition: Code<'i32'>): void {
    this.push(branchIf(this.#options.bail, condition));
    this.#scope.bails = true;
  }

  /** A call of a function of the kernel. */
  call<Result extends ValueType>(name: KernelFunction, args: readonly Code<ValueType>[], result: Result): Code<Result> {
    this.#scope.calls = true;
    return this.#options.module.call(name, args, result);
  }

  /** A call whose result goes to a reference. */
  callInto(name: KernelFunction, args: readonly Code<ValueType>[]): void {
    this.#scope.calls = true;
    this.push(this.#options.module.call(name, args, 'none'));
  }

  /** Calls what answers 0 when it leaves the row to the interpreter. */
  callOrBail(name: KernelFunction, args: readonly Code<ValueType>[]): void {
    this.bailIf(i32.eqz(this.call(name, args, 'i32')));
  }

  /** Room for one reference, for the result of one place in the expression. */
  reference(): Code<'i32'> {
    return this.address(this.#options.memory.reserve(16));
  }

  /** The address of a constant text's reference. */
  text(bytes: Uint8Array): Code<'i32'> {
    return this.address(this.#options.memory.text(bytes));
  }

  /** The address of constant bytes. */
  bytes(bytes: Uint8Array): Code<'i32'> {
    return this.address(this.#options.memory.text(bytes) + 16);
  }

  doubles(values: readonly number[]): Code<'i32'> {
    return this.address(this.#options.memory.doubles(values));
  }

  address(offset: number): Code<'i32'> {
    return i32.add(this.#options.module.base, i32.const(offset));
  }

  discard(value: Code<ValueType>): void {
    this.push(drop(value));
  }
}
