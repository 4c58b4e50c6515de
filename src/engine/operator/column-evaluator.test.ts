import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Kernel } from '../../kernel/kernel.ts';
import type { Expression } from '../../plan/expression.ts';
import { call, caseExpression, columnReference, literal, userFunctionCall } from '../../plan/expression-factory.ts';
import { expressionText } from '../../plan/expression-text.ts';
import { TYPE } from '../../plan/type-name.ts';
import { Decimal } from '../../plan/value/decimal.ts';
import { compileProgram } from '../wasm/program.ts';
import { randomExpression, randomPredicate } from '../wasm/random-expression.fixture.ts';
import { RANDOM_COLUMNS, randomRows } from '../wasm/random-row.fixture.ts';
import type { Batch } from './batch.ts';
import { columnOfValues, selectionOf, valueReader } from './column-access.ts';
import { ColumnEvaluator } from './column-evaluator.ts';
import { type ExpressionContext, RowEvaluator } from './row-evaluator.ts';

const RUNS = Number(process.env.HEADRACE_EXPRESSION_RUNS ?? 800);
/** A long run takes as long as it takes. */
const TIMEOUT_MS = Math.max(30_000, RUNS * 50);
const kernel = Kernel.create();
const context: ExpressionContext = {
  clockMs: () => 1_709_210_096_789,
  userFunction: () => () => null,
};

function batchOf(rows: readonly (readonly unknown[])[], alive: readonly number[] | undefined): Batch {
  const columns = RANDOM_COLUMNS.map(({ type }, at) =>
    columnOfValues(
      kernel,
      type,
      rows.map((row) => row[at]),
      rows.length,
    ),
  );
  return {
    rows: rows.length,
    columns,
    selection: alive === undefined ? 0 : selectionOf(kernel, alive),
    selected: alive?.length ?? rows.length,
    weights: 0,
    origin: undefined,
    times: 0,
    watermarks: 0,
  };
}

const shown = (value: unknown): unknown => (value instanceof Decimal ? `numeric ${value}` : value);

/** What the interpreter makes of each row alive: a value or an error's message. */
function interpreted(expression: Expression, batch: Batch, alive: readonly number[]): Map<number, unknown> {
  const interpreter = new RowEvaluator(kernel, RANDOM_COLUMNS, [expression], context);
  const read = valueReader(kernel, expression.type);
  const results = new Map<number, unknown>();
  for (const row of alive) {
    try {
      interpreter.load(batch, row);
      const column = columnOfValues(kernel, expression.type, [interpreter.value(0)], 1);
      results.set(row, shown(read(column, 0)));
    } catch (error) {
      results.set(row, `error: ${(error as Error).message}`);
    }
  }
  return results;
}

function computed(expression: Expression, batch: Batch, alive: readonly number[]): Map<number, unknown> {
  const evaluator = new ColumnEvaluator(kernel, RANDOM_COLUMNS, [expression], context);
  const { columns, failures, selected } = evaluator.evaluate(batch);
  const read = valueReader(kernel, expression.type);
  expect(selected).toBe(alive.length - failures.length);
  const failed = new Map(failures.map(({ row, error }) => [row, `error: ${(error as Error).message}`]));
  const results = new Map(alive.map((row) => [row, failed.get(row) ?? shown(read(columns[0]!, row))]));
  evaluator.close();
  return results;
}

/** Some of the rows, as a filter leaves them. */
const subset = fc.option(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }));

function aliveOf(rows: readonly unknown[], chosen: readonly boolean[] | null): number[] | undefined {
  if (chosen === null) return undefined;
  const alive = [...rows.keys()].filter((row) => chosen[row]);
  return alive.length === 0 ? [0] : alive;
}

