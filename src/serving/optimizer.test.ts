import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { explainPlan } from '../plan/explain.ts';
import type { PlanNode } from '../plan/node.ts';
import { optimize } from '../plan/optimizer/optimizer.ts';
import { toJsonValue } from '../plan/value/json-value.ts';
import { compileQuery } from '../sql/query.ts';
import { DuckdbDatabase } from './duckdb-database.ts';
import { planToDuckdb } from './plan-to-duckdb.ts';

let database: DuckdbDatabase;
beforeAll(async () => {
  database = await DuckdbDatabase.open();
});
afterAll(() => database.close());

async function rows(plan: PlanNode): Promise<string[]> {
  const relation = (): never => {
    throw new Error('no relations here');
  };
  const types = plan.columns.map((column) => column.type);
  const { sql } = planToDuckdb(plan, { relation, nowUs: 0n });
  const limits = { clock: new ManualClock(), timeoutMs: 60_000, signal: undefined };
  const found = await database.run(sql, types, limits);
  return found.map((row) => JSON.stringify(row.map((value, at) => toJsonValue(value, types[at]!)))).sort();
}

/** Every relation has the columns a, b and c: whole numbers, many of them equal, some null. */
const cell = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 4 }).map(String) }, fc.constant('NULL::int4'));
const values = fc
  .array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 })
  .map((lines) => `(VALUES ${lines.map((line) => `(${line.join(', ')})`).join(', ')}) AS t(a, b, c)`);

const column = fc.constantFrom('a', 'b', 'c');
const constant = fc.integer({ min: 0, max: 4 }).map(String);
const comparison = fc.constantFrom('=', '<>', '<', '<=', '>', '>=');
const test = fc.oneof(
  fc.tuple(column, comparison, fc.oneof(column, constant)).map((parts) => parts.join(' ')),
  column.map((name) => `${name} IS NOT NULL`),
  fc.tuple(column, constant).map(([name, value]) => `coalesce(${name}, ${value}) > 1`),
  fc.tuple(column, column).map(([one, other]) => `${one} + ${other} > 3`),
);
const condition = fc
  .tuple(test, test, fc.constantFrom('', 'AND', 'AND', 'OR'))
  .map(([one, other, word]) => (word === '' ? one : `(${one} ${word} ${other})`));

const derived = (query: string): string => `(${query}) AS t(a, b, c)`;
const order = fc.shuffledSubarray(['a', 'b', 'c', 'a DESC', 'c NULLS FIRST'], { minLength: 1 });
/** An order in which only equal rows are equal. */
const total = order.map((keys) => [...keys, 'a', 'b', 'c'].join(', '));

