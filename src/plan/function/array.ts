import type { DataType } from '../data-type.ts';
import { evaluationError } from '../evaluation-error.ts';
import { TYPE } from '../type-name.ts';
import { valueOrder } from '../value/value-order.ts';
import { valueToText } from '../value/value-text.ts';
import { COMPARISON_NAMES, type ComparisonName, comparison } from './comparison.ts';
import { type GenericFunction, generic } from './generic.ts';
import { ITEMS_MAX } from './limits.ts';
import { type FunctionOverload, overload } from './overload.ts';

type Items = readonly unknown[];
type Same = (a: unknown, b: unknown) => boolean;

/** Equality in which a null equals a null: what array_remove, array_replace and array_position look by. */
function sameOrBothNull(element: DataType): Same {
  const order = valueOrder(element);
  return (a, b) => (a === null || b === null ? a === b : order(a, b) === 0);
}

/** Equality in which nothing equals null: what containment looks by. */
function sameValue(element: DataType): Same {
  const order = valueOrder(element);
  return (a, b) => a !== null && b !== null && order(a, b) === 0;
}

function checkedItems(items: Items): Items {
  if (items.length > ITEMS_MAX) {
    throw evaluationError('PLAN_OUT_OF_RANGE', `array size exceeds the maximum allowed (${ITEMS_MAX})`);
  }
  return items;
}

/** The value of a sub-query, of whose rows the items are. */
function singleItem(items: Items): unknown {
  if (items.length > 1) {
    throw evaluationError('PLAN_MORE_THAN_ONE_ROW', 'more than one row returned by a subquery used as an expression');
  }
  return items[0] ?? null;
}

/** Lengths by dimension; an empty array has none. */
function dimensions(items: Items): readonly number[] {
  if (items.length === 0) return [];
  return [items.length, ...(Array.isArray(items[0]) ? dimensions(items[0] as Items) : [])];
}

function countItems(items: Items, element: DataType): number {
  if (element.kind !== 'array') return items.length;
  return items.reduce<number>((sum, item) => sum + (item === null ? 1 : countItems(item as Items, element.element)), 0);
}

/** Whether the comparison holds for one item, or for all, in three-valued logic. */
function quantified(name: ComparisonName, any: boolean): GenericFunction {
  return generic(
    `${name}_${any ? 'any' : 'all'}`,
    ['element', 'array'],
    TYPE.boolean,
    (element) => {
      const { apply } = comparison(name, element);
      return (value: unknown, items: Items) => {
        let unknown = false;
        for (const item of items) {
          if (item === null) unknown = true;
          else if (apply(value, item) === any) return any;
        }
        return unknown ? null : !any;
      };
    },
    { nullable: true },
  );
}

/** Position from 1 of the first item that is the same, from `start` on. */
function positionOf(items: Items, value: unknown, same: Same, start = 1): number | null {
  for (let at = Math.max(0, start - 1); at < items.length; at++) if (same(items[at], value)) return at + 1;
  return null;
}

function contains(element: DataType): (a: Items, b: Items) => boolean {
  const same = sameValue(element);
  return (a, b) => b.every((item) => a.some((other) => same(other, item)));
}

function joined(items: Items, element: DataType, separator: string, forNull: string | null): string {
  const texts: string[] = [];
  for (const item of items) {
    if (item === null) {
      if (forNull !== null) texts.push(forNull);
    } else if (element.kind === 'array') {
      const inner = joined(item as Items, element.element, separator, forNull);
      if (inner !== '') texts.push(inner);
    } else {
      texts.push(element.kind === 'boolean' ? (item === true ? 't' : 'f') : valueToText(item, element));
    }
  }
  return texts.join(separator);
}

function fill(value: unknown, counts: Items, bounds?: Items): Items {
  const [count, ...more] = counts as readonly (number | null)[];
  if (count === null || count === undefined || more.length > 0 || (bounds ?? [1]).some((bound) => bound !== 1)) {
    throw evaluationError('PLAN_INVALID_ARGUMENT', 'array_fill makes arrays of one dimension that begin at 1');
  }
  if (count > ITEMS_MAX) checkedItems({ length: count } as Items);
  return new Array<unknown>(Math.max(0, count)).fill(value);
}

const NOT_STRICT = { strict: false } as const;
const NULLABLE = { nullable: true } as const;
const bothOr = (a: Items | null, b: Items | null): Items | null =>
  a === null ? b : b === null ? a : checkedItems([...a, ...b]);

