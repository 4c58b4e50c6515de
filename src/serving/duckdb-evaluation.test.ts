import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import type { Column } from '../plan/data-type.ts';
import { evaluate } from '../plan/evaluate.ts';
import { call, castTo, columnReference, literal } from '../plan/expression-factory.ts';
import { projectNode, valuesNode } from '../plan/factory.ts';
import { type CatalogueCall, catalogueCalls } from '../plan/function/catalogue.fixture.ts';
import type { PlanNode } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import { Decimal } from '../plan/value/decimal.ts';
import { valueToText } from '../plan/value/value-text.ts';
import { DuckdbDatabase } from './duckdb-database.ts';
import { planToDuckdb } from './plan-to-duckdb.ts';

/** Different libraries round the last digits differently, and a numeric has 20 digits after the point here. */
const TOLERANCE = 1e-12;

let database: DuckdbDatabase;
beforeAll(async () => {
  database = await DuckdbDatabase.open();
});
afterAll(() => database.close());

async function asked(plan: PlanNode): Promise<readonly unknown[]> {
  const relation = (): never => {
    throw new RangeError('no relations here');
  };
  const { sql } = planToDuckdb(plan, { relation, nowUs: 0n, evaluation: database.evaluation });
  const types = plan.columns.map((column) => column.type);
  try {
    const rows = await database.run(sql, types, { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined });
    return rows.map(([value]) => value);
  } finally {
    database.evaluation.clear();
  }
}

/** The call over columns, so that nothing of it is constant. */
function planOf({ name, types, rows }: CatalogueCall, chosen: readonly number[]): PlanNode {
  const names = types.map((_, index) => `c${index}`);
  const values = valuesNode(
    ['n', ...names],
    chosen.map((at) => [literal(at, { kind: 'int4' }), ...types.map((type, index) => literal(rows[at]![index], type))]),
  );
  const columns: readonly Column[] = values.columns;
  const expression = call(
    name,
    types.map((_, index) => columnReference(columns, index + 1)),
  );
  return projectNode(values, [{ name: 'x', expression }]);
}

/** DuckDB's numerics have 38 digits, 20 of them after the point when they are computed: docs/sql/values.md. */
const isTooLong = (value: unknown): boolean => value instanceof Decimal && value.truncate().toString().length > 17;

function outcome(one: CatalogueCall, row: readonly unknown[]): { readonly value: unknown } | undefined {
  try {
    const columns = one.types.map((type, index): Column => ({ name: `c${index}`, type, nullable: true }));
    return {
      value: evaluate(
        call(
          one.name,
          one.types.map((_, index) => columnReference(columns, index)),
        ),
        row,
      ),
    };
  } catch {
    return undefined;
  }
}

function expectSame(actual: unknown, expected: unknown, type: CatalogueCall['result'], about: string): void {
  if (actual !== null && expected !== null && /^(?:numeric|float4|float8)$/.test(type.kind)) {
    const [a, b] = [actual, expected].map((value) => (value instanceof Decimal ? value.toNumber() : Number(value)));
    if (Math.abs(a! - b!) <= TOLERANCE * Math.max(1, Math.abs(b!))) return;
  }
  const shown = (value: unknown): string => (value === null ? 'null' : valueToText(value, type));
  expect(`${about} is ${shown(actual)}`).toBe(`${about} is ${shown(expected)}`);
}

/** The scale of a numeric is its column's in DuckDB. */
const CALLS = catalogueCalls()
  .filter(({ name }) => name !== 'scale')
  .map((one) => [one.label, one] as const);

describe('a function in a query is what it is in a pipeline', () => {
  it.each(CALLS)('%s', async (_, one) => {
    const outcomes = one.rows.map((row) => outcome(one, row));
    const good = [...outcomes.keys()].filter((at) => outcomes[at] !== undefined && !isTooLong(outcomes[at].value));
    const bad = outcomes.indexOf(undefined);
    if (good.length > 0) {
      const values = await asked(planOf(one, good));
      for (const [index, at] of good.entries()) {
        const about = `${one.label} of ${JSON.stringify(one.rows[at], (_key, v) => (typeof v === 'bigint' ? String(v) : v))}`;
        expectSame(values[index], outcomes[at]!.value, one.result, about);
      }
    }
    if (bad >= 0)
      await expect(
        asked(planOf(one, [bad])),
        JSON.stringify(one.rows[bad], (_k, v) => (typeof v === 'bigint' ? String(v) : v)),
      ).rejects.toThrow(/running the query/);
  });
});

describe('a cast of a text in a query is what it is in a pipeline', () => {
  const TEXTS = [
    '7',
    '+7',
    '-0',
    ' 12 ',
    '007',
    '1.5',
    '9999',
    '123456789012',
    '1e3',
    '.5',
    '-1.25',
    'NaN',
    '',
    'x',
    '1_000',
  ];

  it.each([TYPE.int2, TYPE.int4, TYPE.int8, TYPE.float8].map((type) => [type.kind, type] as const))(
    '%s',
    async (_, type) => {
      for (const text of [...TEXTS, null]) {
        const values = valuesNode(['t', 'n'], [[literal(text, TYPE.text), literal(1, TYPE.int4)]]);
        const expression = castTo(columnReference(values.columns, 0), type);
        const plan = projectNode(values, [{ name: 'x', expression }]);
        const wanted = ((): unknown => {
          try {
            return evaluate(expression, [text]);
          } catch {
            return 'error';
          }
        })();
        const found = await asked(plan).then(
          ([value]) => value,
          () => 'error',
        );
        expect([text, found]).toEqual([text, wanted]);
      }
    },
  );
});
