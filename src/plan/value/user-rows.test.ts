import { describe, expect, it } from 'vitest';
import type { Column } from '../data-type.ts';
import { TYPE } from '../type-name.ts';
import { acceptUserRows } from './user-rows.ts';

const columns: readonly Column[] = [
  { name: 'a', type: TYPE.int8, nullable: true },
  { name: 'b', type: TYPE.text, nullable: true },
];
const rows = (result: unknown, of: readonly Column[] = columns): unknown[][] => [...acceptUserRows(result, of, 'f')];

describe('rows of a user function', () => {
  it('are arrays by position or objects by name', () => {
    expect(rows([[1, 'x'], { b: 'y', a: 2n }, { a: 3 }])).toEqual([
      [1n, 'x'],
      [2n, 'y'],
      [3n, null],
    ]);
  });

  it('come from a generator too', () => {
    function* two() {
      yield [1, 'x'];
      yield [2, 'y'];
    }
    expect(rows(two())).toEqual([
      [1n, 'x'],
      [2n, 'y'],
    ]);
  });

  it('are none for null', () => {
    expect(rows(null)).toEqual([]);
    expect(rows(undefined)).toEqual([]);
  });

  it('may be bare values where there is one column', () => {
    expect(rows(['x', null], [columns[1]!])).toEqual([['x'], [null]]);
    expect(rows([{ k: 1 }], [{ name: 'j', type: TYPE.jsonb, nullable: true }])).toEqual([[{ k: 1 }]]);
  });

  it('are refused by name when they are something else', () => {
    expect(() => rows('text')).toThrow('user function f returned a string where rows were declared');
    expect(() => rows([[1]])).toThrow('user function f returned a row of 1 values where 2 columns were declared');
    expect(() => rows([7])).toThrow('user function f returned a number where a row of 2 columns was declared');
    expect(() => rows([[1, 2]])).toThrow('user function f returned a number where text was declared');
  });
});
