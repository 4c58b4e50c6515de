import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { main } from './main.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function explain(flags: readonly string[], project = 'examples/web-traffic'): Promise<string> {
  let text = '';
  const terminal = {
    out: (part: string) => {
      text += part;
    },
    err: (part: string) => expect(part).toBe(''),
    width: undefined,
    colors: false,
    interactive: false,
  };
  const signal = new AbortController().signal;
  expect(await main(['explain', project, ...flags], { env: {}, cwd: root, terminal, signal })).toBe(0);
  return text;
}

it('headrace explain says who runs each expression, and who checks each part of a schema', async () => {
  const text = await explain([]);
  expect(text).toContain('status >= 400 (compiledBy: wasm)');
  expect(text).toContain('/properties/status/minimum: the kernel, at full speed');
});

it('headrace explain --json says the same to a program', async () => {
  const { pipelines, topics } = JSON.parse(await explain(['--json']));
  expect(pipelines[0].name).toBe('web-traffic');
  expect(topics[0].parts).toContainEqual({
    pointer: '/properties/status/minimum',
    keyword: 'minimum',
    runs: 'kernel',
  });
});

it('headrace explain warns of a join that keeps its rows for ever', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'headrace-explain-'));
  try {
    const file = join(dir, 'p.sql');
    writeFileSync(
      file,
      'CREATE SOURCE a (k text); CREATE SOURCE b (k text); CREATE MATERIALIZED VIEW v AS SELECT a.k FROM a JOIN b USING (k);',
    );
    expect(await explain([], file)).toMatch(/warning: view "v": the inner join keeps rows of its inputs for ever/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
