import { describe, expect, it } from 'vitest';
import type { DataType } from './data-type.ts';
import { TABLE_FUNCTION_ROWS_MAX, tableFunction, tableFunctionForms, tableFunctionNames } from './table-function.ts';
import { arrayType, TYPE, typeName } from './type-name.ts';
import { Decimal } from './value/decimal.ts';
import { parseInterval } from './value/interval.ts';
import { textToValue } from './value/value-text.ts';

const rows = (name: string, types: readonly DataType[], ...args: readonly unknown[]): unknown[][] =>
  [...tableFunction(name, types)!.rows(args)].map((row) => [...row]);
const columns = (name: string, types: readonly DataType[]): string[] =>
  tableFunction(name, types)!.columns.map((column) => `${column.name} ${typeName(column.type)}`);

const { int4, int8, numeric, timestamp, timestamptz, interval, jsonb, text } = TYPE;

describe('generate_series', () => {
  it('counts from start to stop, both included, by the step', () => {
    expect(rows('generate_series', [int4, int4], 1, 3)).toEqual([[1], [2], [3]]);
    expect(rows('generate_series', [int4, int4, int4], 5, 0, -2)).toEqual([[5], [3], [1]]);
    expect(rows('generate_series', [int8, int8, int8], 1n, 6n, 5n)).toEqual([[1n], [6n]]);
    expect(rows('generate_series', [int4, int4], 4, 3)).toEqual([]);
  });

  it('counts numerics with the digits of the step', () => {
    const [from, to, step] = ['0', '1', '0.5'].map((digits) => Decimal.parse(digits));
    expect(rows('generate_series', [numeric, numeric, numeric], from, to, step).map(String)).toEqual([
      '0',
      '0.5',
      '1.0',
    ]);
  });

  it('walks times by months of their own length', () => {
    const at = (written: string): unknown => textToValue(written, timestamp);
    const found = rows(
      'generate_series',
      [timestamp, timestamp, interval],
      at('2026-01-31'),
      at('2026-04-01'),
      parseInterval('1 month'),
    );
    expect(found.flat()).toEqual([at('2026-01-31'), at('2026-02-28'), at('2026-03-28')]);
  });

  it('refuses a step of zero, and gives nothing for null', () => {
    expect(() => rows('generate_series', [int4, int4, int4], 1, 2, 0)).toThrow('step size cannot equal zero');
    expect(rows('generate_series', [int4, int4], null, 2)).toEqual([]);
  });

  it('stops at the limit of rows', () => {
    expect(() => rows('generate_series', [int8, int8], 1n, BigInt(TABLE_FUNCTION_ROWS_MAX) + 1n)).toThrow(
      `more than ${TABLE_FUNCTION_ROWS_MAX} rows`,
    );
  });
});

describe('unnest', () => {
  it('makes a column of each array and fills the shorter ones up', () => {
    const types = [arrayType(int4), arrayType(text)];
    expect(columns('unnest', types)).toEqual(['unnest integer', 'unnest text']);
    expect(rows('unnest', types, [1, 2], ['a'])).toEqual([
      [1, 'a'],
      [2, null],
    ]);
    expect(rows('unnest', types, null, [])).toEqual([]);
  });

  it('goes through all dimensions', () => {
    expect(rows('unnest', [arrayType(arrayType(int4))], [[1, 2], [3]])).toEqual([[1], [2], [3]]);
  });
});

describe('jsonb', () => {
  it('gives the elements of an array, as they are or as text', () => {
    expect(rows('jsonb_array_elements', [jsonb], [1, 'a', null, { b: 2 }])).toEqual([[1], ['a'], [null], [{ b: 2 }]]);
    expect(rows('jsonb_array_elements_text', [jsonb], [1, 'a', null, { b: 2 }])).toEqual([
      ['1'],
      ['a'],
      [null],
      ['{"b": 2}'],
    ]);
  });

  it('gives the members of an object, shorter keys first', () => {
    const json = { long: true, b: 'x', a: null };
    expect(columns('jsonb_each', [jsonb])).toEqual(['key text', 'value jsonb']);
    expect(rows('jsonb_each', [jsonb], json)).toEqual([
      ['a', null],
      ['b', 'x'],
      ['long', true],
    ]);
    expect(rows('jsonb_each_text', [jsonb], json)).toEqual([
      ['a', null],
      ['b', 'x'],
      ['long', 'true'],
    ]);
    expect(rows('jsonb_object_keys', [jsonb], json)).toEqual([['a'], ['b'], ['long']]);
  });

  it('refuses what is not an array or not an object', () => {
    expect(() => rows('jsonb_array_elements', [jsonb], { a: 1 })).toThrow('cannot extract elements from an object');
    expect(() => rows('jsonb_each', [jsonb], 'x')).toThrow('cannot call jsonb_each on a scalar');
  });
});

describe('text', () => {
  it('is split by a pattern or by a separator', () => {
    expect(rows('regexp_split_to_table', [text, text], 'a1b22c', '[0-9]+')).toEqual([['a'], ['b'], ['c']]);
    expect(rows('string_to_table', [text, text], 'a,b', ',')).toEqual([['a'], ['b']]);
    expect(rows('string_to_table', [text, text, text], 'a,x,b', ',', 'x')).toEqual([['a'], [null], ['b']]);
    expect(rows('string_to_table', [text, text], null, ',')).toEqual([]);
  });

  it('is matched once, or with g as often as it does', () => {
    expect(rows('regexp_matches', [text, text], 'a1b2', '([a-z])([0-9])')).toEqual([[['a', '1']]]);
    expect(rows('regexp_matches', [text, text, text], 'a1b2', '([a-z])([0-9])', 'g')).toEqual([
      [['a', '1']],
      [['b', '2']],
    ]);
    expect(rows('regexp_matches', [text, text], 'a', 'b')).toEqual([]);
  });
});

describe('the catalogue', () => {
  it('finds a function by its exact types', () => {
    expect(tableFunction('generate_series', [int4, text])).toBeUndefined();
    expect(tableFunction('unnest', [int4])).toBeUndefined();
    expect(tableFunction('nothing', [])).toBeUndefined();
    expect(columns('generate_series', [timestamptz, timestamptz, interval])).toEqual([
      'generate_series timestamp with time zone',
    ]);
  });

  it('lists names and forms', () => {
    expect(tableFunctionNames()).toContain('jsonb_each');
    expect(tableFunctionForms('generate_series')).toContainEqual([int4, int4]);
  });
});
