import { describe, expect, it } from 'vitest';
import { HeadraceError } from '../../base/error.ts';
import { explain } from '../../plan/explain.ts';
import { compilePipeline } from '../statement/pipeline-compiler.ts';

const DECLARED = `CREATE SOURCE orders (id text, customer text, region int4);
CREATE LOOKUP customers (id text PRIMARY KEY, name text) WITH (connector = 'http', url = 'http://x/{id}');
CREATE LOOKUP places (region int8, id text, place text, PRIMARY KEY (region, id)) WITH (connector = 'http', url = 'http://x');
`;
const compiled = (text: string) => compilePipeline(DECLARED + text, { name: 'p' });
const view = (query: string) => `CREATE MATERIALIZED VIEW v AS ${query};`;
async function plan(query: string): Promise<string[]> {
  const lines = explain(await compiled(view(query))).split('\n');
  return lines.slice(2).map((line) => line.trim());
}

describe('a join with a look-up', () => {
  it('asks by the key', async () => {
    expect(await plan('SELECT o.id, name FROM orders o JOIN customers c ON c.id = upper(o.customer)')).toEqual([
      'project id, name',
      'inner look-up customers (http) by upper(customer)',
      'source orders (topic orders)',
    ]);
  });

  it('asks by all columns of the key, cast to their types', async () => {
    expect(await plan('SELECT place FROM orders o LEFT JOIN places p ON p.id = o.id AND o.region = p.region')).toEqual([
      'project place',
      'left look-up places (http) by region::bigint, id',
      'source orders (topic orders)',
    ]);
  });

  it('takes USING, and shows a column that is joined by once', async () => {
    expect((await plan('SELECT * FROM orders JOIN places USING (region, id)'))[0]).toContain('project');
    const pipeline = await compiled(view('SELECT * FROM orders JOIN customers USING (id)'));
    expect(pipeline.outputs[0]!.input.columns.map(({ name }) => name)).toEqual(['id', 'customer', 'region', 'name']);
  });

  it.each([
    [view('SELECT 1 AS x FROM orders o JOIN places p ON p.id = o.id'), 'must be joined by its key (region, id)'],
    [view('SELECT 1 AS x FROM orders o JOIN customers c ON c.name = o.id'), 'must be joined by its key (id)'],
    [view('SELECT 1 AS x FROM orders o RIGHT JOIN customers c ON c.id = o.id'), 'has no rows of its own'],
    [view('SELECT 1 AS x FROM customers'), 'has no rows of its own'],
    [
      view('SELECT 1 AS x FROM orders o JOIN customers o ON o.id = o.customer'),
      'table name "o" specified more than once',
    ],
    ["CREATE LOOKUP l (a text) WITH (connector = 'http');", 'has no key'],
    ["CREATE LOOKUP l (a text PRIMARY KEY, a text) WITH (connector = 'http');", '"a" is declared twice'],
    ["CREATE LOOKUP l (ab text, PRIMARY KEY (ac)) WITH (connector = 'http');", 'did you mean "ab"?'],
    ['CREATE LOOKUP l (a text PRIMARY KEY);', 'names no connector'],
  ])('refuses %s', async (text, message) => {
    const error: unknown = await compiled(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HeadraceError);
    expect((error as HeadraceError).message).toContain(message);
    expect((error as HeadraceError).position).toBeDefined();
  });
});
