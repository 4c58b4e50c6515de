import { parse } from 'yaml';
import { HeadraceError } from '../base/error.ts';
import { openPipelineTest, type PipelineTest, type TestRow } from './pipeline-test.ts';

/** Rows by topic or view. */
type RowsByName = Readonly<Record<string, readonly TestRow[]>>;

/** One step of a test: exactly one of these. */
export type TestStep =
  /** Rows by topic, sent in order. */
  | { readonly send: RowsByName }
  /** Moves the clock by a duration. */
  | { readonly advance: string }
  /** `crash`: the process dies and replays; `restart`: it ends as it should. */
  | { readonly crash: true }
  | { readonly restart: true }
  /** The end of the input: every window is closed. */
  | { readonly finish: true }
  /** Rows by view once everything sent has been processed; in any order, columns that are not named are not compared. */
  | { readonly expect: RowsByName }
  /** Dead letters so far. */
  | { readonly dead_letters: readonly TestRow[] };

/** One `tests/*.test.yaml`. */
export interface TestFile {
  /** What the clock reads; ISO 8601. */
  readonly now?: string;
  /** What look-ups find, by their names. */
  readonly lookups?: RowsByName;
  readonly steps: readonly TestStep[];
}

export interface TestDifference {
  /** `dead letters` for these. */
  readonly view: string;
  /** Step of the file, from 1; undefined for a file without steps. */
  readonly step?: number;
  /** Expected rows that are not there. */
  readonly missing: readonly TestRow[];
  /** Rows that nobody expected. */
  readonly unexpected: readonly TestRow[];
}

const STEPS = ['send', 'advance', 'crash', 'restart', 'finish', 'expect', 'dead_letters'] as const;

/**
 * Reads `input` and `expect`, or `steps`, of which each is one of {@link TestStep}.
 *
 * @throws HeadraceError `CONFIG_TEST_INVALID`
 */
export function parseTestFile(text: string, file: string): TestFile {
  const invalid = (why: string, cause?: unknown): HeadraceError =>
    new HeadraceError(`reading test ${file}: ${why}`, {
      code: 'CONFIG_TEST_INVALID',
      domain: 'config',
      cause,
      next: 'it holds "input" (topic -> rows) and "expect" (view -> rows), or "steps"',
    });
  let value: unknown;
  try {
    // The core schema leaves times as the text that they are in JSON.
    value = parse(text, { schema: 'core' });
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), error);
  }
  if (typeof value !== 'object' || value === null) throw invalid('it is not a mapping');
  const { input, expect, now, lookups, steps } = value as Record<string, unknown>;
  if (lookups !== undefined && !isRowsByName(lookups)) throw invalid('"lookups" is not rows by look-up');
  const world = { ...(typeof now === 'string' && { now }), ...(lookups !== undefined && { lookups }) };
  if (steps !== undefined) {
    if (input !== undefined || expect !== undefined)
      throw invalid('it has steps, so "input" and "expect" are steps too');
    if (!Array.isArray(steps)) throw invalid('"steps" is not a list');
    return { ...world, steps: steps.map((step, at) => readStep(step, at + 1, invalid)) };
  }
  if (!isRowsByName(input)) throw invalid('"input" is not rows by topic');
  if (!isRowsByName(expect)) throw invalid('"expect" is not rows by view');
  return { ...world, steps: [{ send: input }, { finish: true }, { expect }] };
}

function readStep(step: unknown, number: number, invalid: (why: string) => HeadraceError): TestStep {
  const entries = typeof step === 'object' && step !== null ? Object.entries(step) : [];
  const [name, value] = entries[0] ?? ['', undefined];
  const wrong = (why: string): HeadraceError => invalid(`step ${number} ${why}`);
  if (entries.length !== 1 || !(STEPS as readonly string[]).includes(name)) {
    throw wrong(`is not one of ${STEPS.join(', ')}`);
  }
  if ((name === 'send' || name === 'expect') && !isRowsByName(value)) throw wrong(`(${name}) is not rows by name`);
  if (name === 'dead_letters' && !Array.isArray(value)) throw wrong('(dead_letters) is not a list of rows');
  if (name === 'advance' && typeof value !== 'string') throw wrong('(advance) is not a duration such as 10 s');
  return step as TestStep;
}

/** Runs a test file over a project; empty when all is as expected. */
export async function runTestFile(project: string, file: TestFile): Promise<readonly TestDifference[]> {
  const { now, lookups } = file;
  const test = await openPipelineTest({ project, ...(now !== undefined && { now }), ...(lookups && { lookups }) });
  try {
    const differences: TestDifference[] = [];
    for (const [at, step] of file.steps.entries()) {
      for (const difference of await runStep(test, step)) differences.push({ ...difference, step: at + 1 });
    }
    return differences;
  } finally {
    await test.close();
  }
}

async function runStep(test: PipelineTest, step: TestStep): Promise<readonly TestDifference[]> {
  if ('send' in step) for (const [topic, rows] of Object.entries(step.send)) await test.send(topic, rows);
  else if ('advance' in step) test.advance(step.advance);
  else if ('crash' in step) await test.crash();
  else if ('restart' in step) await test.restart();
  else if ('finish' in step) await test.finish();
  else {
    await test.settle();
    const found =
      'expect' in step
        ? Object.entries(step.expect).map(([view, expected]) => compareRows(view, expected, test.rows(view)))
        : [compareRows('dead letters', step.dead_letters, test.deadLetters() as unknown as readonly TestRow[])];
    return found.filter(({ missing, unexpected }) => missing.length + unexpected.length > 0);
  }
  return [];
}

/**
 * Compares as bags of rows, by the columns that an expected row names.
 *
 * @example
 * ```ts
 * const difference = compareRows('orders_1m', [{ shop: 'a', orders: 2 }], [{ shop: 'a', orders: 1, revenue: 5 }]);
 * difference.missing; // [{ shop: 'a', orders: 2 }]
 * difference.unexpected; // [{ shop: 'a', orders: 1, revenue: 5 }]
 * ```
 */
export function compareRows(view: string, expected: readonly TestRow[], actual: readonly TestRow[]): TestDifference {
  const left = [...actual];
  const missing = expected.filter((row) => {
    const at = left.findIndex((candidate) => Object.keys(row).every((name) => equalValue(row[name], candidate[name])));
    if (at < 0) return true;
    left.splice(at, 1);
    return false;
  });
  return { view, missing, unexpected: left };
}

function equalValue(expected: unknown, actual: unknown): boolean {
  return JSON.stringify(expected ?? null) === JSON.stringify(actual ?? null);
}

function isRowsByName(value: unknown): value is RowsByName {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((rows) => Array.isArray(rows));
}