/** Array functions and operators (PostgreSQL manual, section 9.19), for arrays of every type. Subscripts begin at 1. */
export const ARRAY_GENERICS: readonly GenericFunction[] = [
  generic(
    'array',
    ['element'],
    'array',
    () =>
      (...items: unknown[]) =>
        items,
    { strict: false, variadic: true },
  ),
  generic(
    'array_element',
    ['array', TYPE.int4],
    'element',
    () => (items: Items, at: number) => items[at - 1] ?? null,
    NULLABLE,
  ),
  generic(
    'array_slice',
    ['array', TYPE.int4, TYPE.int4],
    'array',
    () => (items: Items, from: number, to: number) => items.slice(Math.max(1, from) - 1, Math.max(0, to)),
  ),
  generic(
    'array_append',
    ['array', 'element'],
    'array',
    () => (items: Items | null, item: unknown) => checkedItems([...(items ?? []), item]),
    NOT_STRICT,
  ),
  generic(
    'array_prepend',
    ['element', 'array'],
    'array',
    () => (item: unknown, items: Items | null) => checkedItems([item, ...(items ?? [])]),
    NOT_STRICT,
  ),
  generic('array_cat', ['array', 'array'], 'array', () => bothOr, { strict: false, nullable: true }),
  generic(
    'array_remove',
    ['array', 'element'],
    'array',
    (element) => {
      const same = sameOrBothNull(element);
      return (items: Items | null, value: unknown) =>
        items === null ? null : items.filter((item) => !same(item, value));
    },
    { strict: false, nullable: true },
  ),
  generic(
    'array_replace',
    ['array', 'element', 'element'],
    'array',
    (element) => {
      const same = sameOrBothNull(element);
      return (items: Items | null, from: unknown, to: unknown) =>
        items === null ? null : items.map((item) => (same(item, from) ? to : item));
    },
    { strict: false, nullable: true },
  ),
  generic(
    'array_position',
    ['array', 'element'],
    TYPE.int4,
    (element) => {
      const same = sameOrBothNull(element);
      return (items: Items | null, value: unknown) => (items === null ? null : positionOf(items, value, same));
    },
    { strict: false, nullable: true },
  ),
  generic(
    'array_position',
    ['array', 'element', TYPE.int4],
    TYPE.int4,
    (element) => {
      const same = sameOrBothNull(element);
      return (items: Items | null, value: unknown, start: number | null) => {
        if (start === null) throw evaluationError('PLAN_INVALID_ARGUMENT', 'initial position must not be null');
        return items === null ? null : positionOf(items, value, same, start);
      };
    },
    { strict: false, nullable: true },
  ),
  generic(
    'array_positions',
    ['array', 'element'],
    { kind: 'array', element: TYPE.int4 },
    (element) => {
      const same = sameOrBothNull(element);
      return (items: Items | null, value: unknown) =>
        items === null ? null : items.flatMap((item, index) => (same(item, value) ? [index + 1] : []));
    },
    { strict: false, nullable: true },
  ),
  generic(
    'array_length',
    ['array', TYPE.int4],
    TYPE.int4,
    () => (items: Items, dimension: number) => dimensions(items)[dimension - 1] ?? null,
    NULLABLE,
  ),
  generic(
    'array_upper',
    ['array', TYPE.int4],
    TYPE.int4,
    () => (items: Items, dimension: number) => dimensions(items)[dimension - 1] ?? null,
    NULLABLE,
  ),
  generic(
    'array_lower',
    ['array', TYPE.int4],
    TYPE.int4,
    () => (items: Items, dimension: number) => (dimensions(items)[dimension - 1] === undefined ? null : 1),
    NULLABLE,
  ),
  generic('array_ndims', ['array'], TYPE.int4, () => (items: Items) => dimensions(items).length || null, NULLABLE),
  generic(
    'array_dims',
    ['array'],
    TYPE.text,
    () => (items: Items) =>
      dimensions(items)
        .map((length) => `[1:${length}]`)
        .join('') || null,
    NULLABLE,
  ),
  generic('single_value', ['array'], 'element', () => singleItem, NULLABLE),
  generic('cardinality', ['array'], TYPE.int4, (element) => (items: Items) => countItems(items, element)),
  generic(
    'array_to_string',
    ['array', TYPE.text],
    TYPE.text,
    (element) => (items: Items, separator: string) => joined(items, element, separator, null),
  ),
  generic(
    'array_to_string',
    ['array', TYPE.text, TYPE.text],
    TYPE.text,
    (element) => (items: Items | null, separator: string | null, forNull: string | null) =>
      items === null || separator === null ? null : joined(items, element, separator, forNull),
    { strict: false, nullable: true },
  ),
  generic(
    'array_fill',
    ['element', { kind: 'array', element: TYPE.int4 }],
    'array',
    () => (value: unknown, counts: Items | null) => {
      if (counts === null)
        throw evaluationError('PLAN_INVALID_ARGUMENT', 'dimension array or low bound array cannot be null');
      return fill(value, counts);
    },
    NOT_STRICT,
  ),
  generic('trim_array', ['array', TYPE.int4], 'array', () => (items: Items, count: number) => {
    if (count < 0 || count > items.length) {
      throw evaluationError(
        'PLAN_INVALID_ARGUMENT',
        `number of elements to trim must be between 0 and ${items.length}`,
      );
    }
    return items.slice(0, items.length - count);
  }),
  generic('contains', ['array', 'array'], TYPE.boolean, contains),
  generic('contained_by', ['array', 'array'], TYPE.boolean, (element) => {
    const inside = contains(element);
    return (a: Items, b: Items) => inside(b, a);
  }),
  generic('overlap', ['array', 'array'], TYPE.boolean, (element) => {
    const same = sameValue(element);
    return (a: Items, b: Items) => a.some((item) => b.some((other) => same(item, other)));
  }),
  ...COMPARISON_NAMES.flatMap((name) => [quantified(name, true), quantified(name, false)]),
];

function stringToArray(text: string | null, delimiter: string | null, forNull: string | null = null): Items | null {
  if (text === null) return null;
  if (text === '') return [];
  const parts = delimiter === null ? Array.from(text) : delimiter === '' ? [text] : text.split(delimiter);
  return checkedItems(parts.map((part) => (part === forNull ? null : part)));
}

export const ARRAY_FUNCTIONS: readonly FunctionOverload[] = [
  overload('string_to_array', ['text', 'text'], 'text[]', stringToArray, { strict: false, nullable: true }),
  overload('string_to_array', ['text', 'text', 'text'], 'text[]', stringToArray, { strict: false, nullable: true }),
];
