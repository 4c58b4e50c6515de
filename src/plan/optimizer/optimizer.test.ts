import { describe, expect, it } from 'vitest';
import { aggregateCall } from '../aggregate/aggregate-call.ts';
import { overNode, topNNode } from '../analytic-factory.ts';
import { explainPlan } from '../explain.ts';
import type { Expression } from '../expression.ts';
import { call, literal } from '../expression-factory.ts';
import {
  aggregateNode,
  columnOf,
  filterNode,
  joinNode,
  outputNode,
  projectNode,
  setOperationNode,
  sourceNode,
  windowNode,
} from '../factory.ts';
import type { OutputNode, PlanNode, SortKey, WindowCall } from '../node.ts';
import { outputShape } from '../output-key.ts';
import { TYPE } from '../type-name.ts';
import { optimize, optimizeOutputs } from './optimizer.ts';

const column = (name: string, type = TYPE.int4 as (typeof TYPE)[keyof typeof TYPE]) => ({
  name,
  type,
  nullable: true,
  path: [name],
});
const table = (name: string): PlanNode =>
  sourceNode({
    name,
    topic: name,
    columns: [column('k', TYPE.text), column('x'), column('y'), column('t', TYPE.timestamptz)],
    watermark: { columnIndex: 3, delayUs: 0n, idleTimeoutMs: 1000, futureLimitMs: 1000 },
  });
const s = table('s');
const at = (node: PlanNode, name: string): Expression =>
  columnOf(
    node,
    node.columns.findIndex((candidate) => candidate.name === name),
  );
const int = (value: number): Expression => literal(value, TYPE.int4);
const is = (node: PlanNode, name: string, value: number): Expression => call('eq', [at(node, name), int(value)]);
/** A column of `a` and `b` side by side. */
const at2 = (index: number): Expression => columnOf(joinNode('cross', table('a'), table('b'), undefined), index);
/** Fails for zero. */
const quotient = (node: PlanNode): Expression => call('gt', [call('divide', [int(1), at(node, 'x')]), int(0)]);
const pick = (node: PlanNode, ...names: readonly string[]): PlanNode =>
  projectNode(
    node,
    names.map((name) => ({ name, expression: at(node, name) })),
  );
const shown = (node: PlanNode): string => explainPlan(optimize(node)).replaceAll(/source (\w+) .*/g, '$1');
const key = (node: PlanNode, name: string): SortKey => ({
  expression: at(node, name),
  descending: false,
  nullsFirst: false,
});
const ranked = (node: PlanNode, name: WindowCall['function'] = 'row_number'): PlanNode =>
  overNode(
    {
      input: node,
      partition: [at(node, 'k')],
      keys: [key(node, 'x')],
      calls: [
        {
          function: name,
          args: [],
          type: TYPE.int8,
          frame: { unit: 'range', start: { kind: 'unbounded' }, end: { kind: 'current-row' } },
        },
      ],
    },
    ['n'],
  );
const atMost = (node: PlanNode, value: bigint): Expression => call('le', [at(node, 'n'), literal(value, TYPE.int8)]);

