import type { DataType } from './data-type.ts';
import { ARITHMETIC } from './function/arithmetic.ts';
import { ARRAY_FUNCTIONS, ARRAY_GENERICS } from './function/array.ts';
import { BITWISE } from './function/bitwise.ts';
import { BYTE_FUNCTIONS } from './function/bytes.ts';
import { COMPARISON_NAMES, comparison, isComparison } from './function/comparison.ts';
import { type GenericFunction, instantiate, takesCount } from './function/generic.ts';
import { INTERVAL_FUNCTIONS } from './function/interval.ts';
import { JSON_FUNCTIONS, JSON_GENERICS } from './function/json.ts';
import { MATHEMATICS, MATHEMATICS_GENERICS } from './function/mathematics.ts';
import { GEOGRAPHY_FUNCTIONS, NETWORK_FUNCTIONS } from './function/network.ts';
import { NUMBER_FORMAT_FUNCTIONS } from './function/number-format.ts';
import type { FunctionOverload } from './function/overload.ts';
import { REGULAR_EXPRESSION_FUNCTIONS } from './function/regular-expression.ts';
import { TEXT_FUNCTIONS, TEXT_GENERICS } from './function/text.ts';
import { TIME_FUNCTIONS, TIME_GENERICS } from './function/time.ts';
import { TIME_FORMAT_FUNCTIONS } from './function/time-format.ts';
import { TRIGONOMETRY } from './function/trigonometry.ts';
import { URL_FUNCTIONS } from './function/url.ts';
import { USER_AGENT_FUNCTIONS } from './function/user-agent.ts';
import { typesEqual } from './type-name.ts';

export type { EvaluationContext, FunctionOverload } from './function/overload.ts';

/**
 * The catalogue of built-in functions and operators: what a {@link CallExpression} may name.
 *
 * - Forms, which take any type and treat null in their own way: `and or` (two or more arguments), `not`, `is_null is_not_null`,
 *   `is_true is_not_true is_false is_not_false`, `is_distinct_from is_not_distinct_from`, `coalesce nullif greatest least`.
 * - Comparisons of two values of the same type: `eq ne lt le gt ge`.
 * - Everything else is an overload found by the types of its arguments.
 */
export const FORM_NAMES = [
  'and',
  'or',
  'not',
  'is_null',
  'is_not_null',
  'is_true',
  'is_not_true',
  'is_false',
  'is_not_false',
  'is_distinct_from',
  'is_not_distinct_from',
  'coalesce',
  'nullif',
  'greatest',
  'least',
] as const;
export type FormName = (typeof FORM_NAMES)[number];

const FORMS: ReadonlySet<string> = new Set(FORM_NAMES);

export function isForm(name: string): name is FormName {
  return FORMS.has(name);
}

const CATALOGUE = groupByName<FunctionOverload>([
  ...ARITHMETIC,
  ...MATHEMATICS,
  ...TRIGONOMETRY,
  ...BITWISE,
  ...TEXT_FUNCTIONS,
  ...REGULAR_EXPRESSION_FUNCTIONS,
  ...TIME_FUNCTIONS,
  ...INTERVAL_FUNCTIONS,
  ...TIME_FORMAT_FUNCTIONS,
  ...NUMBER_FORMAT_FUNCTIONS,
  ...BYTE_FUNCTIONS,
  ...JSON_FUNCTIONS,
  ...ARRAY_FUNCTIONS,
  ...URL_FUNCTIONS,
  ...USER_AGENT_FUNCTIONS,
  ...NETWORK_FUNCTIONS,
  ...GEOGRAPHY_FUNCTIONS,
]);

const GENERICS = groupByName<GenericFunction>([
  ...ARRAY_GENERICS,
  ...MATHEMATICS_GENERICS,
  ...TEXT_GENERICS,
  ...TIME_GENERICS,
  ...JSON_GENERICS,
]);

function groupByName<Entry extends { readonly name: string }>(
  entries: readonly Entry[],
): ReadonlyMap<string, readonly Entry[]> {
  const byName = new Map<string, Entry[]>();
  for (const entry of entries) {
    const list = byName.get(entry.name) ?? [];
    list.push(entry);
    byName.set(entry.name, list);
  }
  return byName;
}

/** All overloads of a name; empty for forms, comparisons, unknown names and what is generic only. */
export function functionOverloads(name: string): readonly FunctionOverload[] {
  return CATALOGUE.get(name) ?? [];
}

/** The entries of a name that take types of many kinds. */
export function genericFunctions(name: string): readonly GenericFunction[] {
  return GENERICS.get(name) ?? [];
}

/** Whether the catalogue has a function of this name; forms and comparisons are none. */
export function isFunction(name: string): boolean {
  return CATALOGUE.has(name) || GENERICS.has(name);
}

export function functionNames(): readonly string[] {
  return [...new Set([...FORM_NAMES, ...COMPARISON_NAMES, ...CATALOGUE.keys(), ...GENERICS.keys()])];
}

/** The overload with exactly these argument types. */
export function findOverload(name: string, types: readonly DataType[]): FunctionOverload | undefined {
  if (isComparison(name)) {
    const [left, right] = types;
    return left !== undefined && right?.kind === left.kind && types.length === 2 ? comparison(name, left) : undefined;
  }
  const found = functionOverloads(name).find((entry) => accepts(entry, types));
  if (found !== undefined) return found;
  for (const entry of genericFunctions(name)) {
    const made = instantiate(entry, types);
    if (made !== undefined) return made;
  }
  return undefined;
}

function accepts(entry: FunctionOverload, types: readonly DataType[]): boolean {
  if (!takesCount(entry, types.length)) return false;
  return types.every((type, index) => {
    const wanted = entry.args[Math.min(index, entry.args.length - 1)]!;
    return wanted.kind === type.kind && (type.kind === 'numeric' || typesEqual(wanted, type));
  });
}
