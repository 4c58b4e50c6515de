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
