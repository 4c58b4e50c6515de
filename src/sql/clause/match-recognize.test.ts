import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeadraceError } from '../../base/error.ts';
import { patternText } from '../../plan/explain.ts';
import { expressionText } from '../../plan/expression-text.ts';
import { inputsOf } from '../../plan/factory.ts';
import type { MatchNode, PlanNode, RowNavigation } from '../../plan/node.ts';
import { deserializePipeline, serializePipeline } from '../../plan/pipeline-text.ts';
import { compilePipeline } from '../statement/pipeline-compiler.ts';

const SOURCE = `CREATE SOURCE ticks (
  symbol text NOT NULL, time timestamptz NOT NULL, price int4 NOT NULL, volume int8,
  WATERMARK FOR time AS time - INTERVAL '5 seconds'
);
`;

const compile = (query: string) => compilePipeline(`${SOURCE}CREATE MATERIALIZED VIEW v AS ${query}`, { name: 'p' });
const matchOf = (node: PlanNode): MatchNode => {
  if (node.kind === 'match') return node;
  if (!('input' in node)) throw new Error(`no match below a ${node.kind}`);
  return matchOf(node.input);
};
const nodesOf = (node: PlanNode): readonly PlanNode[] => [node, ...inputsOf(node).flatMap(nodesOf)];
const match = async (query: string): Promise<MatchNode> => matchOf((await compile(query)).outputs[0]!.input);
const clause = (inside: string): Promise<MatchNode> =>
  match(`SELECT * FROM ticks MATCH_RECOGNIZE (PARTITION BY symbol ORDER BY time ${inside}) AS m`);

/** A navigation as it would be written out in full. */
function shown(navigation: RowNavigation, input: PlanNode): string {
  if (navigation.kind === 'match-number') return 'match_number';
  const of = navigation.variables === undefined ? '*' : navigation.variables.join('/');
  if (navigation.kind === 'aggregate') {
    const { function: name, argument } = navigation.aggregate;
    return `${name}(${of}: ${argument === undefined ? '*' : expressionText(argument)})`;
  }
  const skip = navigation.skip === 0 ? '' : ` skip ${navigation.skip}`;
  if (navigation.kind === 'classifier') return `${navigation.from} classifier(${of})${skip}`;
  const back = navigation.back === 0 ? '' : ` back ${navigation.back}`;
  expect(input.columns.length).toBeGreaterThan(0);
  return `${navigation.from}(${of}: ${expressionText(navigation.value)})${skip}${back}`;
}
const navigations = async (measure: string): Promise<string[]> => {
  const node = await clause(`MEASURES ${measure} AS x PATTERN (a b+) SUBSET u = (a, b) DEFINE a AS true`);
  return node.navigations.map((navigation) => shown(navigation, node.input));
};