describe('filters', () => {
  it('one after the other are one', () => {
    expect(shown(filterNode(filterNode(s, is(s, 'x', 1)), is(s, 'y', 2)))).toBe('filter x = 1 AND y = 2\n  s');
  });

  it('are two when the later one may fail where the earlier one is null', () => {
    expect(shown(filterNode(filterNode(s, is(s, 'x', 1)), quotient(s)))).toBe(
      'filter 1 / x > 0\n  filter x = 1\n    s',
    );
  });

  it('go below a projection, past what is computed', () => {
    const sum = projectNode(s, [
      { name: 'k', expression: at(s, 'k') },
      { name: 'x', expression: call('add', [at(s, 'x'), at(s, 'y')]) },
      { name: 'y', expression: at(s, 'y') },
    ]);
    expect(shown(filterNode(sum, call('and', [is(sum, 'x', 1), is(sum, 'y', 2)])))).toBe(
      'filter x = 1\n  project k, x + y AS x, y\n    filter y = 2\n      s',
    );
  });

  it('go below a tumbling window, unless they read it', () => {
    const windowed = windowNode(s, { kind: 'tumbling', sizeUs: 60_000_000n, offsetUs: 0n }, 3);
    const never = call('lt', [at(windowed, 'window_start'), at(windowed, 't')]);
    expect(shown(filterNode(windowed, call('and', [never, is(windowed, 'x', 1)])))).toBe(
      'filter window_start < t\n  window tumbling 1 min on t\n    filter x = 1\n      s',
    );
  });

  it('go below a session window when they decide about whole sessions', () => {
    const windowed = windowNode(s, { kind: 'session', gapUs: 60_000_000n, keys: [1] }, 3);
    expect(shown(filterNode(windowed, is(windowed, 'x', 1)))).toMatch(/^window session.*\n {2}filter x = 1/);
    expect(shown(filterNode(windowed, is(windowed, 'y', 1)))).toMatch(/^filter y = 1\n {2}window session/);
  });

  it('go into every input of a union', () => {
    const union = setOperationNode('union', true, [pick(s, 'x'), pick(table('r'), 'x')]);
    expect(shown(filterNode(union, is(union, 'x', 1)))).toBe(
      'union all\n  project x\n    filter x = 1\n      s\n  project x\n    filter x = 1\n      r',
    );
  });

  it('go below an aggregate when they read groups of it', () => {
    const count = {
      name: 'n',
      call: { function: 'count', argument: undefined, distinct: false, filter: undefined, type: TYPE.int8 },
    } as const;
    const grouped = aggregateNode(s, [{ name: 'x', expression: at(s, 'x') }], [count]);
    const many = call('gt', [at(grouped, 'n'), literal(1n, TYPE.int8)]);
    expect(shown(filterNode(grouped, call('and', [many, is(grouped, 'x', 1)])))).toMatch(
      /^filter n > 1\n {2}aggregate.*\n {4}filter x = 1/,
    );
  });

  it('go to the sides of a join, and join what was crossed', () => {
    const crossed = joinNode('cross', s, table('r'), undefined);
    const same = call('eq', [columnOf(crossed, 0), columnOf(crossed, 4)]);
    const right = call('eq', [columnOf(crossed, 6), int(2)]);
    expect(shown(filterNode(crossed, call('and', [is(crossed, 'x', 1), same, right])))).toBe(
      'inner join on k = k\n  filter x = 1\n    s\n  filter y = 2\n    r',
    );
  });

  it('stay above an outer join when they read the side that may be missing', () => {
    const joined = joinNode('left', s, table('r'), call('eq', [at(s, 'k'), { ...at(s, 'k'), index: 4 } as Expression]));
    const missing = call('is_null', [columnOf(joined, 4)]);
    expect(shown(filterNode(joined, missing))).toMatch(/^filter k IS NULL\n {2}left join/);
  });

  it('of both sides of an inner join become part of its condition, also when they may fail', () => {
    const joined = joinNode('inner', table('a'), table('b'), call('eq', [columnOf(table('a'), 0), at2(4)]));
    const sum = call('gt', [call('divide', [at2(1), at2(5)]), int(0)]);
    const equal = call('eq', [call('divide', [int(1), at2(1)]), at2(5)]);

    expect(shown(filterNode(joined, sum))).toMatch(/^inner join on k = k AND x \/ x > 0\n/);
    expect(shown(filterNode(joined, equal))).toMatch(/^filter 1 \/ x = x\n {2}inner join/);
  });

  it('make an inner join of an outer one whose additional rows they take away', () => {
    const same = call('eq', [at(s, 'k'), { ...at(s, 'k'), index: 4 } as Expression]);
    const narrowed = (kind: 'left' | 'right' | 'full', ...columns: readonly number[]): string => {
      const joined = joinNode(kind, s, table('r'), same);
      const conditions = columns.map((column) => call('gt', [columnOf(joined, column), int(1)]));
      return shown(filterNode(joined, call('and', conditions)))
        .split('\n')
        .find((line) => line.includes('join'))!
        .trim();
    };
    expect(narrowed('left', 5)).toMatch(/^inner join/);
    expect(narrowed('left', 1)).toMatch(/^left join/);
    expect(narrowed('right', 1)).toMatch(/^inner join/);
    expect(narrowed('full', 1)).toMatch(/^left join/);
    expect(narrowed('full', 5)).toMatch(/^right join/);
    expect(narrowed('full', 1, 5)).toMatch(/^inner join/);
  });

  it('that may fail stay above a join: fewer rows come to it', () => {
    const joined = joinNode(
      'inner',
      s,
      table('r'),
      call('eq', [at(s, 'k'), { ...at(s, 'k'), index: 4 } as Expression]),
    );
    expect(shown(filterNode(joined, quotient(joined)))).toMatch(/^filter 1 \/ x > 0\n {2}inner join/);
  });

  it('of a join condition that read one side only are filters of it', () => {
    const left = is(s, 'x', 1);
    const right = call('eq', [{ ...at(s, 'x'), index: 5 } as Expression, int(2)]);
    const same = call('eq', [at(s, 'k'), { ...at(s, 'k'), index: 4 } as Expression]);
    const joined = (kind: 'inner' | 'left' | 'full'): string =>
      shown(joinNode(kind, s, table('r'), call('and', [same, left, right])));
    expect(joined('inner')).toBe('inner join on k = k\n  filter x = 1\n    s\n  filter x = 2\n    r');
    expect(joined('left')).toBe('left join on k = k AND x = 1\n  s\n  filter x = 2\n    r');
    expect(joined('full')).toBe('full join on k = k AND x = 1 AND x = 2\n  s\n  r');
  });
});

