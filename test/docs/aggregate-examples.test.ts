import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AGGREGATE_EXAMPLES, AGGREGATE_ROWS } from '../../scripts/reference/aggregate-examples.ts';
import { ManualClock } from '../../src/base/clock.ts';
import { aggregateNames } from '../../src/plan/aggregate/aggregate-name.ts';
import { MemoryLog } from '../../src/serving/memory-log.fixture.ts';
import { createQueryService, type QueryService } from '../../src/serving/query.ts';
import { createTables } from '../../src/serving/tables.ts';

describe('the page of aggregates', () => {
  let service: QueryService;
  beforeAll(() => {
    const log = new MemoryLog();
    const clock = new ManualClock();
    service = createQueryService({ log, clock, tables: createTables({ log, clock }), sources: () => [] });
  });
  afterAll(() => service.close());

  it.each(AGGREGATE_EXAMPLES.map((one) => [one.example, one.result] as const))(
    '%s gives %s',
    async (example, result) => {
      const { rows } = await service.query(`SELECT ${example} AS result FROM ${AGGREGATE_ROWS}`);
      const [[value] = []] = rows;
      expect(typeof value === 'string' && !result.startsWith('"') ? value : JSON.stringify(value)).toBe(result);
    },
  );

  it('has every aggregate by all its names', () => {
    const written = AGGREGATE_EXAMPLES.map(({ write }) => write).join('\n');
    expect(aggregateNames().filter((name) => !new RegExp(`\\b${name}\\(`).test(written))).toEqual([]);
  });
});