describe('MATCH_RECOGNIZE', () => {
  it('gives the partition columns, then the measures', async () => {
    const node = await match(`SELECT * FROM ticks MATCH_RECOGNIZE (
        PARTITION BY symbol
        ORDER BY time
        MEASURES FIRST(down.time) AS begins, LAST(up.time) AS ends, MIN(down.price) AS lowest
        ONE ROW PER MATCH
        AFTER MATCH SKIP PAST LAST ROW
        PATTERN (start down+ up{2,}?) WITHIN INTERVAL '1 hour'
        DEFINE down AS down.price < PREV(down.price), up AS up.price > PREV(up.price)
      ) AS dips`);
    expect(node.columns.map(({ name, type }) => `${name} ${type.kind}`)).toEqual([
      'symbol text',
      'begins timestamptz',
      'ends timestamptz',
      'lowest int4',
    ]);
    expect(node.withinUs).toBe(3_600_000_000n);
    expect(node.afterMatch).toEqual({ kind: 'past-last-row' });
    expect(node.defines.map(({ variable, condition }) => `${variable}: ${expressionText(condition)}`)).toEqual([
      'down: price < price',
      'up: price > price',
    ]);
  });

  it('may stand over any relation, and be joined, filtered and aggregated', async () => {
    const query = `SELECT m.symbol, count(*) AS n
      FROM (SELECT * FROM ticks WHERE price > 0) MATCH_RECOGNIZE (
        PARTITION BY symbol ORDER BY time MEASURES LAST(b.price) AS p PATTERN (a b) DEFINE b AS b.price > a.price
      ) AS m (symbol, top)
      WHERE m.top > 10 GROUP BY m.symbol`;
    const output = (await compile(query)).outputs[0]!;
    expect(output.input.columns.map((column) => column.name)).toEqual(['symbol', 'n']);
    expect(matchOf(output.input).input.kind).not.toBe('source');
  });

  it('may stand twice in a query, and without a name', async () => {
    const inside = '(PARTITION BY symbol ORDER BY time MEASURES MATCH_NUMBER() AS n PATTERN (a))';
    const query = `SELECT 'é' AS e, n FROM ticks MATCH_RECOGNIZE ${inside} UNION ALL SELECT 'm1', n FROM ticks match_recognize ${inside} AS "m 2" WHERE "m 2".n > 1`;
    expect((await compile(query)).outputs[0]!.input.kind).toBe('set-operation');
  });

  it.each([
    ['WITH m AS (SELECT * FROM ticks MATCH_RECOGNIZE (@)) SELECT symbol FROM m'],
    ['SELECT m.symbol FROM ticks MATCH_RECOGNIZE (@) AS m JOIN ticks AS t ON t.symbol = m.symbol'],
    ['SELECT t.symbol FROM ticks MATCH_RECOGNIZE (@) JOIN ticks AS t USING (symbol)'],
    ['SELECT m.symbol FROM ticks AS t LEFT JOIN ticks MATCH_RECOGNIZE (@) AS m ON t.symbol = m.symbol'],
    ['SELECT m.symbol FROM ticks AS t, ticks MATCH_RECOGNIZE (@) m WHERE t.symbol = m.symbol'],
    ['SELECT symbol FROM ticks WHERE symbol IN (SELECT symbol FROM ticks MATCH_RECOGNIZE (@))'],
    ['SELECT max(x) AS x FROM ticks MATCH_RECOGNIZE (@) GROUP BY symbol'],
  ])('%s', async (query) => {
    const inside =
      "PARTITION BY symbol ORDER BY time MEASURES a.price AS x PATTERN (a /* ) */ b) DEFINE a AS a.symbol <> ')'";
    const { outputs } = await compile(query.replace('@', inside));
    expect(nodesOf(outputs[0]!.input).map(({ kind }) => kind)).toContain('match');
  });

  it('text of any kind is read or refused, never more', async () => {
    const words = fc.constantFrom(
      ...'PARTITION BY ORDER MEASURES ONE ROW PER MATCH AFTER SKIP TO NEXT LAST FIRST PATTERN WITHIN SUBSET DEFINE AS'.split(
        ' ',
      ),
      ...'a b time price symbol ( ) , . * + ? {1,2} { } | = > 1 INTERVAL'.split(' '),
      "'1 hour'",
      'PREV(a.price)',
      'count(*)',
      'é',
    );
    const soup = fc.array(words, { maxLength: 25 }).map((parts) => parts.join(' '));
    const start = fc.constantFrom('', 'PARTITION BY symbol ORDER BY time MEASURES a.price AS x PATTERN (a b) ');
    await fc.assert(
      fc.asyncProperty(start, soup, async (before, text) => {
        const failure: unknown = await compile(`SELECT * FROM ticks MATCH_RECOGNIZE (${before}${text})`).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failure !== undefined) expect((failure as HeadraceError).position).toBeDefined();
      }),
      { numRuns: 300, seed: 20_260_103 },
    );
  });

  it('comes back from its text as it was', async () => {
    const text = serializePipeline(
      await compile(
        'SELECT * FROM ticks MATCH_RECOGNIZE (ORDER BY time MEASURES sum(a.price) AS s PATTERN (a{2,3} | b) DEFINE a AS price > 1)',
      ),
    );
    expect(serializePipeline(deserializePipeline(text))).toBe(text);
  });
});

