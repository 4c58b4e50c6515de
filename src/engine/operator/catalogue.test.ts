import { describe, expect, it } from 'vitest';
import { Kernel } from '../../kernel/kernel.ts';
import type { Column } from '../../plan/data-type.ts';
import { compileExpression } from '../../plan/evaluate.ts';
import { call, columnReference } from '../../plan/expression-factory.ts';
import { type CatalogueCall, catalogueCalls } from '../../plan/function/catalogue.fixture.ts';
import { valueToText } from '../../plan/value/value-text.ts';
import type { Batch } from './batch.ts';
import { columnOfValues, valueReader } from './column-access.ts';
import { ColumnEvaluator } from './column-evaluator.ts';

const kernel = Kernel.create();
const context = { clockMs: () => 0, userFunction: () => () => null };

function shown(value: unknown, type: CatalogueCall['result']): string {
  return value === null || value === undefined ? 'null' : valueToText(value, type);
}

function interpreted(one: CatalogueCall, columns: readonly Column[]): readonly string[] {
  const evaluate = compileExpression(expressionOf(one, columns));
  return one.rows.map((row) => {
    try {
      return shown(evaluate(row), one.result);
    } catch (error) {
      return `error: ${(error as Error).message}`;
    }
  });
}

function expressionOf(one: CatalogueCall, columns: readonly Column[]) {
  return call(
    one.name,
    one.types.map((_, index) => columnReference(columns, index)),
  );
}

function computed(one: CatalogueCall, columns: readonly Column[]): readonly string[] {
  kernel.arenaReset();
  const batch: Batch = {
    rows: one.rows.length,
    selected: one.rows.length,
    columns: columns.map(({ type }, at) =>
      columnOfValues(
        kernel,
        type,
        one.rows.map((row) => row[at]),
        one.rows.length,
      ),
    ),
    selection: 0,
    weights: 0,
    origin: undefined,
    times: 0,
    watermarks: 0,
  };
  const evaluator = new ColumnEvaluator(kernel, columns, [expressionOf(one, columns)], context);
  const { columns: results, failures } = evaluator.evaluate(batch);
  const read = valueReader(kernel, one.result);
  const failed = new Map(failures.map(({ row, error }) => [row, `error: ${(error as Error).message}`]));
  const values = one.rows.map((_, row) => failed.get(row) ?? shown(read(results[0]!, row), one.result));
  evaluator.close();
  return values;
}

describe('a function over columns gives what the interpreter gives of values', () => {
  it.each(catalogueCalls().map((one) => [one.label, one] as const))('%s', (_, one) => {
    const columns = one.types.map((type, index): Column => ({ name: `c${index}`, type, nullable: true }));
    expect(computed(one, columns)).toEqual(interpreted(one, columns));
  });
});
