import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeadLetter } from '../log/dead-letter.ts';
import { planHash } from '../plan/pipeline-text.ts';
import { loadProject, type Project } from './project.ts';
import { type RunningApp, startRuntime } from './runtime.ts';

const WORDS = `export function shout(id: string, amount: number): string {
  if (amount < 0) throw new RangeError(id + ' costs less than nothing');
  return id.toUpperCase();
}
`;
const TYPESCRIPT = `import { pipeline, source, t, udf } from 'headrace';
import { shout } from '../functions/words.ts';

const orders = source('orders', {
  columns: { id: t.text().notNull(), amount: t.int4().notNull() },
});

export const label = udf('label', [t.text(), t.int4()], t.text(), (id, amount) => shout(id ?? '', amount ?? 0));

export default pipeline('orders', (p) => {
  p.view('labels', orders.select((r) => ({ id: r.id, label: label(r.id, r.amount) })));
});
`;
const SQL = `CREATE SOURCE orders (id text NOT NULL, amount int4 NOT NULL) WITH (topic = 'orders');
CREATE FUNCTION label(id text, amount int4) RETURNS text LANGUAGE typescript AS '../functions/words.ts#shout';
CREATE MATERIALIZED VIEW labels AS SELECT id, label(id, amount) AS label FROM orders;
`;

let dir: string;
let app: RunningApp | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'user-function-'));
});
afterEach(async () => {
  await app?.stop();
  app = undefined;
  rmSync(dir, { recursive: true, force: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}

const load = (): Promise<Project> => loadProject(dir, { flags: {}, env: {} });

async function start(): Promise<RunningApp> {
  app = await startRuntime({ projectDir: dir, flags: { 'http-port': '0' }, env: {}, until: 'stopped' });
  return app;
}

async function get<Answer>({ url }: RunningApp, path: string): Promise<Answer> {
  return (await (await fetch(`${url}/api/v2/${path}`)).json()) as Answer;
}

describe.each([
  ['a TypeScript pipeline', 'pipelines/orders.ts', TYPESCRIPT],
  ['CREATE FUNCTION', 'pipelines/orders.sql', SQL],
])('the user function of %s', (_, path, text) => {
  it('makes rows in the worker; a row on which it throws is a dead letter that says where', async () => {
    write({ [path]: text, 'functions/words.ts': WORDS });
    const running = await start();
    const body = [5, -1, 7].map((amount, i) => JSON.stringify({ id: `order-${i}`, amount })).join('\n');
    const headers = { 'content-type': 'application/x-ndjson' };
    await fetch(`${running.url}/api/v2/ingest/orders`, { method: 'POST', headers, body });
    await running.idle();
    const { records } = await get<{ records: { value: string }[] }>(running, 'topics/labels/records');
    expect(records.map(({ value }) => JSON.parse(value) as unknown)).toEqual([
      { id: 'order-0', label: 'ORDER-0' },
      { id: 'order-2', label: 'ORDER-2' },
    ]);
    const { deadLetters } = await get<{ deadLetters: DeadLetter[] }>(running, 'dead-letters');
    expect(deadLetters).toMatchObject([
      { topic: 'orders', offset: 1, reason: 'user-function', value: '{"id":"order-1","amount":-1}' },
    ]);
    expect(deadLetters[0]!.message).toMatch(
      /order-1 costs less than nothing\n {4}at shout \(functions\/words\.ts:2:25\)/,
    );
  });
});

describe('the plan of a pipeline with functions', () => {
  const hash = async (): Promise<string> => planHash((await load()).pipelines[0]!);

  it('is the same wherever the project lies, and after a comment was edited', async () => {
    write({ 'pipelines/orders.ts': TYPESCRIPT, 'functions/words.ts': WORDS });
    const before = await hash();
    write({ 'functions/words.ts': `// Words.\n${WORDS}` });
    expect(await hash()).toBe(before);
    rmSync(dir, { recursive: true });
    dir = mkdtempSync(join(tmpdir(), 'elsewhere-'));
    write({ 'pipelines/orders.ts': TYPESCRIPT, 'functions/words.ts': WORDS });
    expect(await hash()).toBe(before);
  });

  it('is another one when a function has changed', async () => {
    write({ 'pipelines/orders.ts': TYPESCRIPT, 'functions/words.ts': WORDS });
    const before = await hash();
    write({ 'functions/words.ts': WORDS.replace('toUpperCase', 'toLowerCase') });
    expect(await hash()).not.toBe(before);
  });
});

describe('a mistake in TypeScript', () => {
  it.each([
    ['a misspelt column', TYPESCRIPT.replace('r.amount', 'r.amuont'), 'did you mean "amount"?', 11, 75],
    ['a syntax error', TYPESCRIPT.replace('export default', 'export default default'), 'Unexpected "default"', 10, 16],
    ['an import that is not there', TYPESCRIPT.replace('words.ts', 'word.ts'), 'Could not resolve', 2, 23],
    [
      'a function that is not exported',
      TYPESCRIPT.replace('export const label', 'const label'),
      'export const label',
      1,
      1,
    ],
    ['no pipeline', 'export default 1;', 'its default export is not a pipeline', 1, 1],
  ])('%s is shown with its place', async (_, text, message, line, column) => {
    write({ 'pipelines/orders.ts': text, 'functions/words.ts': WORDS });
    await expect(load()).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      position: { file: relative(process.cwd(), join(dir, 'pipelines/orders.ts')), line, column },
    });
  });

  it.each([
    ['a file that is not there', SQL.replace('words.ts', 'word.ts'), 'there is no file', 2, 81],
    ['an export that is not there', SQL.replace('#shout', '#shuot'), 'did you mean "shout"?', 2, 81],
  ])('%s is shown in the SQL', async (_, text, message, line, column) => {
    write({ 'pipelines/orders.sql': text, 'functions/words.ts': WORDS });
    await expect(load()).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      position: { line, column },
    });
  });
});
