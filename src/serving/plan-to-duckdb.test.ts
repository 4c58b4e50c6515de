import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '../base/clock.ts';
import { aggregateCall } from '../plan/aggregate/aggregate-call.ts';
import type { DataType } from '../plan/data-type.ts';
import { evaluate } from '../plan/evaluate.ts';
import type { Expression } from '../plan/expression.ts';
import { call, caseExpression, literal, nullLiteral } from '../plan/expression-factory.ts';
import { aggregateNode, columnOf, joinNode, limitNode, projectNode, sortNode, valuesNode } from '../plan/factory.ts';
import type { PlanNode } from '../plan/node.ts';
import { numericType, TYPE } from '../plan/type-name.ts';
import { Decimal } from '../plan/value/decimal.ts';
import { toJsonValue } from '../plan/value/json-value.ts';
import { DuckdbDatabase } from './duckdb-database.ts';
import { planToDuckdb } from './plan-to-duckdb.ts';

let database: DuckdbDatabase;
beforeAll(async () => {
  database = await DuckdbDatabase.open();
});
afterAll(() => database.close());

const noRelation = (): never => {
  throw new Error('no relations here');
};

async function run(plan: PlanNode): Promise<unknown[][]> {
  const { sql } = planToDuckdb(plan, { relation: noRelation, nowUs: 0n, evaluation: database.evaluation });
  const types = plan.columns.map((c) => c.type);
  const rows = await database.run(sql, types, { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined });
  return rows.map((row) => row.map((value, index) => toJsonValue(value, types[index]!)));
}

const one = (expression: Expression): PlanNode => valuesNode(['x'], [[expression]]);
const valueOfQuery = async (expression: Expression): Promise<unknown> => (await run(one(expression)))[0]?.[0];

const int4 = (value: number) => literal(value, TYPE.int4);
const int8 = (value: bigint) => literal(value, TYPE.int8);
const float8 = (value: number) => literal(value, TYPE.float8);
const text = (value: string) => literal(value, TYPE.text);
const numeric = (value: string) => literal(Decimal.parse(value), numericType());
/** Not the factory's cast, which folds constants. */
const cast = (input: Expression, type: DataType): Expression => ({ kind: 'cast', type, input });
const stamp = (iso: string) => literal(BigInt(Date.parse(iso)) * 1000n, TYPE.timestamptz);

/** What both the reference evaluator and DuckDB make of an expression, an error being a result too. */
async function both(expression: Expression): Promise<[unknown, unknown]> {
  const reference = (() => {
    try {
      return toJsonValue(evaluate(expression, []), expression.type);
    } catch {
      return 'error';
    }
  })();
  const computed = await valueOfQuery(expression).catch((error: { code?: string }) => {
    if (error.code !== 'SERVING_QUERY_FAILED') throw error;
    return 'error';
  });
  return [computed, reference];
}

