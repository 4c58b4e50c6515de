import { describe, expect, it } from 'vitest';
import { evaluate } from './evaluate.ts';
import type { Expression } from './expression.ts';
import { call, castTo, literal, nullLiteral } from './expression-factory.ts';
import { TYPE } from './type-name.ts';
import { Decimal } from './value/decimal.ts';
import { valueToText } from './value/value-text.ts';

const int4 = (value: number): Expression => literal(value, TYPE.int4);
const int8 = (value: bigint): Expression => literal(value, TYPE.int8);
const text = (value: string): Expression => literal(value, TYPE.text);
const numeric = (value: string): Expression => literal(Decimal.parse(value), TYPE.numeric);
const unknown = nullLiteral(TYPE.boolean);
const [yes, no] = [literal(true, TYPE.boolean), literal(false, TYPE.boolean)];
const run = (name: string, ...args: Expression[]): unknown => evaluate(call(name, args), []);
const shown = (name: string, ...args: Expression[]): string => {
  const expression = call(name, args);
  return valueToText(evaluate(expression, []), expression.type);
};

describe('three-valued logic', () => {
  it('decides AND by false and OR by true, whatever is unknown', () => {
    expect(run('and', unknown, no)).toBe(false);
    expect(run('and', unknown, yes)).toBe(null);
    expect(run('or', unknown, yes)).toBe(true);
    expect(run('or', unknown, no)).toBe(null);
    expect(run('not', unknown)).toBe(null);
  });
});

describe('integers', () => {
  it('divides towards zero and gives the remainder the sign of the dividend', () => {
    expect(run('divide', int4(-7), int4(2))).toBe(-3);
    expect(run('modulo', int4(-7), int4(2))).toBe(-1);
    expect(run('divide', int8(-7n), int8(2n))).toBe(-3n);
  });

  it('refuses division by zero', () => {
    expect(() => run('divide', int4(1), int4(0))).toThrow(expect.objectContaining({ code: 'PLAN_DIVISION_BY_ZERO' }));
  });

  it('refuses results outside of the type', () => {
    expect(() => run('add', int4(2147483647), int4(1))).toThrow('integer out of range');
    expect(() => run('multiply', int8(4_000_000_000n), int8(4_000_000_000n))).toThrow('bigint out of range');
    expect(() => run('abs', int4(-2147483648))).toThrow('integer out of range');
  });
});

/** Results taken from PostgreSQL 15. */
describe('numeric', () => {
  it.each([
    ['1', '3', '0.33333333333333333333'],
    ['10', '3', '3.3333333333333333'],
    ['1', '30000', '0.000033333333333333333333'],
    ['100000', '7', '14285.714285714286'],
    ['-2', '3', '-0.66666666666666666667'],
    ['1.000', '8', '0.12500000000000000000'],
    ['0', '8', '0.00000000000000000000'],
  ])('%s / %s = %s', (a, b, quotient) => {
    expect(shown('divide', numeric(a), numeric(b))).toBe(quotient);
  });

  it('adds and multiplies exactly, keeping the scale', () => {
    expect(shown('add', numeric('0.1'), numeric('0.20'))).toBe('0.30');
    expect(shown('multiply', numeric('1.10'), numeric('2.5'))).toBe('2.750');
  });

  it('rounds half away from zero, floats half to even', () => {
    expect(shown('round', numeric('-2.5'))).toBe('-3');
    expect(run('round', literal(2.5, TYPE.float8))).toBe(2);
  });
});

describe('text', () => {
  it('counts code points', () => {
    expect(run('length', text('a😀b'))).toBe(3);
    expect(run('substring', text('a😀b'), int4(2), int4(1))).toBe('😀');
    expect(run('left', text('a😀b'), int4(-1))).toBe('a😀');
    expect(run('position', text('a😀b'), text('b'))).toBe(3);
  });

  it('orders by code point, not by UTF-16 unit', () => {
    expect(run('lt', text('\uffff'), text('😀'))).toBe(true);
  });

  it('splits with positive and negative fields', () => {
    expect(run('split_part', text('/a/b'), text('/'), int4(2))).toBe('a');
    expect(run('split_part', text('/a/b'), text('/'), int4(-1))).toBe('b');
    expect(run('split_part', text('/a/b'), text('/'), int4(9))).toBe('');
  });

  it('matches LIKE with escapes', () => {
    expect(run('like', text('50%'), text('50\\%'))).toBe(true);
    expect(run('like', text('abc'), text('a_c'))).toBe(true);
    expect(run('like', text('abc'), text('a%d'))).toBe(false);
    expect(run('ilike', text('ABC'), text('a%'))).toBe(true);
  });

  it('keeps the number of code points when it changes case', () => {
    expect(run('upper', text('straße'))).toBe('STRAßE');
  });
});

describe('casts', () => {
  const cast = (input: Expression, type: Expression['type']): unknown => evaluate(castTo(input, type), []);

  it('reads timestamps with a zone and writes them in UTC', () => {
    const stamp = castTo(text('2026-01-31T12:34:56.789+02:00'), TYPE.timestamptz);
    expect(valueToText(evaluate(stamp, []), TYPE.timestamptz)).toBe('2026-01-31 10:34:56.789+00');
  });

  it('refuses text that is no integer', () => {
    expect(() => cast(text('12a'), TYPE.int4)).toThrow('invalid input syntax for type integer: "12a"');
  });

  it('writes floats with the shortest digits', () => {
    expect(cast(literal(0.1, TYPE.float8), TYPE.text)).toBe('0.1');
    expect(cast(literal(1e15, TYPE.float8), TYPE.text)).toBe('1e+15');
    expect(cast(literal(100, TYPE.float8), TYPE.text)).toBe('100');
    expect(cast(literal(1e-5, TYPE.float8), TYPE.text)).toBe('1e-05');
  });
});