describe('a pattern', () => {
  it.each([
    ['(a b c)', 'a b c'],
    ['(a | b c)', '(a | b c)'],
    ['((a | b) c)', '(a | b) c'],
    ['(a* b+ c?)', 'a* b+ c?'],
    ['(a+ b*? c+? d??)', 'a+ b*? c+? d??'],
    ['(a{2})', 'a{2,2}'],
    ['(a{2,} b{,3} c{1,2}?)', 'a{2,} b{0,3} c{1,2}?'],
    ['((a b)+ c)', '(a b)+ c'],
  ])('%s', async (pattern, text) => {
    expect(patternText((await clause(`PATTERN ${pattern}`)).pattern)).toBe(text);
  });
});

describe('what a match shows', () => {
  it.each([
    ['b.price', ['last(b: price)']],
    ['price', ['last(*: price)']],
    ['u.price', ['last(a/b: price)']],
    ['FIRST(b.price)', ['first(b: price)']],
    ['FIRST(b.price, 2)', ['first(b: price) skip 2']],
    ['LAST(b.price, 1)', ['last(b: price) skip 1']],
    ['FINAL LAST(b.price)', ['last(b: price)']],
    ['RUNNING LAST(b.price)', ['last(b: price)']],
    ['PREV(b.price)', ['last(b: price) back 1']],
    ['PREV(b.price, 3)', ['last(b: price) back 3']],
    ['PREV(FIRST(a.price, 1), 2)', ['first(a: price) skip 1 back 2']],
    ['FIRST(a.price * 2 + a.volume)', ['first(a: (price * 2)::bigint + volume)']],
    ['LAST(b.price) - FIRST(a.price)', ['last(b: price)', 'first(a: price)']],
    ['b.price - b.price', ['last(b: price)']],
    ['CLASSIFIER()', ['last classifier(*)']],
    ['FIRST(CLASSIFIER(u))', ['first classifier(a/b)']],
    ['MATCH_NUMBER()', ['match_number']],
    ['sum(b.price)', ['sum(b: price)']],
    ['count(*)', ['count(*: *)']],
    ['count(b.*)', ['count(b: *)']],
    ['avg(b.price * 2) FILTER (WHERE b.volume > 1)', ['avg(b: price * 2)']],
  ])('%s', async (measure, expected) => {
    expect(await navigations(measure)).toEqual(expected);
  });
});

describe('AFTER MATCH', () => {
  it.each([
    ['', { kind: 'past-last-row' }],
    ['AFTER MATCH SKIP PAST LAST ROW', { kind: 'past-last-row' }],
    ['AFTER MATCH SKIP TO NEXT ROW', { kind: 'next-row' }],
    ['AFTER MATCH SKIP TO FIRST b', { kind: 'first', variable: 'b' }],
    ['AFTER MATCH SKIP TO LAST b', { kind: 'last', variable: 'b' }],
    ['AFTER MATCH SKIP TO b', { kind: 'last', variable: 'b' }],
  ])('%s', async (text, expected) => {
    expect((await clause(`${text} PATTERN (a b)`)).afterMatch).toEqual(expected);
  });
});

