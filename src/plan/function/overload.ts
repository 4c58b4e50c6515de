import type { CallOptions } from '../call-options.ts';
import type { DataType } from '../data-type.ts';
import { TYPE, type TypeKind } from '../type-name.ts';

/** Immutable: the arguments decide; stable: and the epoch's clock reading; volatile: may differ from row to row. */
export type Volatility = 'immutable' | 'stable' | 'volatile';

/** What a scalar function may know besides its arguments. */
export interface EvaluationContext {
  /** The clock reading of the epoch or query, µs since the Unix epoch: what `now()` gives. */
  readonly nowUs: bigint;
  /** Finds a user function; called once per expression. */
  readonly userFunction?: (
    module: string,
    exportName: string,
    options?: CallOptions,
  ) => (...values: readonly unknown[]) => unknown;
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
  /** The result may be null although no argument is. */
  readonly nullable: boolean;
  readonly apply: (...values: readonly unknown[]) => unknown;
}

/** A type by its name; `text[]` for an array of it. */
type TypeWord = Exclude<TypeKind, 'array'> | `${Exclude<TypeKind, 'array'>}[]`;

/**
 * Declares a strict, immutable overload. The parameter types of `apply` are the JavaScript types of `args` (data-type.ts):
 * the one place where that correspondence is taken on trust.
 */
export function overload<Values extends readonly unknown[]>(
  name: string,
  args: readonly TypeWord[],
  result: TypeWord,
  apply: (...values: Values) => unknown,
  options: Partial<Pick<FunctionOverload, 'variadic' | 'volatility' | 'strict' | 'nullable'>> = {},
): FunctionOverload {
  return Object.freeze({
    name,
    args: Object.freeze(args.map(typeOfWord)),
    variadic: options.variadic ?? false,
    result: typeOfWord(result),
    volatility: options.volatility ?? 'immutable',
    strict: options.strict ?? true,
    nullable: options.nullable ?? false,
    apply: apply as unknown as FunctionOverload['apply'],
  });
}

/** For an overload whose result may be null although no argument is. */
export const NULLABLE = { nullable: true } as const;

export function typeOfWord(word: TypeWord): DataType {
  if (!word.endsWith('[]')) return TYPE[word as keyof typeof TYPE];
  return Object.freeze({ kind: 'array', element: TYPE[word.slice(0, -2) as keyof typeof TYPE] });
}
