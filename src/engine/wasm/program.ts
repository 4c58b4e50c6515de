import { type PhysicalType, physicalOf } from '../../kernel/column.ts';
import type { Column } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { ModuleBuilder } from './module-builder.ts';
import { NotCompilable } from './operand.ts';
import { ProgramMemory } from './program-memory.ts';
import { buildRowLoop, FRAME, type ProgramKind, ROW_LOOP_SIGNATURE, type RowLoopOptions } from './row-loop.ts';

/**
 * Who runs an expression: compiled code; compiled code that leaves some rows to the interpreter, by a condition in the
 * expression; or the interpreter alone.
 */
export type CompiledBy = 'wasm' | 'mixed' | 'interpreter';

export interface CompiledFunction {
  readonly name: string;
  /** It writes null flags. */
  readonly nullable: boolean;
}

/** One expression of a program that has compiled code. */
export interface CompiledExpression {
  readonly compiledBy: 'wasm' | 'mixed';
  readonly physical: PhysicalType;
  /** Input columns that it reads, and where the addresses of their data and nulls go, from the base. */
  readonly inputs: readonly { readonly index: number; readonly slot: number }[];
  /** For batches without nulls in those columns. */
  readonly dense: CompiledFunction;
  /** For all. */
  readonly general: CompiledFunction;
  /** It may leave rows to the interpreter. */
  readonly bails: boolean;
}

/** Expressions over the columns of one relation as one module; the same bytes for the same plan. */
export interface Program {
  readonly bytes: Uint8Array;
  readonly memory: ProgramMemory;
  /** Functions of the kernel to import. */
  readonly imports: readonly string[];
  /** Undefined where the interpreter runs alone, and for plain columns. */
  readonly expressions: readonly (CompiledExpression | undefined)[];
}

/** Larger and deeper expressions are interpreted: a function has a limited number of locals, and the compiler recurses. */
const EXPRESSION_NODES_MAX = 5000;
const EXPRESSION_DEPTH_MAX = 250;

/** Whether an expression has no more parts than `left`, nested no deeper than `depth`; the branches of a CASE nest. */
function isWithin(expression: Expression, left: { nodes: number }, depth: number): boolean {
  if (left.nodes-- === 0 || depth <= 0) return false;
  const nesting = expression.kind === 'case' ? expression.branches.length : 1;
  return partsOf(expression).every((part) => isWithin(part, left, depth - nesting));
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'call':
    case 'user-function':
      return expression.args;
    case 'cast':
      return [expression.input];
    case 'case':
      return [...expression.branches.flatMap((branch) => [branch.when, branch.then]), expression.otherwise];
    default:
      return [];
  }
}

/** Compiles what can be compiled. */
export function compileProgram(
  columns: readonly Column[],
  expressions: readonly Expression[],
  kind: ProgramKind,
): Program {
  const module = new ModuleBuilder();
  const memory = new ProgramMemory();
  memory.reserve(FRAME.bytes);
  const slots = new Map<number, number>();
  const compiled = expressions.map((expression, at) => {
    if (expression.kind === 'column' && kind === 'values') return undefined;
    return compileFunctions(`e${at}`, { module, memory, slots, columns, expression, kind });
  });
  return { bytes: module.encode(), memory, imports: module.imported, expressions: compiled };
}

/** The two functions of one expression; undefined when it has no WebAssembly form. */
function compileFunctions(name: string, options: RowLoopOptions): CompiledExpression | undefined {
  if (!isWithin(options.expression, { nodes: EXPRESSION_NODES_MAX }, EXPRESSION_DEPTH_MAX)) return undefined;
  try {
    const dense = buildRowLoop(options, false);
    const general = buildRowLoop(options, true);
    options.module.define(name, ROW_LOOP_SIGNATURE, dense.function);
    options.module.define(`${name}n`, ROW_LOOP_SIGNATURE, general.function);
    const inputs = new Map([...dense.inputs, ...general.inputs]);
    return {
      compiledBy: dense.interpreted || general.interpreted ? 'mixed' : 'wasm',
      physical: physicalOf(options.expression.type),
      inputs: [...inputs].map(([index, slot]) => ({ index, slot })),
      dense: { name, nullable: dense.nullable },
      general: { name: `${name}n`, nullable: general.nullable },
      bails: dense.bails || general.bails,
    };
  } catch (error) {
    if (error instanceof NotCompilable) return undefined;
    throw error;
  }
}

/** Who runs each of the expressions; a plain column costs nothing and counts as compiled. */
export function compiledBy(columns: readonly Column[], expressions: readonly Expression[]): readonly CompiledBy[] {
  const { expressions: compiled } = compileProgram(columns, expressions, 'values');
  return expressions.map((expression, at) =>
    expression.kind === 'column' ? 'wasm' : (compiled[at]?.compiledBy ?? 'interpreter'),
  );
}
