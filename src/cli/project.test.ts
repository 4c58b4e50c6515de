import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from './main.ts';

const folder = mkdtempSync(join(tmpdir(), 'project-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a project made by headrace init', () => {
  const terminal = {
    out: () => {},
    err: (text: string) => expect(text).toBe(''),
    width: undefined,
    colors: false,
    interactive: false,
  };
  const headrace = (line: readonly string[]) =>
    main(line, { env: {}, cwd: folder, terminal, signal: new AbortController().signal });

  it('passes its test', async () => {
    expect(await headrace(['init', 'app'])).toBe(0);
    expect(await headrace(['test', 'app'])).toBe(0);
  });

  it('passes its test when it was made from NDJSON with nested fields', async () => {
    const records = [0, 1, 2, 3].map((i) => ({
      id: i,
      at: `2026-01-31T12:00:5${i}Z`,
      data: { shop: i % 2 ? 'a' : 'b', 'net price': i / 2 },
      note: i ? 'x' : null,
    }));
    writeFileSync(join(folder, 'sales.ndjson'), records.map((record) => JSON.stringify(record)).join('\n'));
    expect(await headrace(['init', 'sales', '--from', 'sales.ndjson'])).toBe(0);
    expect(await headrace(['test', 'sales'])).toBe(0);
  });

  it('passes its test whatever the fields are called and hold', async () => {
    const record = (i: number) => ({
      select: i % 2 ? 'a' : 'b',
      when: `2026-05-01 10:00:0${i}`,
      größe: i / 2,
      '0num': '7',
      mixed: i % 2 ? 1 : 'text',
      big: 2 ** 64,
      dup: 'x',
      DUP: 'y',
      list: [{ sku: i }],
      empty: {},
      nothing: null,
    });
    writeFileSync(join(folder, 'odd.ndjson'), `\ufeff${[0, 1, 2, 3].map((i) => JSON.stringify(record(i))).join('\n')}`);
    expect(await headrace(['init', 'odd', '--from', 'odd.ndjson'])).toBe(0);
    expect(await headrace(['test', 'odd'])).toBe(0);
    const sql = readFileSync(join(folder, 'odd/pipelines/odd.sql'), 'utf8');
    for (const column of ['größe float8', 'mixed jsonb', 'big numeric', "dup_2 text FROM '$.DUP'", 'list jsonb']) {
      expect(sql).toContain(column);
    }
  });

  it('passes its test when a column of the CSV has no name', async () => {
    writeFileSync(join(folder, 'index.csv'), ',at,n\n0,2026-01-31T12:00:00Z,1\n1,2026-01-31T12:00:01Z,2\n');
    expect(await headrace(['init', 'index', '--from', 'index.csv'])).toBe(0);
    expect(await headrace(['test', 'index'])).toBe(0);
    // "err" of this terminal refuses any word of dead letters.
    expect(await headrace(['run', 'index', '--until-idle'])).toBe(0);
  });

  it('passes its test when it was made from CSV', async () => {
    writeFileSync(
      join(folder, 'rides.csv'),
      'time,zone,miles,kind\n2026-01-31 12:00:00,1,2.5,uber\n2026-01-31 12:01:30,2,3,lyft\n2026-01-31 12:00:40,2,,uber\n2026-01-31 12:00:41,2,1,lyft\n',
    );
    expect(await headrace(['init', 'rides', '--from', 'rides.csv'])).toBe(0);
    expect(await headrace(['test', 'rides'])).toBe(0);
    // One row is 50 seconds behind the one before it: none may be late.
    expect(readFileSync(join(folder, 'rides/pipelines/rides.sql'), 'utf8')).toContain("INTERVAL '1 minute'\n");
  });
});
