import type { DataType } from './data-type.ts';
import { ARITHMETIC, MATHEMATICS } from './function/arithmetic.ts';
import { COMPARISON_NAMES, comparison, isComparison } from './function/comparison.ts';
import { JSON_FUNCTIONS } from './function/json.ts';
import type { FunctionOverload } from './function/overload.ts';
import { TEXT_FUNCTIONS } from './function/text.ts';
import { TIME_FUNCTIONS } from './function/time.ts';
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

const CATALOGUE: ReadonlyMap<string, readonly FunctionOverload[]> = groupByName();

function groupByName(): Map<string, FunctionOverload[]> {
  const byName = new Map<string, FunctionOverload[]>();
  for (const entry of [...ARITHMETIC, ...MATHEMATICS, ...TEXT_FUNCTIONS, ...TIME_FUNCTIONS, ...JSON_FUNCTIONS]) {
    const list = byName.get(entry.name) ?? [];
    list.push(entry);
    byName.set(entry.name, list);
  }
  return byName;
}

/** All overloads of a name; empty for forms, comparisons and unknown names. */
export function functionOverloads(name: string): readonly FunctionOverload[] {
  return CATALOGUE.get(name) ?? [];
}

export function functionNames(): readonly string[] {
  return [...FORM_NAMES, ...COMPARISON_NAMES, ...CATALOGUE.keys()];
}

/** The overload with exactly these argument types. */
export function findOverload(name: string, types: readonly DataType[]): FunctionOverload | undefined {
  if (isComparison(name)) {
    const [left, right] = types;
    return left !== undefined && right?.kind === left.kind && types.length === 2 ? comparison(name, left) : undefined;
  }
  return functionOverloads(name).find((entry) => accepts(entry, types));
}

function accepts(entry: FunctionOverload, types: readonly DataType[]): boolean {
  const fixed = entry.args.length;
  if (entry.variadic ? types.length < fixed : types.length !== fixed) return false;
  return types.every((type, index) => {
    const wanted = entry.args[Math.min(index, fixed - 1)]!;
    return wanted.kind === type.kind && (type.kind === 'numeric' || typesEqual(wanted, type));
  });
}
