import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../sql/statement/pipeline-compiler.ts';
import { explainPipeline } from './explain.ts';

const SOURCE = `CREATE SOURCE requests (time timestamptz NOT NULL, ip text, path text, status int4, doc jsonb,
  WATERMARK FOR time AS time - INTERVAL '5 seconds') WITH (topic = 'requests', format = 'json');`;

async function explained(select: string): Promise<string> {
  const sql = `${SOURCE} CREATE MATERIALIZED VIEW v AS ${select};`;
  return explainPipeline(await compilePipeline(sql, { name: 'p', file: 'p.sql' }));
}

describe('explain', () => {
  it('says who runs each expression: compiled code, the interpreter, or both by turns', async () => {
    const text =
      await explained(`SELECT status / 100 AS class, path ~ ip AS api, upper(doc ->> 'name') AS name, reverse(ip) AS pi
      FROM requests WHERE status >= 400 AND path ~ ip`);
    expect(text.split('\n').filter((line) => line.includes('compiledBy'))).toEqual([
      '    - status / 100 (compiledBy: wasm)',
      '    - path ~ ip (compiledBy: interpreter)',
      "    - upper(doc ->> 'name') (compiledBy: wasm)",
      '    - reverse(ip) (compiledBy: interpreter)',
      '      - status >= 400 AND path ~ ip (compiledBy: mixed)',
    ]);
  });

  it('says of an aggregate that has no kernel that its expressions are interpreted', async () => {
    const counted = await explained('SELECT status % 10 AS s, sum(status * 2) AS n FROM requests GROUP BY status % 10');
    expect(counted).toContain('- status * 2 (compiledBy: wasm)');
    const numeric = await explained('SELECT status, sum((status * 2)::numeric) AS n FROM requests GROUP BY status');
    expect(numeric).toMatch(/status \* 2.*\(compiledBy: interpreter\)/);
  });

  it('says of a join which keys are computed, and what is asked of each pair', async () => {
    const text = await explained(
      'SELECT a.ip FROM requests a JOIN requests b ON a.status + 1 = b.status AND a.ip = b.ip AND a.time < b.time',
    );
    expect(text.split('\n').filter((line) => line.includes('compiledBy'))).toEqual([
      '      - status + 1 (compiledBy: wasm)',
      '      - time < time (compiledBy: wasm)',
    ]);
  });

  it('says on several workers where rows go from task to task, and what the stages are', async () => {
    const sql = `${SOURCE} CREATE MATERIALIZED VIEW v AS
      SELECT n, count(*) AS ips FROM (SELECT ip, count(DISTINCT path) AS n FROM requests WHERE status > 200 GROUP BY ip) AS c GROUP BY n;`;
    const pipeline = await compilePipeline(sql, { name: 'p', file: 'p.sql' });
    const lines = explainPipeline(pipeline, 2).split('\n');
    const plan = lines.filter((line) => !line.includes('compiledBy')).map((line) => line.trim());
    expect(plan.filter((line) => /^(exchange|aggregate|filter|stage)/.test(line))).toEqual([
      'aggregate count(*) AS ips (bigint) by n',
      'exchange by n',
      'aggregate count(DISTINCT path) AS n (bigint) by ip',
      'exchange by ip',
      'filter status > 200',
      'stage 0: 2 tasks, no more than its sources have partitions; reads requests',
      'stage 1: 2 tasks; reads stage 0',
      'stage 2: 2 tasks; reads stage 1',
    ]);
    expect(lines.some((line) => line.includes('status > 200 (compiledBy: wasm)'))).toBe(true);
  });
});