describe('an expression in DuckDB has the meaning of the reference evaluator', () => {
  const cases: Record<string, Expression> = {
    'integer division truncates': call('divide', [int4(-7), int4(2)]),
    'modulo takes the sign of the dividend': call('modulo', [int4(-7), int4(2)]),
    'division by zero is an error': call('divide', [int4(1), int4(0)]),
    'modulo by zero is an error': call('modulo', [int8(1n), int8(0n)]),
    'float division by zero is an error': call('divide', [float8(1), float8(0)]),
    'int4 overflow is an error': call('add', [int4(2_147_483_647), int4(1)]),
    'int8 overflow is an error': call('multiply', [int8(9_223_372_036_854_775_807n), int8(2n)]),
    'numeric sum is exact': call('add', [numeric('0.1'), numeric('0.2')]),
    'numeric product is exact': call('multiply', [numeric('1234567890.123'), numeric('0.001')]),
    'numeric quotient': call('divide', [numeric('1'), numeric('3')]),
    'negative numeric quotient rounds half away from zero': call('divide', [numeric('-2'), numeric('3')]),
    'numeric division by zero is an error': call('divide', [numeric('1'), numeric('0.0')]),
    'round half away': call('round', [numeric('2.565'), int4(2)]),
    'round numeric': call('round', [numeric('-2.5')]),
    'round float half to even': call('round', [float8(2.5)]),
    'float to integer rounds half to even': cast(float8(2.5), TYPE.int4),
    'numeric to integer rounds half away': cast(numeric('2.5'), TYPE.int4),
    'integer to text': cast(int4(12), TYPE.text),
    'whole float to text': cast(float8(1), TYPE.text),
    'boolean to text': cast(literal(true, TYPE.boolean), TYPE.text),
    'text to integer': cast(text('42'), TYPE.int4),
    'text that is no integer is an error': cast(text('x'), TYPE.int4),
    'null and false': call('and', [nullLiteral(TYPE.boolean), literal(false, TYPE.boolean)]),
    'null or true': call('or', [nullLiteral(TYPE.boolean), literal(true, TYPE.boolean)]),
    'not null': call('not', [nullLiteral(TYPE.boolean)]),
    'null is distinct': call('is_distinct_from', [nullLiteral(TYPE.int4), int4(1)]),
    'null equals nothing': call('eq', [nullLiteral(TYPE.int4), int4(1)]),
    'text compares by code point': call('lt', [text('B'), text('a')]),
    'text beyond ASCII comes later': call('gt', [text('é'), text('z')]),
    'a quote in a text': call('concat', [text("o'clock; DROP"), text('\\')]),
    'like with an escape': call('like', [text('50%'), text('50\\%')]),
    'like without a match': call('like', [text('50x'), text('50\\%')]),
    'substring from before the start': call('substring', [text('abcdef'), int4(-1), int4(4)]),
    'substring of code points': call('substring', [text('añb'), int4(2), int4(1)]),
    'negative substring length is an error': call('substring', [text('abc'), int4(1), int4(-1)]),
    split_part: call('split_part', [text('a/b/c'), text('/'), int4(2)]),
    'split_part from the end': call('split_part', [text('a/b/c'), text('/'), int4(-1)]),
    'split_part beyond the end': call('split_part', [text('a/b'), text('/'), int4(9)]),
    'split_part at zero is an error': call('split_part', [text('a/b'), text('/'), int4(0)]),
    'length counts code points': call('length', [text('añ😀')]),
    position: call('position', [text('hello'), text('l')]),
    lpad: call('lpad', [text('7'), int4(3), text('0')]),
    'lpad cuts': call('lpad', [text('12345'), int4(3), text('0')]),
    'replace nothing': call('replace', [text('abc'), text(''), text('x')]),
    'left of a negative count': call('left', [text('abcdef'), int4(-2)]),
    coalesce: call('coalesce', [nullLiteral(TYPE.int4), int4(3)]),
    'greatest passes nulls over': call('greatest', [nullLiteral(TYPE.int4), int4(3)]),
    // biome-ignore lint/suspicious/noThenProperty: the field of a CASE branch is named so
    case: caseExpression([{ when: literal(false, TYPE.boolean), then: int4(1) }], int4(2)),
    date_trunc: call('date_trunc', [text('hour'), stamp('2015-05-17T10:59:59.5Z')]),
    'extract epoch': call('extract', [text('epoch'), stamp('2015-05-17T10:05:03.250Z')]),
    'extract second with its fraction': call('extract', [text('second'), stamp('2015-05-17T10:05:03.250Z')]),
    'extract dow': call('extract', [text('dow'), stamp('2015-05-17T10:05:03Z')]),
    'a timestamp less an interval': call('subtract', [
      stamp('2015-03-31T00:00:00Z'),
      literal({ months: 1, days: 0, micros: 1n }, TYPE.interval),
    ]),
    'json member': call('json_get_text', [literal({ a: 'x' }, TYPE.jsonb), text('a')]),
    'json null reads as NULL': call('json_get_text', [literal({ a: null }, TYPE.jsonb), text('a')]),
    'json element from the end': call('json_get', [literal([1, 2], TYPE.jsonb), int4(-1)]),
  };

  it.each(Object.entries(cases))('%s', async (_name, expression) => {
    const [computed, reference] = await both(expression);
    if (typeof reference === 'number' && !Number.isInteger(reference))
      expect(Number(computed)).toBeCloseTo(reference, 12);
    else expect(computed).toEqual(reference);
  });

  it('arithmetic of random integers and numerics', async () => {
    const operation = fc.constantFrom('add', 'subtract', 'multiply', 'divide', 'modulo');
    const operand = fc.oneof(
      fc.integer({ min: -100_000, max: 100_000 }).map((n) => ['int4', n] as const),
      fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }).map((n) => ['int8', n] as const),
    );
    await fc.assert(
      fc.asyncProperty(operation, operand, operand, async (name, [kind, a], [, b]) => {
        const type: DataType = { kind };
        const convert = (n: number | bigint): unknown =>
          kind === 'int8' ? BigInt(n) : Number(BigInt.asIntN(20, BigInt(n)));
        const [computed, reference] = await both(call(name, [literal(convert(a), type), literal(convert(b), type)]));
        expect(computed).toEqual(reference);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a plan in DuckDB', () => {
  const rows = valuesNode(
    ['k', 'v'],
    [
      [text('b'), int4(2)],
      [text('a'), nullLiteral(TYPE.int4)],
      [text('b'), int4(5)],
      [text('a'), int4(1)],
    ],
  );
  const key = { expression: columnOf(rows, 1), descending: false };

  it('sorts nulls where the plan says', async () => {
    expect((await run(sortNode(rows, [{ ...key, nullsFirst: false }]))).map((r) => r[1])).toEqual([1, 2, 5, null]);
    expect((await run(sortNode(rows, [{ ...key, descending: true, nullsFirst: true }]))).map((r) => r[1])).toEqual([
      null,
      5,
      2,
      1,
    ]);
  });

  it('limits after sorting', async () => {
    const sorted = sortNode(rows, [{ ...key, nullsFirst: false }]);
    expect((await run(limitNode(sorted, 2, 1))).map((r) => r[1])).toEqual([2, 5]);
  });

  it('aggregates with the types of PostgreSQL: exact averages, sums that do not overflow', async () => {
    const big = valuesNode(['n'], [[int8(9_223_372_036_854_775_807n)], [int8(9_223_372_036_854_775_807n)], [int8(1n)]]);
    const n = columnOf(big, 0);
    const plan = aggregateNode(
      big,
      [],
      [
        { call: aggregateCall('count', undefined), name: 'c' },
        { call: aggregateCall('sum', n), name: 's' },
        { call: aggregateCall('count', n, { distinct: true }), name: 'd' },
      ],
    );
    expect(await run(plan)).toEqual([[3, '18446744073709551615', 2]]);
  });

  it('averages integers exactly, and an empty set to null', async () => {
    const v = columnOf(rows, 1);
    const plan = aggregateNode(
      rows,
      [{ expression: columnOf(rows, 0), name: 'k' }] as never,
      [
        { call: aggregateCall('avg', v), name: 'a' },
        { call: aggregateCall('count', v), name: 'c' },
      ] as never,
    );
    const sorted = sortNode(plan, [{ expression: columnOf(plan, 0), descending: false, nullsFirst: false }]);
    expect(await run(sorted)).toEqual([
      ['a', 1, 1],
      ['b', 3.5, 2],
    ]);
  });

  it('joins', async () => {
    const names = valuesNode(['k', 'name'], [[text('a'), text('Alpha')]]);
    const all = [...rows.columns, ...names.columns];
    const on = call('eq', [
      { kind: 'column', type: all[0]!.type, index: 0, name: 'k' },
      { kind: 'column', type: all[2]!.type, index: 2, name: 'k' },
    ]);
    expect((await run(joinNode('inner', rows, names, on))).length).toBe(2);
    expect((await run(joinNode('left', rows, names, on))).filter((r) => r[3] === null).length).toBe(2);
    expect((await run(joinNode('anti', rows, names, on))).map((r) => r[0])).toEqual(['b', 'b']);
  });

  it('refuses what it cannot say rather than saying something else', async () => {
    const plan = projectNode(rows, [
      {
        name: 'u',
        expression: { kind: 'user-function', type: TYPE.text, name: 'f', module: 'm', exportName: 'f', args: [] },
      },
    ]);
    await expect(run(plan)).rejects.toMatchObject({ code: 'SERVING_QUERY_UNSUPPORTED' });
  });
});

describe('the database', () => {
  const limits = { clock: new ManualClock(), timeoutMs: 1_000, signal: undefined };

  it.each([
    "SELECT * FROM read_csv('/etc/hostname')",
    "COPY (SELECT 1) TO 'out.csv'",
    "ATTACH 'other.db'",
    'SET threads = 64',
    'SET enable_external_access = true',
    'INSTALL httpfs',
    'LOAD httpfs',
  ])('is locked down: %s', async (sql) => {
    await expect(database.run(sql, [], limits)).rejects.toMatchObject({ code: 'SERVING_QUERY_FAILED' });
  });

  it('stops a query whose time is over', async () => {
    const running = database.run('SELECT count(*) FROM range(100000000000) a, range(1000) b', [TYPE.int8], {
      clock: systemClock,
      timeoutMs: 1,
      signal: undefined,
    });
    await expect(running).rejects.toMatchObject({ code: 'SERVING_QUERY_TIMEOUT' });
  });

  it('stops a query when whoever asked has gone', async () => {
    const gone = new AbortController();
    const running = database.run('SELECT count(*) FROM range(100000000000) a, range(1000) b', [TYPE.int8], {
      ...limits,
      clock: systemClock,
      timeoutMs: 60_000,
      signal: gone.signal,
    });
    gone.abort();
    await expect(running).rejects.toMatchObject({ code: 'SERVING_QUERY_CANCELLED' });
  });

  it('still works afterwards', async () => {
    expect(await valueOfQuery(int4(1))).toBe(1);
  });
});
