import { parse } from 'yaml';
import { HeadraceError } from '../base/error.ts';
import { openPipelineTest, type TestRow } from './pipeline-test.ts';

/** One `tests/*.test.yaml`: rows in, rows out. */
export interface TestFile {
  /** What the clock reads; ISO 8601. */
  readonly now?: string;
  /** Rows by topic, sent in order. */
  readonly input: Readonly<Record<string, readonly TestRow[]>>;
  /** Rows by view, in any order; columns that are not named are not compared. */
  readonly expect: Readonly<Record<string, readonly TestRow[]>>;
}

export interface TestDifference {
  readonly view: string;
  /** Expected rows that are not there. */
  readonly missing: readonly TestRow[];
  /** Rows that nobody expected. */
  readonly unexpected: readonly TestRow[];
}

/** @throws HeadraceError `CONFIG_TEST_INVALID` */
export function parseTestFile(text: string, file: string): TestFile {
  const invalid = (why: string, cause?: unknown): HeadraceError =>
    new HeadraceError(`reading test ${file}: ${why}`, {
      code: 'CONFIG_TEST_INVALID',
      domain: 'config',
      cause,
      next: 'it holds "input" (topic -> rows) and "expect" (view -> rows)',
    });
  let value: unknown;
  try {
    // The core schema leaves times as the text that they are in JSON.
    value = parse(text, { schema: 'core' });
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), error);
  }
  if (typeof value !== 'object' || value === null) throw invalid('it is not a mapping');
  const { input, expect, now } = value as Record<string, unknown>;
  if (!isRowsByName(input)) throw invalid('"input" is not rows by topic');
  if (!isRowsByName(expect)) throw invalid('"expect" is not rows by view');
  return { input, expect, ...(typeof now === 'string' && { now }) };
}

/** Runs a test file over a project; empty when all is as expected. */
export async function runTestFile(project: string, file: TestFile): Promise<readonly TestDifference[]> {
  const test = await openPipelineTest({ project, ...(file.now !== undefined && { now: file.now }) });
  try {
    for (const [topic, rows] of Object.entries(file.input)) await test.send(topic, rows);
    await test.finish();
    const differences: TestDifference[] = [];
    for (const [view, expected] of Object.entries(file.expect)) {
      const difference = compareRows(view, expected, test.rows(view));
      if (difference.missing.length + difference.unexpected.length > 0) differences.push(difference);
    }
    return differences;
  } finally {
    await test.close();
  }
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

function isRowsByName(value: unknown): value is Readonly<Record<string, readonly TestRow[]>> {
  return typeof value === 'object' && value !== null && Object.values(value).every((rows) => Array.isArray(rows));
}
