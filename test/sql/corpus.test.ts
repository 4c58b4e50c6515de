import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corpusFiles } from './corpus.ts';
import { formatCorpusFile, parseCorpusFile } from './corpus-file.ts';
import { runCorpusFile } from './corpus-run.ts';
import { QueryMode } from './query-mode.ts';

let queryMode: QueryMode;
beforeAll(async () => {
  queryMode = await QueryMode.open();
});
afterAll(() => queryMode.close());

describe('the SQL corpus, as queries and as materialized views', () => {
  it.each(corpusFiles().map((file) => [file.name, file] as const))('%s', async (_, file) => {
    const results = await runCorpusFile(file, queryMode);
    const failures = results
      .filter(({ failure }) => failure !== undefined)
      .map(({ record, mode, failure }) => `${file.name}.test:${record.line} (${mode}): ${failure}`);
    expect(failures).toEqual([]);
  });

  it('leaves out on purpose only what docs/sql/differences.md says', () => {
    const page = readFileSync(join(process.cwd(), 'docs/sql/differences.md'), 'utf8');
    const reasons = corpusFiles().flatMap(({ records }) =>
      records.flatMap(({ exclusions }) =>
        exclusions.filter(({ kind }) => kind === 'differs').map(({ reason }) => reason),
      ),
    );
    expect([...new Set(reasons)].filter((reason) => !page.includes(`**${reason}**`))).toEqual([]);
    const said = [...page.matchAll(/^\| \*\*(.*?)\*\*/gm)].map(([, reason]) => reason!);
    expect(said.filter((reason) => !reasons.includes(reason))).toEqual([]);
  });

  it('is written as the formatter writes it', () => {
    for (const file of corpusFiles()) {
      const text = formatCorpusFile(file);
      expect(formatCorpusFile(parseCorpusFile(file.name, text))).toBe(text);
    }
  });
});
