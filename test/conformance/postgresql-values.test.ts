import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/plan/evaluate.ts';
import { valueToText } from '../../src/plan/value/value-text.ts';
import { compileQuery } from '../../src/sql/query.ts';

/**
 * Expressions and what PostgreSQL 15 gives for them (power of numerics: 16), as text, null, or an error: one a line,
 * `expression => "text"`. Where we differ is in docs/sql/values.md.
 */
const folder = new URL('./postgresql-values/', import.meta.url);

function recordsOf(file: string): readonly (readonly [expression: string, result: string])[] {
  return readFileSync(new URL(file, folder), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const cut = line.lastIndexOf(' => ');
      return [line.slice(0, cut), line.slice(cut + 4)];
    });
}

/** As the files write it. */
async function resultOf(expression: string): Promise<string> {
  try {
    const plan = await compileQuery(`SELECT ${expression} AS result`, new Map());
    if (plan.kind !== 'project') throw new RangeError(`a projection was expected, not ${plan.kind}`);
    const [only] = plan.expressions;
    const value = evaluate(only!, [], { nowUs: 0n });
    return JSON.stringify(value === null ? null : valueToText(value, only!.type));
  } catch (error) {
    if ((error as { code?: string }).code === undefined) throw error;
    return 'error';
  }
}

describe.each(readdirSync(folder))('%s', (file) => {
  it.each(recordsOf(file))('%s is %s', async (expression, result) => {
    expect(await resultOf(expression)).toBe(result);
  });
});