describe('compiled expressions', () => {
  it(
    'give what the interpreter gives, row by row, errors included',
    () => {
      fc.assert(
        fc.property(randomExpression(), randomRows(), subset, (expression, rows, chosen) => {
          kernel.arenaReset();
          const alive = aliveOf(rows, chosen);
          const batch = batchOf(rows, alive);
          const order = alive ?? [...rows.keys()];
          const message = expressionText(expression);
          expect(computed(expression, batch, order), message).toEqual(interpreted(expression, batch, order));
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );

  it(
    'keep as predicates the rows for which they are true',
    () => {
      fc.assert(
        fc.property(randomPredicate(), randomRows(), subset, (expression, rows, chosen) => {
          kernel.arenaReset();
          const alive = aliveOf(rows, chosen);
          const batch = batchOf(rows, alive);
          const evaluator = new ColumnEvaluator(kernel, RANDOM_COLUMNS, [expression], context, 'predicate');
          const { selection, selected, failures } = evaluator.select(batch);
          const kept = [...kernel.u32().subarray(selection >>> 2, (selection >>> 2) + selected)];
          evaluator.close();
          const reference = interpreted(expression, batch, alive ?? [...rows.keys()]);
          const wanted = [...reference].filter(([, value]) => value === true).map(([row]) => row);
          const message = expressionText(expression);
          expect(selection === 0 ? [...rows.keys()].slice(0, selected) : kept, message).toEqual(wanted);
          const failed = [...reference].filter(([, value]) => String(value).startsWith('error: '));
          expect(failures.map(({ row }) => row)).toEqual(failed.map(([row]) => row));
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );

  it('go on when the memory grows under them', () => {
    kernel.arenaReset();
    const index = RANDOM_COLUMNS.findIndex(({ name }) => name === 't');
    const column = columnReference(RANDOM_COLUMNS, index);
    const text = 'long '.repeat(50_000);
    const rows = Array.from({ length: 200 }, (_, i) => RANDOM_COLUMNS.map((_, at) => (at === index ? `${i} ` : null)));
    const expression = call('concat', [column, call('concat', [literal(text, TYPE.text), column])]);
    const before = kernel.memory.buffer.byteLength;
    const results = computed(expression, batchOf(rows, undefined), [...rows.keys()]);
    expect(kernel.memory.buffer.byteLength).toBeGreaterThan(before);
    expect([...results.values()]).toEqual(rows.map((_, i) => `${i} ${text}${i} `));
  });

  it('call a user function for the rows that come to it, and once for each', () => {
    kernel.arenaReset();
    const called: unknown[] = [];
    const counting: ExpressionContext = {
      ...context,
      userFunction: () => (value) => {
        called.push(value);
        return value;
      },
    };
    const at = RANDOM_COLUMNS.findIndex(({ name }) => name === 'i4');
    const column = columnReference(RANDOM_COLUMNS, at);
    const double = userFunctionCall({ name: 'f', module: 'm', exportName: 'f', type: TYPE.int4 }, [column]);
    const zero = literal(0, TYPE.int4);
    // biome-ignore lint/suspicious/noThenProperty: the contract names the result of a branch `then`
    const expression = caseExpression([{ when: call('gt', [column, zero]), then: double }], zero);
    const rows = [1, -1, 5, null, 0].map((value) => RANDOM_COLUMNS.map((_, i) => (i === at ? value : null)));
    const evaluator = new ColumnEvaluator(kernel, RANDOM_COLUMNS, [expression], counting);
    const { columns } = evaluator.evaluate(batchOf(rows, undefined));
    const read = valueReader(kernel, TYPE.int4);
    expect(rows.map((_, row) => read(columns[0]!, row))).toEqual([1, 0, 5, 0, 0]);
    expect(called).toEqual([1, 5]);
  });

  it('name the first expression of a row that fails, and go on with the other rows', () => {
    kernel.arenaReset();
    const at = RANDOM_COLUMNS.findIndex(({ name }) => name === 'i4');
    const column = columnReference(RANDOM_COLUMNS, at);
    const over = (divisor: number) =>
      call('divide', [literal(12, TYPE.int4), call('subtract', [column, literal(divisor, TYPE.int4)])]);
    const rows = [0, 1, 2, 3].map((value) => RANDOM_COLUMNS.map((_, i) => (i === at ? value : null)));
    const evaluator = new ColumnEvaluator(kernel, RANDOM_COLUMNS, [over(2), over(1), over(2)], context);
    const { columns, failures, selection, selected } = evaluator.evaluate(batchOf(rows, undefined));
    expect(failures.map(({ row, expression, reason }) => [row, expression, reason])).toEqual([
      [1, 1, 'expression'],
      [2, 0, 'expression'],
    ]);
    const alive = [...kernel.u32().subarray(selection >>> 2, (selection >>> 2) + selected)];
    expect(alive).toEqual([0, 3]);
    const read = valueReader(kernel, TYPE.int4);
    expect(alive.map((row) => columns.map((vector) => read(vector, row)))).toEqual([
      [-6, -12, -6],
      [12, 6, 12],
    ]);
  });

  it('are mostly compiled', () => {
    const sample = fc.sample(randomExpression(), { numRuns: 500, seed: 1 }).filter(({ kind }) => kind !== 'column');
    const compiled = sample.filter(
      (expression) => compileProgram(RANDOM_COLUMNS, [expression], 'values').expressions[0],
    );
    expect(compiled.length / sample.length).toBeGreaterThan(0.5);
  });
});
