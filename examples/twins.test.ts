import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadProject } from '../src/app/project.ts';
import { combinedEvent, parseCombinedLine } from '../src/connector/file/combined-log.ts';
import { explain } from '../src/plan/explain.ts';
import { planHash } from '../src/plan/pipeline-text.ts';
import { openPipelineTest, type TestRow } from '../src/testing/index.ts';

/** Rows of the test of each example: enough for every window and both classes of outcome. */
const ROWS_MAX = 3_000;

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const linesOf = (path: string): string[] => readFileSync(folder(path), 'utf8').trimEnd().split('\n').slice(0, ROWS_MAX);

function requests(): TestRow[] {
  const lines = linesOf('web-traffic/data/apache_access.log');
  return lines.flatMap((line, index) => {
    const request = parseCombinedLine(line);
    return request === undefined
      ? []
      : [JSON.parse(combinedEvent(request, `line ${index + 1}`, request.timeMs)) as TestRow];
  });
}

/** No field of the file is quoted; numbers are written as they are in JSON. */
function rides(): TestRow[] {
  const [header = '', ...lines] = linesOf('rides/data/nyc-rideshare-10k.csv');
  const names = header.trim().split(',');
  return lines.map((line) =>
    Object.fromEntries(
      line
        .trim()
        .split(',')
        .flatMap((text, index) =>
          text === '' ? [] : [[names[index]!, /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text]],
        ),
    ),
  );
}

async function tablesOf(project: string, topic: string, rows: readonly TestRow[]): Promise<Record<string, string[]>> {
  const test = await openPipelineTest({ project });
  try {
    expect((await test.send(topic, rows)).refused).toBe(0);
    await test.finish();
    const [pipeline] = (await loadProject(project, { flags: {}, env: {} })).pipelines;
    const names = pipeline!.outputs.map((output) => output.name);
    return Object.fromEntries(
      names.map((name) => [
        name,
        test
          .rows(name)
          .map((row) => JSON.stringify(row))
          .sort(),
      ]),
    );
  } finally {
    await test.close();
  }
}

describe.each([
  { example: folder('web-traffic'), topic: 'requests', rows: requests },
  { example: folder('rides'), topic: 'rides', rows: rides },
])('$topic in SQL and in TypeScript', ({ example, topic, rows }) => {
  const twin = `${example}/typescript`;

  it('is one plan', async () => {
    const [sql] = (await loadProject(example, { flags: {}, env: {} })).pipelines;
    const [typescript] = (await loadProject(twin, { flags: {}, env: {} })).pipelines;
    expect(typescript!.name).toBe(basename(example));
    expect(explain(typescript!)).toBe(explain(sql!));
    expect(planHash(typescript!)).toBe(planHash(sql!));
  });

  it('gives the same tables', async () => {
    const sent = rows();
    const expected = await tablesOf(example, topic, sent);
    expect(Object.values(expected).every((table) => table.length > 0)).toBe(true);
    expect(await tablesOf(twin, topic, sent)).toEqual(expected);
  });
});
