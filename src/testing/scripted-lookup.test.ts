import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseTestFile, runTestFile } from './index.ts';

const PIPELINE = `CREATE SOURCE orders (id text, customer text) WITH (topic = 'orders');
CREATE LOOKUP customers (id text PRIMARY KEY, name text, level int4 FROM '$.account.level')
  WITH (connector = 'http', url = 'https://crm.example.com/{id}');
CREATE MATERIALIZED VIEW v AS SELECT o.id, c.name, c.level FROM orders o LEFT JOIN customers c ON c.id = o.customer;`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'scripted-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function run(text: string) {
  const file = join(dir, 'p.sql');
  writeFileSync(file, PIPELINE);
  return runTestFile(file, parseTestFile(text, 'p.test.yaml'));
}

describe('the look-ups of a test', () => {
  it('find the rows of the test, and ask nobody', async () => {
    expect(
      await run(`
lookups:
  customers:
    - { id: a, name: Ada, account: { level: 3 } }
    - { id: b, name: Bo, account: { level: much } }
steps:
  - send: { orders: [{ id: '1', customer: a }, { id: '2', customer: x }, { id: '3', customer: b }] }
  - crash: true
  - expect: { v: [{ id: '1', name: Ada, level: 3 }, { id: '2', name: null, level: null }] }
  - dead_letters: [{ reason: lookup, offset: 2 }]
`),
    ).toEqual([]);
  });

  it('are rows by look-up', () => {
    expect(() => parseTestFile('lookups: 3\nsteps: []', 't.yaml')).toThrow('"lookups" is not rows by look-up');
  });
});
