import { type CorpusFile, type CorpusRecord, MODES, type Mode } from './corpus-file.ts';
import { mismatch, type Outcome } from './expectation.ts';
import type { QueryMode } from './query-mode.ts';
import { runViews } from './view-mode.ts';

export interface CorpusResult {
  readonly record: CorpusRecord;
  readonly mode: Mode;
  /** Why it is not as expected; undefined when it is. */
  readonly failure: string | undefined;
  /** What came out; undefined when the record was not run. */
  readonly outcome: Outcome | undefined;
}

export interface CorpusRunOptions {
  readonly modes?: readonly Mode[];
  /** Runs what is excluded too, to see whether it still fails. */
  readonly excluded?: boolean;
}

/** Runs the records of a file in its modes. */
export async function runCorpusFile(
  file: CorpusFile,
  queryMode: QueryMode,
  { modes = MODES, excluded = false }: CorpusRunOptions = {},
): Promise<readonly CorpusResult[]> {
  const results: CorpusResult[] = [];
  for (const mode of modes) {
    if (file.excludedModes.includes(mode)) continue;
    const records = file.records.filter((record) => excluded || !isExcluded(record, mode));
    const outcomes = mode === 'view' ? await runViews(file, records) : await askAll(file, records, queryMode);
    for (const record of records) {
      // A view has no order.
      const judged = mode === 'view' ? { ...record, rowsort: true } : record;
      const outcome = outcomes.get(record)!;
      results.push({ record, mode, failure: mismatch(judged, outcome), outcome });
    }
  }
  return results;
}

export const isExcluded = (record: CorpusRecord, mode: Mode): boolean =>
  record.exclusions.some((exclusion) => exclusion.mode === mode);

async function askAll(
  file: CorpusFile,
  records: readonly CorpusRecord[],
  queryMode: QueryMode,
): Promise<ReadonlyMap<CorpusRecord, Outcome>> {
  await queryMode.load(file);
  const outcomes = new Map<CorpusRecord, Outcome>();
  for (const record of records) outcomes.set(record, await queryMode.run(record));
  return outcomes;
}