const { relation } = fc.letrec<{ relation: string }>((tie) => {
  const inner = tie('relation');
  const joins = fc.constantFrom('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
  const ranked = fc.record({
    inner,
    rank: fc.constantFrom('row_number', 'rank', 'dense_rank'),
    partition: fc.constantFrom('', 'PARTITION BY a ', 'PARTITION BY b, a ', 'PARTITION BY a + b '),
    total,
    range: fc.constantFrom('n <= 2', 'n = 1', '2 > n', 'n BETWEEN 2 AND 3', 'n > 1 AND n < 4', 'n <= 2 AND n > 4'),
    more: condition,
    shown: fc.constantFrom('a, b, c', 'a, b, n', 'c, n, c'),
  });
  return {
    relation: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      values,
      fc
        .tuple(inner, condition, fc.constantFrom('a, b, c', 'c, a, 1', 'b, b, a', 'a, a + b, c', 'nullif(a, b), c, 2'))
        .map(([from, where, list]) => derived(`SELECT ${list} FROM ${from} WHERE ${where}`)),
      fc
        .tuple(inner, inner, joins, condition, condition)
        .map(([left, right, join, on, where]) =>
          derived(
            `SELECT x.a, y.b, x.c FROM (SELECT * FROM ${left}) AS x ${join} (SELECT * FROM ${right}) AS y ON x.a = y.a AND ${on.replace(/\b[abc]\b/g, 'x.$&')} WHERE ${where.replace(/\b[abc]\b/g, 'y.$&')}`,
          ),
        ),
      fc
        .tuple(inner, inner, condition)
        .map(([left, right, where]) =>
          derived(
            `SELECT x.a, y.b, x.c FROM (SELECT * FROM ${left}) AS x, (SELECT * FROM ${right}) AS y WHERE x.b = y.b AND ${where.replace(/\b[abc]\b/g, 'x.$&')}`,
          ),
        ),
      fc
        .tuple(
          inner,
          inner,
          fc.constantFrom('UNION ALL', 'UNION', 'EXCEPT', 'EXCEPT ALL', 'INTERSECT', 'INTERSECT ALL'),
        )
        .map(([left, right, word]) => derived(`SELECT * FROM ${left} ${word} SELECT * FROM ${right}`)),
      fc
        .tuple(inner, condition, fc.constantFrom('', 'DISTINCT '))
        .map(([from, having, distinct]) =>
          derived(
            `SELECT ${distinct}a, b, max(c) FROM ${from} GROUP BY a, b HAVING ${having.replace(/\bc\b/g, 'count(*)')}`,
          ),
        ),
      ranked.map((made) =>
        derived(
          `SELECT ${made.shown} FROM (SELECT *, ${made.rank}() OVER (${made.partition}ORDER BY ${made.total}) AS n FROM ${made.inner}) AS u WHERE ${made.range} AND ${made.more}`,
        ),
      ),
      fc
        .tuple(inner, total, condition)
        .map(([from, by, where]) =>
          derived(
            `SELECT a, s, n FROM (SELECT *, sum(b) OVER (PARTITION BY a) AS s, row_number() OVER (PARTITION BY a ORDER BY ${by}) AS n FROM ${from}) AS u WHERE ${where}`,
          ),
        ),
      fc.tuple(inner, total).map(([from, by]) => derived(`SELECT * FROM ${from} ORDER BY ${by} LIMIT 3 OFFSET 1`)),
      fc.tuple(inner, total).map(([from, by]) => derived(`SELECT DISTINCT ON (a) * FROM ${from} ORDER BY a, ${by}`)),
    ),
  };
});

it('an optimized plan gives the same rows', async () => {
  const kinds = new Set<string>();
  await fc.assert(
    fc.asyncProperty(relation, condition, async (from, where) => {
      const plan = await compileQuery(`SELECT c, a FROM ${from} WHERE ${where}`, new Map());
      const better = optimize(plan);
      for (const [kind] of explainPlan(better).matchAll(/\w+/g)) kinds.add(kind);
      expect(better.columns.map(({ name, type }) => ({ name, type }))).toEqual(
        plan.columns.map(({ name, type }) => ({ name, type })),
      );
      expect(await rows(better)).toEqual(await rows(plan));
    }),
    { numRuns: 300, seed: 20_260_101 },
  );
  for (const kind of ['top', 'over', 'join', 'union', 'except', 'intersect', 'distinct', 'aggregate']) {
    expect(kinds).toContain(kind);
  }
}, 120_000);

it('a rank that is compared with constants keeps the same rows', async () => {
  const ranks = fc.record({
    values,
    rank: fc.constantFrom('row_number', 'rank', 'dense_rank'),
    partition: fc.constantFrom('', 'PARTITION BY a ', 'PARTITION BY a % 2 '),
    keys: order,
    comparisons: fc.array(fc.tuple(comparison, fc.integer({ min: -1, max: 5 })), { minLength: 1, maxLength: 3 }),
    shown: fc.constantFrom('a, b, c', 'a, b, n', 'c, n, c'),
  });
  await fc.assert(
    fc.asyncProperty(ranks, async (made) => {
      const keys = made.rank === 'row_number' ? [...made.keys, 'a', 'b', 'c'] : made.keys;
      const where = made.comparisons.map(([word, bound]) => `n ${word} ${bound}`).join(' AND ');
      const plan = await compileQuery(
        `SELECT ${made.shown} FROM (SELECT *, ${made.rank}() OVER (${made.partition}ORDER BY ${keys.join(', ')}) AS n FROM ${made.values}) AS u WHERE ${where}`,
        new Map(),
      );
      const better = optimize(plan);
      const isBounded = made.comparisons.some(([word]) => word === '=' || (word.startsWith('<') && word !== '<>'));
      expect(explainPlan(better).includes('top ')).toBe(isBounded);
      expect(await rows(better)).toEqual(await rows(plan));
    }),
    { numRuns: 200, seed: 20_260_102 },
  );
}, 120_000);
