import type { DataType } from '../data-type.ts';
import { TYPE, type TypeKind } from '../type-name.ts';

/** Immutable: the arguments decide; stable: and the epoch's clock reading; volatile: may differ from row to row. */
export type Volatility = 'immutable' | 'stable' | 'volatile';

/** What a scalar function may know besides its arguments. */
export interface EvaluationContext {
  /** The clock reading of the epoch or query, µs since the Unix epoch: what `now()` gives. */
  readonly nowUs: bigint;
  /** Finds a user function; called once per expression. */
  readonly userFunction?: (module: string, exportName: string) => (...values: readonly unknown[]) => unknown;
}

/** One overload of a built-in function. */
export interface FunctionOverload {
  readonly name: string;
  readonly args: readonly DataType[];
  /** The last argument may be repeated. */
  readonly variadic: boolean;
  readonly result: DataType;
  readonly volatility: Volatility;
  /** A null argument makes the result null, and `apply` is never called with one. */
  readonly strict: boolean;
  readonly apply: (...values: readonly unknown[]) => unknown;
}

/**
 * Declares a strict, immutable overload. The parameter types of `apply` are the JavaScript types of `args` (data-type.ts):
 * the one place where that correspondence is taken on trust.
 */
export function overload<Values extends readonly unknown[]>(
  name: string,
  args: readonly TypeKind[],
  result: TypeKind,
  apply: (...values: Values) => unknown,
  options: Partial<Pick<FunctionOverload, 'variadic' | 'volatility' | 'strict'>> = {},
): FunctionOverload {
  return Object.freeze({
    name,
    args: Object.freeze(args.map(simpleType)),
    variadic: options.variadic ?? false,
    result: simpleType(result),
    volatility: options.volatility ?? 'immutable',
    strict: options.strict ?? true,
    apply: apply as unknown as FunctionOverload['apply'],
  });
}

function simpleType(kind: TypeKind): DataType {
  return kind === 'array' ? { kind: 'array', element: TYPE.text } : TYPE[kind];
}
