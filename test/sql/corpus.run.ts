/**
 * The whole SQL corpus, counted by file and mode; what is excluded is run too, and told when it would pass.
 *
 *   npm run test:sql -- [FILE ...] [--mode query|view] [--fit] [--verbose]
 *
 * `--fit` writes into the files what fails now (with its reason) and takes out what passes; read the difference before it is kept.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { corpusFiles, corpusPath } from './corpus.ts';
import {
  type CorpusFile,
  type CorpusRecord,
  type Exclusion,
  type ExclusionKind,
  formatCorpusFile,
  type Mode,
} from './corpus-file.ts';
import { type CorpusResult, isExcluded, runCorpusFile } from './corpus-run.ts';
import type { Outcome } from './expectation.ts';
import { QueryMode } from './query-mode.ts';

const { values: flags, positionals } = parseArgs({
  options: {
    mode: { type: 'string' },
    fit: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const modes: readonly Mode[] = flags.mode === undefined ? ['query', 'view'] : [flags.mode as Mode];
const REASON_MAX = 160;

const UNSUPPORTED = new Set([
  'SQL_NOT_SUPPORTED',
  'SERVING_QUERY_UNSUPPORTED',
  'ENGINE_NODE_UNSUPPORTED',
  'PLAN_UNKNOWN_FUNCTION',
  'SQL_UNKNOWN_TYPE',
  'ENGINE_AGGREGATE_UNSUPPORTED',
  'ENGINE_COLUMN_UNSUPPORTED',
]);

const startedAt = performance.now();
const queryMode = await QueryMode.open();
const total = { records: 0, errors: 0, query: 0, view: 0, failed: 0, excluded: 0, wrong: 0, revived: 0 };
console.log('file                      records  query   view  excluded  failed');
for (const file of corpusFiles(positionals)) {
  const results = await runCorpusFile(file, queryMode, { modes, excluded: true });
  report(file, results);
  if (flags.fit) writeFileSync(corpusPath(file.name), formatCorpusFile(fitted(file, results)));
}
queryMode.close();
const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
const detail = { ...total, seconds };
console.log(
  JSON.stringify({
    bench: 'sql-corpus',
    value: total.query + total.view,
    unit: 'records',
    against: 'PostgreSQL 15',
    ratio: null,
    detail,
  }),
);
process.exit(total.failed > 0 && !flags.fit ? 1 : 0);

function report(file: CorpusFile, results: readonly CorpusResult[]): void {
  const passed = (mode: Mode): number =>
    results.filter((each) => each.mode === mode && each.failure === undefined).length;
  const failed = results.filter(({ record, mode, failure }) => failure !== undefined && !isExcluded(record, mode));
  const excluded = results.filter(({ record, mode, failure }) => failure !== undefined && isExcluded(record, mode));
  const revived = results.filter(({ record, mode, failure }) => failure === undefined && isExcluded(record, mode));
  const cells = [file.records.length, passed('query'), passed('view'), excluded.length, failed.length];
  console.log(
    `${file.name.padEnd(25)} ${cells.map((cell, i) => String(cell).padStart([7, 6, 6, 9, 7][i]!)).join(' ')}`,
  );
  for (const { record, mode, failure } of flags.verbose ? [...failed, ...excluded] : failed) {
    console.log(
      `  ${file.name}.test:${record.line} (${mode}): ${failure}\n    ${record.sql.replaceAll('\n', '\n    ')}`,
    );
  }
  for (const { record, mode } of revived) console.log(`  ${file.name}.test:${record.line} (${mode}) passes now`);
  total.records += file.records.length;
  total.errors += file.records.filter(({ kind }) => kind === 'error').length;
  total.query += passed('query');
  total.view += passed('view');
  total.failed += failed.length;
  total.excluded += excluded.length;
  total.wrong += file.records.flatMap(({ exclusions }) => exclusions).filter(({ kind }) => kind === 'wrong').length;
  total.revived += revived.length;
}

function fitted(file: CorpusFile, results: readonly CorpusResult[]): CorpusFile {
  const records = file.records.map((record): CorpusRecord => {
    const own = results.filter((each) => each.record === record);
    const kept = record.exclusions.filter(({ mode, kind }) => {
      const result = own.find((each) => each.mode === mode);
      return result === undefined || (kind === 'differs' && result.failure !== undefined);
    });
    const found = own
      .filter(({ mode, failure }) => failure !== undefined && !kept.some((exclusion) => exclusion.mode === mode))
      .map(({ mode, failure, outcome }): Exclusion => {
        return {
          mode,
          kind: kindOf(outcome),
          reason: reasonOf(failure!, outcome).replaceAll('\n', ' ').slice(0, REASON_MAX),
        };
      });
    return { ...record, exclusions: [...kept, ...found] };
  });
  return { ...file, records };
}

/** An error of ours for which PostgreSQL's is another one is told as it is. */
function reasonOf(failure: string, outcome: Outcome | undefined): string {
  const isOpen = failure.startsWith('the record does not say') && outcome?.kind === 'error';
  return isOpen ? `it says ${outcome.code} ${outcome.message}` : failure;
}

function kindOf(outcome: Outcome | undefined): ExclusionKind {
  return outcome?.kind === 'error' && UNSUPPORTED.has(outcome.code) ? 'unsupported' : 'wrong';
}
