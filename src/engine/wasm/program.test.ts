import { describe, expect, it } from 'vitest';
import { Kernel } from '../../kernel/kernel.ts';
import { resolveCall, resolveCast } from '../../plan/coercion.ts';
import type { Column } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { caseExpression, columnReference, literal } from '../../plan/expression-factory.ts';
import { numericType, TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { makeInterval } from '../../plan/value/interval.ts';
import type { Batch } from '../operator/batch.ts';
import { columnOfValues } from '../operator/column-access.ts';
import { compiledBy, compileProgram } from './program.ts';
import { ProgramInstance } from './program-instance.ts';

const COLUMNS: readonly Column[] = [
  ['i', TYPE.int4],
  ['l', TYPE.int8],
  ['f', TYPE.float8],
  ['n', numericType(12, 2)],
  ['t', TYPE.text],
  ['d', TYPE.date],
  ['ts', TYPE.timestamptz],
  ['doc', TYPE.jsonb],
].map(([name, type]) => ({ name: name as string, type: type as Column['type'], nullable: true }));

const column = (name: string): Expression =>
  columnReference(
    COLUMNS,
    COLUMNS.findIndex((candidate) => candidate.name === name),
  );
const int4 = (value: number): Expression => literal(value, TYPE.int4);
const text = (value: string): Expression => literal(value, TYPE.text);
const isPositive = resolveCall('gt', [column('i'), int4(0)]);
const matches = resolveCall('matches', [column('t'), column('t')]);
const kernel = Kernel.create();

const ROWS: readonly (readonly unknown[])[] = [
  [1, 2n, 3.25, new Decimal(1999n, 2), 'path/of/it', 19_782, 1_709_210_096_789_000n, {}],
  [-20, -30_000_000_000n, -0.5, new Decimal(-5n, 2), 'Ünïcode/日本', -5, -1n, []],
  [0, 0n, 0, new Decimal(0n, 2), '', 0, 0n, 1],
  [null, null, null, null, null, null, null, null],
];

function batch(): Batch {
  const columns = COLUMNS.map(({ type }, at) =>
    columnOfValues(
      kernel,
      type,
      ROWS.map((row) => row[at]),
      ROWS.length,
    ),
  );
  const nothing = { selection: 0, weights: 0, origin: undefined, times: 0, watermarks: 0 };
  return { rows: ROWS.length, selected: ROWS.length, columns, ...nothing };
}

const ORDINARY: Readonly<Record<string, Expression>> = {
  'i + l': resolveCall('add', [column('i'), column('l')]),
  'l * 1000': resolveCall('multiply', [column('l'), int4(1000)]),
  'i / 3': resolveCall('divide', [column('i'), int4(3)]),
  'f * 0.0': resolveCall('multiply', [column('f'), literal(0, TYPE.float8)]),
  'n * 1.19': resolveCall('multiply', [column('n'), literal(Decimal.parse('1.19'), TYPE.numeric)]),
  'n::float8': resolveCast(column('n'), TYPE.float8),
  'f::text': resolveCast(column('f'), TYPE.text),
  'l::text || t': resolveCall('concat', [resolveCast(column('l'), TYPE.text), column('t')]),
  'ts::text': resolveCast(column('ts'), TYPE.text),
  "split_part(t, '/', 2)": resolveCall('split_part', [column('t'), text('/'), int4(2)]),
  "t LIKE '%日_'": resolveCall('like', [column('t'), text('%日_')]),
  "ts + interval '1 mon'": resolveCall('add', [column('ts'), literal(makeInterval(1, 0, 0n), TYPE.interval)]),
  "ts - interval '1 day'": resolveCall('subtract', [column('ts'), literal(makeInterval(0, 1, 0n), TYPE.interval)]),
  "date_trunc('month', ts)": resolveCall('date_trunc', [text('month'), column('ts')]),
  'extract(epoch FROM ts)': resolveCall('extract', [text('epoch'), column('ts')]),
  'd + i': resolveCall('add', [column('d'), column('i')]),
  'CASE WHEN i <> 0 THEN l / i END': caseExpression(
    [
      {
        when: resolveCall('ne', [column('i'), int4(0)]),
        // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`
        then: resolveCall('divide', [column('l'), column('i')]),
      },
    ],
    literal(null, TYPE.int8),
  ),
  'i <> 0 AND l / i > 2': resolveCall('and', [
    resolveCall('ne', [column('i'), int4(0)]),
    resolveCall('gt', [resolveCall('divide', [column('l'), column('i')]), int4(2)]),
  ]),
};

describe('a program', () => {
  it.each(Object.entries(ORDINARY))('computes %s of ordinary rows without the interpreter', (_, expression) => {
    kernel.arenaReset();
    const program = compileProgram(COLUMNS, [expression], 'values');
    const instance = new ProgramInstance(kernel, program);
    instance.begin();
    const { bailed } = instance.values(program.expressions[0]!, batch(), 0n);
    expect([...bailed]).toEqual([]);
    instance.close();
  });

  it('leaves the rows that fail to the interpreter, and no others', () => {
    kernel.arenaReset();
    const reciprocal = resolveCall('divide', [int4(1), column('i')]);
    const program = compileProgram(COLUMNS, [reciprocal], 'values');
    const instance = new ProgramInstance(kernel, program);
    instance.begin();
    expect([...instance.values(program.expressions[0]!, batch(), 0n).bailed]).toEqual([2]);
    instance.close();
  });

  it('is the same bytes for the same plan', () => {
    const expressions = Object.values(ORDINARY);
    const [a, b] = [0, 1].map(() => compileProgram(COLUMNS, expressions, 'values').bytes);
    expect(a).toEqual(b);
  });

  it('says who runs an expression', () => {
    const expressions = [column('doc'), isPositive, matches, resolveCall('and', [isPositive, matches])];
    expect(compiledBy(COLUMNS, expressions)).toEqual(['wasm', 'wasm', 'interpreter', 'mixed']);
  });

  it('takes long lists and chains, and leaves what is longer still to the interpreter', () => {
    const list = (length: number): Expression =>
      resolveCall(
        'or',
        Array.from({ length }, (_, i) => resolveCall('eq', [column('t'), text(`value ${i}`)])),
      );
    const chain = (length: number): Expression => {
      let sum = column('l');
      for (let i = 0; i < length; i++) sum = resolveCall('add', [sum, column('l')]);
      return sum;
    };
    const choice = (length: number): Expression =>
      caseExpression(
        Array.from({ length }, (_, i) => ({
          when: resolveCall('eq', [column('i'), int4(i)]),
          // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`
          then: text(`case ${i}`),
        })),
        text('other'),
      );
    const short = [list(1000), chain(200), choice(200)];
    expect(compiledBy(COLUMNS, short)).toEqual(['wasm', 'wasm', 'wasm']);
    kernel.arenaReset();
    new ProgramInstance(kernel, compileProgram(COLUMNS, short, 'values')).close();
    const long = [list(2000), chain(1000), choice(1000)];
    expect(compiledBy(COLUMNS, long)).toEqual(['interpreter', 'interpreter', 'interpreter']);
  });

  it('gives all its memory back', () => {
    const before = kernel.allocatedBytes();
    new ProgramInstance(kernel, compileProgram(COLUMNS, Object.values(ORDINARY), 'values')).close();
    expect(kernel.allocatedBytes()).toBe(before);
  });
});
