import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Kernel } from '../../kernel/kernel.ts';
import { regularExpressionMatcher } from '../../plan/pattern/regular-expression.ts';
import { patternTable } from './pattern-table.ts';
import { prefixOf } from './program-memory.ts';

const kernel = Kernel.create();

/** 1, 0, or 2 for what is left to the interpreter; undefined without a table. */
function matched(text: string, pattern: string, ignoreCase: boolean): number | undefined {
  const table = patternTable(pattern, ignoreCase);
  if (table === undefined) return undefined;
  kernel.arenaReset();
  const bytes = Buffer.from(text, 'utf8');
  const reference = kernel.arenaAlloc(16);
  const address = kernel.arenaCopy(bytes);
  kernel.u32().set([bytes.length, prefixOf(bytes), address, 0], reference >>> 2);
  return kernel.exports.matchPattern(reference, kernel.arenaCopy(table.bytes), table.first);
}

const PATTERNS = [
  '',
  'a',
  '^a',
  'b$',
  '^$',
  '^ab+c?$',
  'a|b|^c',
  '(ab|a)*c',
  '[^a-b]',
  'a.c',
  'a{2,3}b',
  '^',
  '$',
  'a$|^b',
];
const piece = fc.constantFrom(
  'a',
  'b',
  'c',
  '.',
  '^',
  '$',
  '|',
  'a*',
  'b+',
  '(a|bc)',
  '[ab]',
  '[^b]',
  'c?',
  '\\d',
  '(b$|a)',
);
const pattern = fc.oneof(
  fc.constantFrom(...PATTERNS),
  fc.array(piece, { maxLength: 6 }).map((parts) => parts.join('')),
);

describe('tables of regular expressions', () => {
  it('match what the interpreter matches', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'A', '1', '\n'), maxLength: 12 });
    fc.assert(
      fc.property(pattern, text, fc.boolean(), (expression, given, ignoreCase) => {
        const wanted = regularExpressionMatcher(expression, ignoreCase)(given);
        expect(matched(given, expression, ignoreCase)).toBe(wanted ? 1 : 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('ask about characters beyond ASCII, unless all is decided before them', () => {
    expect(matched('äx', 'x', false)).toBe(2);
    expect(matched('xä', 'x', false)).toBe(1);
    expect(matched('yä', '^x', false)).toBe(0);
  });

  it('are not made for patterns that are refused, or that would be too large', () => {
    expect(patternTable('(', false)).toBeUndefined();
    expect(patternTable('(a|b)*a(a|b){12}', false)).toBeUndefined();
  });
});