describe('projections', () => {
  it('one after the other are one', () => {
    expect(shown(pick(pick(s, 'y', 'x', 'k'), 'x', 'y'))).toBe('project x, y\n  s');
  });

  it('are two when something would be computed twice', () => {
    const sum = projectNode(s, [{ name: 'z', expression: call('add', [at(s, 'x'), at(s, 'y')]) }]);
    const square = projectNode(sum, [{ name: 'q', expression: call('multiply', [at(sum, 'z'), at(sum, 'z')]) }]);
    expect(shown(square)).toBe('project z * z AS q\n  project x + y AS z\n    s');
  });
});

describe('top-N', () => {
  it.each(['row_number', 'rank', 'dense_rank'] as const)('is a filter on %s', (name) => {
    const over = ranked(s, name);
    expect(shown(filterNode(over, atMost(over, 3n)))).toBe(`top 3 (${name}) by k order by x\n  s`);
  });

  it('is found below a projection, and has no rank that nobody reads', () => {
    const over = pick(ranked(s), 'n', 'x', 'k');
    const top = optimize(pick(filterNode(over, atMost(over, 3n)), 'x', 'k'));
    expect(explainPlan(top)).toContain('top 3 (row_number) by k order by x');
    expect(top).toMatchObject({ kind: 'project', input: { kind: 'top-n', withRank: false } });
  });

  it('is not a filter on something else, nor one beside other functions', () => {
    const over = ranked(s);
    expect(shown(filterNode(over, is(over, 'x', 3)))).toContain('over');
    const both = overNode(
      {
        ...(over as PlanNode & { kind: 'over' }),
        calls: [
          ...(over as never as { calls: WindowCall[] }).calls,
          ...(over as never as { calls: WindowCall[] }).calls,
        ],
      },
      ['n', 'm'],
    );
    expect(shown(filterNode(both, atMost(both, 3n)))).toContain('over');
  });

  it('makes the rank part of the key of the view', () => {
    const over = ranked(s);
    expect(outputShape(optimize(filterNode(over, atMost(over, 3n))), 'updates')).toEqual({
      mode: 'upsert',
      keys: [0, 4],
    });
  });
});

describe('columns that nobody reads', () => {
  it('are not kept by a join', () => {
    const joined = joinNode(
      'inner',
      s,
      table('r'),
      call('eq', [at(s, 'k'), { ...at(s, 'k'), index: 4 } as Expression]),
    );
    expect(shown(pick(joined, 'x'))).toBe(
      'project x\n  inner join on k = k\n    project k, x\n      s\n    project k\n      r',
    );
  });

  it('are not kept by a top-N', () => {
    const top = topNNode({
      input: s,
      partition: [0],
      keys: [key(s, 't')],
      limit: 1,
      offset: 0,
      rank: 'row_number',
      withRank: false,
    });
    expect(shown(pick(top, 'x'))).toBe('project x\n  top 1 (row_number) by k order by t\n    project k, x, t\n      s');
  });

  it('are not computed by an aggregate, nor carried through a union', () => {
    const maxima = (): PlanNode =>
      aggregateNode(
        s,
        [{ name: 'k', expression: at(s, 'k') }],
        ['x', 'y'].map((name) => ({ name, call: aggregateCall('max', at(s, name)) })),
      );
    const grouped = maxima();
    const union = setOperationNode('union', true, [maxima(), maxima()]);
    expect(shown(pick(grouped, 'y'))).toBe('project y\n  aggregate max(y) AS y (integer) by k\n    s');
    expect(shown(pick(union, 'y'))).not.toContain('max(x)');
  });

  it('are not computed by window functions', () => {
    expect(shown(pick(ranked(s), 'x'))).toBe('project x\n  s');
  });
});

describe('what several views read', () => {
  const view = (name: string, input: PlanNode): OutputNode =>
    outputNode({ name, topic: name, input, ...outputShape(input, 'updates'), emit: { kind: 'updates' } });

  it('is one node after, with the rows and columns of all', () => {
    const joined = joinNode(
      'inner',
      s,
      table('r'),
      call('eq', [at(s, 'k'), { ...at(s, 'k'), index: 4 } as Expression]),
    );
    const outputs = [
      view('a', pick(filterNode(joined, is(joined, 'x', 1)), 'x')),
      view('b', filterNode(joined, is(joined, 'y', 1))),
    ];
    const [a, b] = optimizeOutputs(outputs).map((output) => output.input as PlanNode & { kind: 'filter' });
    const joinOf = (node: PlanNode): PlanNode =>
      node.kind === 'join' ? node : joinOf((node as PlanNode & { kind: 'filter' }).input);
    expect(joinOf(a!)).toBe(joinOf(b!));
    expect(joinOf(a!).columns).toHaveLength(8);
  });

  it('may still be a top-N for one of them', () => {
    const over = ranked(s);
    const outputs = optimizeOutputs([view('all', over), view('top', filterNode(over, atMost(over, 3n)))]);
    expect(outputs.map((output) => output.input.kind)).toEqual(['over', 'top-n']);
  });
});
