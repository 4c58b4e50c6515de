import { describe, expect, it } from 'vitest';
import { expressionText } from '../plan/expression-text.ts';
import { inputsOf } from '../plan/factory.ts';
import type { JoinNode, PlanNode } from '../plan/node.ts';
import { joinCondition, joinStateWarning } from '../plan/optimizer/join-condition.ts';
import { compilePipeline } from './statement/pipeline-compiler.ts';

const SOURCES = `
CREATE SOURCE l (k int8, s text, n numeric(10,2), t timestamptz, other timestamptz, WATERMARK FOR t AS t - INTERVAL '1 second')
  WITH (topic = 'l', format = 'json');
CREATE SOURCE r (k int8, s text, n numeric(12,4), t timestamptz, other timestamptz, WATERMARK FOR t AS t - INTERVAL '1 second')
  WITH (topic = 'r', format = 'json');
`;

async function joinOf(from: string, options = ''): Promise<JoinNode> {
  const pipeline = await compilePipeline(`${SOURCES}CREATE MATERIALIZED VIEW v ${options} AS SELECT * FROM ${from};`, {
    name: 'p',
    loadModule: () => {
      throw new Error('no modules here');
    },
  });
  let node: PlanNode = pipeline.outputs[0]!.input;
  while (node.kind !== 'join') node = inputsOf(node)[0]!;
  return node;
}

const SECOND = 1_000_000n;
const spanOf = async (condition: string): Promise<readonly (bigint | undefined)[] | undefined> => {
  const span = joinCondition(await joinOf(`l JOIN r ON l.k = r.k AND ${condition}`)).span;
  return span && [span.least, span.most].map((bound) => bound && bound / SECOND);
};

describe('the equalities of a join', () => {
  it('become keys, of either side and of expressions; the rest stays', async () => {
    const { keys, residual } = joinCondition(
      await joinOf(
        `l JOIN r ON r.k = l.k + 1 AND upper(l.s) = r.s AND l.other < r.other AND l.k = 7 AND l.k + r.k = 9`,
      ),
    );
    expect(keys.map((key) => [expressionText(key.left), expressionText(key.right)])).toEqual([
      ['k + 1', 'k'],
      ['upper(s)', 's'],
    ]);
    expect(expressionText(residual!)).toMatch(/other < other.* = 9$/);
  });

  it('of numerics of different scales compare values', async () => {
    const { keys } = joinCondition(await joinOf('l JOIN r ON l.n = r.n'));
    expect(keys.map((key) => [key.left.type, key.right.type])).toEqual([[{ kind: 'numeric' }, { kind: 'numeric' }]]);
  });

  it('meet nulls where the condition says so', async () => {
    const { keys } = joinCondition(await joinOf('l JOIN r ON l.k IS NOT DISTINCT FROM r.k AND l.s = r.s'));
    expect(keys.map((key) => key.meetsNull)).toEqual([true, false]);
  });
});

describe('the bounds of a join in time', () => {
  it.each([
    [`l.t BETWEEN r.t - INTERVAL '10 seconds' AND r.t + INTERVAL '3 seconds'`],
    [`l.t >= r.t - INTERVAL '10 seconds' AND l.t <= r.t + INTERVAL '3 seconds'`],
    [`r.t - INTERVAL '10 seconds' <= l.t AND r.t + INTERVAL '3 seconds' >= l.t`],
    [`r.t BETWEEN l.t - INTERVAL '3 seconds' AND l.t + INTERVAL '10 seconds'`],
    [`l.t + INTERVAL '10 seconds' >= r.t AND l.t - INTERVAL '3 seconds' <= r.t`],
    [`INTERVAL '10 seconds' + l.t >= r.t AND l.t < r.t + INTERVAL '1 second' + INTERVAL '2 seconds'`],
    [`l.t - r.t BETWEEN INTERVAL '-10 seconds' AND INTERVAL '3 seconds'`],
    [`r.t - l.t <= INTERVAL '10 seconds' AND INTERVAL '-3 seconds' <= r.t - l.t`],
    [`l.t - r.t <= INTERVAL '3 seconds' AND r.t - l.t < INTERVAL '10 seconds' AND l.t - r.t < INTERVAL '1 day'`],
  ])('are found in %s', async (condition) => {
    expect(await spanOf(condition)).toEqual([-10n, 3n]);
  });

  it.each<[string, readonly (bigint | undefined)[] | undefined]>([
    ['l.t = r.t', [0n, 0n]],
    ['l.t < r.t', [undefined, 0n]],
    ['l.t > r.t', [0n, undefined]],
    [`l.t > r.t - INTERVAL '1 day'`, [-86_400n, undefined]],
    [`l.t > r.t - INTERVAL '1 month'`, undefined],
    ['l.other = r.other', undefined],
    ['l.t < r.other', undefined],
    [`l.t > l.other - INTERVAL '1 day'`, undefined],
    ['l.t <> r.t', undefined],
  ])('of %s', async (condition, expected) => {
    expect(await spanOf(condition)).toEqual(expected);
  });

  it('are those of a window, whose end no row in time has passed', async () => {
    const { span } = joinCondition(
      await joinOf(`TUMBLE(l, t, INTERVAL '1 minute') a JOIN TUMBLE(r, t, INTERVAL '1 minute') b
        ON a.k = b.k AND a.window_start = b.window_start AND a.window_end = b.window_end`),
    );
    expect(span).toMatchObject({ least: 0n, most: 0n, leftLag: -1n, rightLag: -1n });
  });
});

describe('what a join keeps for ever', () => {
  it.each([
    ['l JOIN r ON l.k = r.k', '', /inner join keeps rows of its inputs for ever/],
    ['l JOIN r ON l.k = r.k', `WITH (ttl = '1 day')`, undefined],
    [`l JOIN r ON l.k = r.k AND l.t = r.t`, '', undefined],
    [`l JOIN r ON l.k < r.k AND l.t = r.t AND l.s <> r.s`, '', undefined],
    [`l LEFT JOIN r ON l.k < r.k`, `WITH (ttl = '1 day')`, /left join compares every row with every row/],
    [`l JOIN r ON l.k < r.k`, '', /no equality between them\), and keeps rows of its inputs for ever/],
  ])('%s %s', async (from, options, expected) => {
    const warning = joinStateWarning(await joinOf(from, options));
    if (expected === undefined) expect(warning).toBeUndefined();
    else expect(warning).toMatch(expected);
  });
});