describe('a mistake in a pattern is shown where it is', () => {
  const inside = (body: string): string => `PARTITION BY symbol ORDER BY time ${body}`;
  it.each([
    [inside('PATTERN ▲(a*)'), 'matches no rows at all'],
    [inside('PATTERN ▲(a | b?)'), 'matches no rows at all'],
    [inside('PATTERN (a {▲2000})'), 'up to 1000'],
    [inside('PATTERN (a ▲{3,2})'), 'matches nothing'],
    [inside('PATTERN (a+ ▲+)'), 'a quantifier follows another'],
    [inside('PATTERN (▲PERMUTE(a, b))'), 'PERMUTE is not supported'],
    [inside('PATTERN (a ▲{- b -})'), 'exclusions'],
    [inside('PATTERN (▲^ a)'), 'not supported in a pattern'],
    [inside('PATTERN (a |▲)'), 'expected a variable'],
    [inside('PATTERN (a) DEFINE ▲b AS true'), 'variable "b" is not in the pattern'],
    [inside('PATTERN (a) DEFINE a AS true, ▲a AS false'), 'defined twice'],
    [inside('PATTERN (a) DEFINE a AS ▲b.price > 1'), 'variable "b" is not in the pattern'],
    [inside('PATTERN (a) DEFINE a AS ▲a.prise > 1'), 'did you mean "price"?'],
    [inside('PATTERN (a) DEFINE a AS ▲a.price'), 'boolean'],
    [inside('MEASURES FIRST(a.price + ▲b.price) AS x PATTERN (a b)'), 'two variables are mixed'],
    [inside('MEASURES FIRST(▲LAST(a.price)) AS x PATTERN (a)'), 'write PREV around FIRST or LAST'],
    [inside('PATTERN (a) DEFINE a AS ▲NEXT(a.price) > 1'), 'NEXT is not supported'],
    [inside('MEASURES PREV(a.price, ▲-1) AS x PATTERN (a)'), 'zero or more'],
    [inside('MEASURES ▲FIRST() AS x PATTERN (a)'), 'FIRST takes a value'],
    [inside('▲ALL ROWS PER MATCH PATTERN (a)'), 'write ONE ROW PER MATCH'],
    [inside('AFTER MATCH SKIP TO ▲c PATTERN (a)'), 'variable "c" is not in the pattern'],
    [inside("PATTERN (a) WITHIN ▲INTERVAL '1 month'"), 'use days or shorter units'],
    [inside('PATTERN (a) SUBSET ▲a = (a)'), 'is a variable already'],
    [inside('MEASURES a.price ▲PATTERN (a)'), 'expected AS'],
    [inside('▲DEFINE a AS true'), 'expected PATTERN'],
    ['PARTITION BY ▲symbol || 1 ORDER BY time PATTERN (a)', 'must be a column'],
    ['PARTITION BY symbol ORDER BY ▲price MEASURES 1 AS x PATTERN (a)', 'ordered by the event time first'],
    ['PARTITION BY symbol ORDER BY ▲time DESC PATTERN (a)', 'ordered by the event time first'],
  ])('%s', async (marked, message) => {
    const before = `CREATE MATERIALIZED VIEW v AS SELECT 'é' FROM ticks MATCH_RECOGNIZE (`;
    const [head, tail] = marked.split('▲') as [string, string];
    const error: unknown = await compilePipeline(`${SOURCE}${before}${head}${tail})`, { name: 'p' }).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(HeadraceError);
    expect((error as HeadraceError).message).toContain(message);
    expect((error as HeadraceError).position).toEqual({
      line: SOURCE.split('\n').length,
      column: before.length + head.length + 1,
    });
  });

  it.each([
    [
      'SELECT * FROM ticks ▲t MATCH_RECOGNIZE (ORDER BY time MEASURES 1 AS x PATTERN (a))',
      'put the name after the clause',
    ],
    ['SELECT * FROM ticks MATCH_RECOGNIZE ▲(ORDER BY time', 'has no end'],
    ['SELECT * FROM ticks ▲MATCH_RECOGNIZE (ORDER BY time PATTERN (a))', 'shows no columns'],
    ['SELECT * FROM ticks MATCH_RECOGNIZE (ORDER BY time MEASURES 1 AS x PATTERN (a)) AS m (n, ▲o)', 'columns to name'],
    [
      'SELECT ▲y FROM ticks MATCH_RECOGNIZE (ORDER BY time MEASURES 1 AS x PATTERN (a)) AS m',
      'column "y" does not exist',
    ],
  ])('%s', async (marked, message) => {
    const before = 'CREATE MATERIALIZED VIEW v AS ';
    const [head, tail] = marked.split('▲') as [string, string];
    const failure = compilePipeline(`${SOURCE}${before}${head}${tail}`, { name: 'p' });
    await expect(failure).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      position: { line: SOURCE.split('\n').length, column: before.length + head.length + 1 },
    });
  });
});
