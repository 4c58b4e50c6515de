import type { DataType } from '../data-type.ts';
import { arrayType, TYPE, typesEqual } from '../type-name.ts';
import type { FunctionOverload } from './overload.ts';

/**
 * What an argument of a generic function may be: one type, or, as PostgreSQL's pseudo-types (its manual, section 8.21), the
 * element type that all such places share, an array of it, or any type at all.
 */
export type Place = DataType | 'element' | 'array' | 'any';

/** A function that works for many types: an overload is made of it when the types are known. */
export interface GenericFunction {
  readonly name: string;
  readonly args: readonly Place[];
  /** The last argument may be repeated. */
  readonly variadic: boolean;
  readonly result: DataType | 'element' | 'array';
  readonly strict: boolean;
  readonly nullable: boolean;
  /** Called once per expression, with the element type and the types of all arguments. */
  readonly make: (element: DataType, types: readonly DataType[]) => FunctionOverload['apply'];
}

export function generic(
  name: string,
  args: readonly Place[],
  result: GenericFunction['result'],
  make: (element: DataType, types: readonly DataType[]) => (...values: never[]) => unknown,
  options: Partial<Pick<GenericFunction, 'variadic' | 'strict' | 'nullable'>> = {},
): GenericFunction {
  return Object.freeze({
    name,
    args: Object.freeze([...args]),
    variadic: options.variadic ?? false,
    result,
    strict: options.strict ?? true,
    nullable: options.nullable ?? false,
    make: make as GenericFunction['make'],
  });
}

/** The place of an argument by its position. */
export function placeAt(entry: GenericFunction, index: number): Place {
  return entry.args[Math.min(index, entry.args.length - 1)]!;
}

export function takesCount(entry: { args: readonly unknown[]; variadic: boolean }, count: number): boolean {
  return entry.variadic ? count >= entry.args.length : count === entry.args.length;
}

/** The overload for exactly these types, or undefined when they do not fit. */
export function instantiate(entry: GenericFunction, types: readonly DataType[]): FunctionOverload | undefined {
  if (!takesCount(entry, types.length)) return undefined;
  let element: DataType | undefined;
  for (const [index, type] of types.entries()) {
    const place = placeAt(entry, index);
    if (place === 'any') continue;
    if (typeof place === 'object') {
      if (!typesEqual(place, type)) return undefined;
      continue;
    }
    if (place === 'array' && type.kind !== 'array') return undefined;
    const found = place === 'array' && type.kind === 'array' ? type.element : type;
    if (element !== undefined && !typesEqual(element, found)) return undefined;
    element = found;
  }
  const settled = element ?? TYPE.text;
  return Object.freeze({
    name: entry.name,
    args: types,
    variadic: false,
    result: resultOf(entry, settled),
    volatility: 'immutable',
    strict: entry.strict,
    nullable: entry.nullable,
    apply: entry.make(settled, types),
  });
}

function resultOf(entry: GenericFunction, element: DataType): DataType {
  if (typeof entry.result === 'object') return entry.result;
  return entry.result === 'array' ? arrayType(element) : element;
}
