import { describe, expect, it } from 'vitest';
import { explain } from '../plan/explain.ts';
import { expressionText } from '../plan/expression-text.ts';
import { inputsOf } from '../plan/factory.ts';
import type { PlanNode, UserCallNode } from '../plan/node.ts';
import { dataflowHash, deserializePipeline, serializePipeline, stateHash } from '../plan/pipeline-text.ts';
import { compilePipeline } from './statement/pipeline-compiler.ts';

const DECLARED = `CREATE SOURCE s (a text, n int, ok boolean);
CREATE FUNCTION f(a text) RETURNS text LANGUAGE typescript AS 'f.ts' WITH (async = true);
CREATE FUNCTION g(a text) RETURNS int LANGUAGE typescript AS 'f.ts' WITH (pool = true);
CREATE FUNCTION r() RETURNS int LANGUAGE typescript AS 'f.ts' WITH (volatile = true);
CREATE FUNCTION plain(a text) RETURNS text LANGUAGE typescript AS 'f.ts';
`;

const compiled = (query: string) =>
  compilePipeline(`${DECLARED}CREATE MATERIALIZED VIEW v AS ${query};`, {
    name: 'p',
    loadModule: () => ({ hash: 'h', code: '' }),
  });

async function plan(query: string): Promise<string[]> {
  const lines = explain(await compiled(query))
    .split('\n')
    .slice(2);
  return lines.map((line) => line.trim()).filter((line) => !line.startsWith('source '));
}

async function calls(query: string): Promise<string[]> {
  const found: UserCallNode[] = [];
  const visit = (node: PlanNode): void => {
    for (const input of inputsOf(node)) visit(input);
    if (node.kind === 'user-call') found.push(node);
  };
  visit((await compiled(query)).outputs[0]!.input);
  return found.map((node) =>
    node.calls
      .map(({ name, args, when }) => {
        const text = `${name}(${args.map(expressionText).join(', ')})`;
        return when === undefined ? text : `${text} when ${expressionText(when)}`;
      })
      .join('; '),
  );
}

describe('calls that are journaled', () => {
  it('become columns below the expression that uses them', async () => {
    expect(await plan("SELECT n, f(a) || '!' AS shout FROM s")).toEqual(["project n, f || '!' AS shout", 'call f']);
  });

  it('stay where they are when they are synchronous and deterministic', async () => {
    expect(await plan('SELECT plain(a) AS x FROM s')).toEqual(['project plain(a) AS x']);
  });

  it('are made together unless one needs the result of another', async () => {
    expect(await calls('SELECT f(a) AS x, g(a) AS y, g(f(plain(a))) AS z FROM s')).toEqual([
      'f(a); g(a); f(plain(a))',
      'g(f_2)',
    ]);
  });

  it('are made once for equal arguments, but for volatile ones', async () => {
    expect(await calls('SELECT f(a) AS x, f(a) AS y FROM s')).toEqual(['f(a)']);
    expect(await calls('SELECT r() AS x, r() AS y FROM s')).toEqual(['r(); r()']);
  });

  it('are made only where the expression comes to them', async () => {
    expect(await calls("SELECT CASE WHEN n > 1 THEN f(a) WHEN n > 0 THEN f('x') ELSE f('y') END AS x FROM s")).toEqual([
      "f(a) when (n > 1) IS TRUE; f('x') when (n > 1) IS NOT TRUE AND (n > 0) IS TRUE; f('y') when (n > 1) IS NOT TRUE AND (n > 0) IS NOT TRUE",
    ]);
    expect(await calls('SELECT coalesce(a, f(a)) AS x FROM s')).toEqual(['f(a) when a IS NULL']);
    expect(await calls('SELECT ok OR g(a) > 1 AS x FROM s')).toEqual(['g(a) when ok IS NOT TRUE']);
    expect(await calls('SELECT count(f(a)) FILTER (WHERE ok) AS x FROM s')).toEqual(['f(a) when ok IS TRUE']);
  });

  it('wait for the result that decides whether they are made', async () => {
    expect(await calls("SELECT CASE WHEN g(a) > 1 THEN f(a) ELSE '' END AS x FROM s")).toEqual([
      'g(a)',
      'f(a) when (g > 1) IS TRUE',
    ]);
  });

  it('are not made for rows that conditions before them leave out', async () => {
    expect(await plan('SELECT n FROM s WHERE ok AND n > 1 AND g(a) > 2')).toEqual([
      'project n',
      'project a, n, ok',
      'filter g > 2',
      'call g',
      'filter ok AND n > 1',
    ]);
  });

  it('may group', async () => {
    expect((await plan('SELECT f(a) AS x, sum(g(a)) AS y FROM s GROUP BY f(a)')).at(-1)).toBe('call f, g');
  });

  it('leave the state as good as it was when only how they are made changes', async () => {
    const of = async (options: string) => {
      const text = `CREATE SOURCE s (a text);
        CREATE FUNCTION f(a text) RETURNS text LANGUAGE typescript AS 'f.ts' WITH (${options});
        CREATE LOOKUP l (a text PRIMARY KEY, b text) WITH (connector = 'http', url = 'http://x/{a}', timeout = '${options.length} s');
        CREATE MATERIALIZED VIEW v AS SELECT f(s.a) AS x, b FROM s JOIN l ON l.a = s.a;`;
      return compilePipeline(text, { name: 'p', loadModule: () => ({ hash: 'h', code: '' }) });
    };
    const first = await of('async = true');
    const slower = await of("async = true, timeout = '20 s', retries = 9, concurrency = 2");
    expect(stateHash(slower)).toBe(stateHash(first));
    expect(dataflowHash(slower)).not.toBe(dataflowHash(first));
    expect(stateHash(await of('pool = true'))).not.toBe(stateHash(first));
  });

  it('survive the text of a pipeline', async () => {
    const pipeline = await compiled('SELECT CASE WHEN ok THEN f(a) END AS x FROM s');
    expect(serializePipeline(deserializePipeline(serializePipeline(pipeline)))).toBe(serializePipeline(pipeline));
  });
});
