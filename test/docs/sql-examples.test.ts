import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SQL_EXAMPLES, SQL_SPELLINGS } from '../../scripts/reference/sql-examples.ts';
import { ManualClock } from '../../src/base/clock.ts';
import { evaluate } from '../../src/plan/evaluate.ts';
import { functionNames } from '../../src/plan/function.ts';
import type { PlanNode } from '../../src/plan/node.ts';
import { valueToText } from '../../src/plan/value/value-text.ts';
import { MemoryLog } from '../../src/serving/memory-log.fixture.ts';
import { createQueryService, type QueryService } from '../../src/serving/query.ts';
import { createTables } from '../../src/serving/tables.ts';
import { compileQuery } from '../../src/sql/query.ts';

const scalar = SQL_EXAMPLES.filter(({ example }) => !example.startsWith('SELECT'));

/** The value of the one column of a query without a relation, by the evaluator that pipelines use. */
function evaluated(plan: PlanNode): string | null {
  if (plan.kind !== 'project') throw new Error(`a projection was expected, not ${plan.kind}`);
  const [expression] = plan.expressions;
  const value = evaluate(expression!, [], { nowUs: 1n });
  return value === null ? null : valueToText(value, expression!.type);
}

describe('an example of the SQL reference', () => {
  let service: QueryService;
  beforeAll(() => {
    const log = new MemoryLog();
    const clock = new ManualClock();
    service = createQueryService({ log, clock, tables: createTables({ log, clock }), sources: () => [] });
  });
  afterAll(() => service.close());

  it.each(scalar.map((one) => [one.example, one.result] as const))('%s gives %s', async (example, result) => {
    expect(evaluated(await compileQuery(`SELECT ${example} AS result`, new Map()))).toBe(result);
  });

  it.each(SQL_EXAMPLES.map((one) => [one.example, one.result] as const))(
    'is asked: %s gives %s',
    async (example, result) => {
      const query = example.startsWith('SELECT') ? example : `SELECT (${example})::text AS result`;
      const { rows } = await service.query(query);
      const [[value]] = rows as [[unknown]];
      expect(value === null ? null : String(value)).toBe(result);
    },
  );
});

describe('the SQL reference', () => {
  it('has every function and operator', () => {
    const written = SQL_EXAMPLES.map(({ write }) => write).join('\n');
    const missing = [...functionNames()].filter((name) => {
      const spelling = SQL_SPELLINGS[name] ?? `${name}(`;
      return !written.includes(spelling);
    });
    expect(missing).toEqual([]);
  });
});
