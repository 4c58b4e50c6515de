import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OnePassMatcher } from './one-pass.ts';
import { machineOfTree, regularExpressionMatcher } from './regular-expression.ts';
import { requiredLiteral } from './regular-expression-literal.ts';
import { RegularExpressionSearch } from './regular-expression-search.ts';
import { NO_FLAGS, parseRegularExpression } from './regular-expression-syntax.ts';

const matches = (pattern: string, text: string, ignoreCase = false): boolean =>
  regularExpressionMatcher(pattern, ignoreCase)(text);

describe('a regular expression', () => {
  it.each([
    ['b', 'abc', true],
    ['^b', 'abc', false],
    ['c$', 'abc', true],
    ['^$', '', true],
    ['^a.c$', 'a\nc', true],
    ['^(ab|cd)+$', 'abcdab', true],
    ['^a{2,3}$', 'aaaa', false],
    ['^a{2,}$', 'aaaa', true],
    ['^a{0}$', '', true],
    ['[^0-9]', '123', false],
    ['^[]a]$', ']', true],
    ['^[a-]$', '-', true],
    ['^[[:digit:]]+$', '2026', true],
    ['^\\d+\\.\\d\\s\\w$', '12.5 x', true],
    ['^\\D\\S\\W$', 'a-!', true],
    ['^.$', '😀', true],
    ['^[α-ω]+$', 'λόγος', false],
    ['^[α-ω]+$', 'λογος', true],
    ['(?:a|b)c', 'xbc', true],
    ['a*?b', 'aaab', true],
    ['', 'anything', true],
    ['a|', '', true],
  ])('%s on %j: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it('ignores case when it is asked to', () => {
    expect(matches('^STRASSE$', 'strasse', true)).toBe(true);
    expect(matches('[a-z]', 'Q', true)).toBe(true);
    expect(matches('[a-z]', 'Q')).toBe(false);
  });

  it.each(['(', ')', '[a', 'a**', '*a', 'a{3,2}', 'a{256}', 'a{', '\\', '(?=a)', '(?<n>a)', '(a)\\1', '[z-a]'])(
    '%s is refused with its text',
    (pattern) => {
      expect(() => matches(pattern, '')).toThrow(/invalid regular expression/);
    },
  );

  it('agrees with the one of JavaScript on what both know', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '(?:a|b)', '(?:ab)', '^', '$');
    const piece = fc
      .tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{1,2}'))
      .map(([a, quantifier]) => (a === '^' || a === '$' ? a : a + quantifier));
    const branch = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    const pattern = fc.array(branch, { minLength: 1, maxLength: 3 }).map((branches) => branches.join('|'));
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '\n', '😀'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (p, t) => {
        expect(matches(p, t)).toBe(new RegExp(p, 'su').test(t));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Patterns whose time grows with a power of the text, or exponentially, in an engine that backtracks. */
const ADVERSARIAL: readonly (readonly [pattern: string, unit: string, end: string])[] = [
  ['^(a+)+$', 'a', '!'],
  ['^(a*)*$', 'a', '!'],
  ['^(a|a)*$', 'a', '!'],
  ['^(a|aa)+$', 'a', '!'],
  ['(a*)*b', 'a', ''],
  ['(.*)(.*)(.*)(.*)(.*)[^x]x$', 'x', ''],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a', ''],
  ['(x+x+)+y', 'x', ''],
  ['^(.?){50}a{50}$', 'a', 'b'],
];

describe('a hard pattern', () => {
  it.each(ADVERSARIAL)('%s comes to its end on a long text', (pattern, unit, end) => {
    // Backtracking would take longer than the universe is old; how long this takes is nobody's business here.
    expect(matches(pattern, unit.repeat(20_000) + end)).toBeTypeOf('boolean');
  });

  it.each([
    ['groups in groups', '('.repeat(100_000) + ')'.repeat(100_000)],
    ['repeats in repeats', `${'('.repeat(6)}a${'){255}'.repeat(6)}`],
    ['repeats of nothing', `${'('.repeat(8)}${'){255}'.repeat(8)}`],
    ['a long alternative', Array.from({ length: 10_000 }, () => 'a').join('|')],
  ])('%s: the pattern is refused or searched for, at once', (_, pattern) => {
    try {
      expect(matches(pattern, 'aaa')).toBeTypeOf('boolean');
    } catch (error) {
      expect(error).toMatchObject({ code: 'PLAN_INVALID_ARGUMENT' });
    }
  });
});

describe('what every match must hold', () => {
  const literalOf = (pattern: string) => requiredLiteral(parseRegularExpression(pattern, NO_FLAGS).tree);

  it.each([
    ['(?:&|^)channel_id=([^&]*)', { text: 'channel_id=', before: 1 }],
    ['a{2,3}bc|d', undefined],
    ['a{2,3}bc', { text: 'bc', before: 3 }],
    ['.*needle', { text: 'needle', before: Number.POSITIVE_INFINITY }],
    ['ab(cd)e+f', { text: 'abcd', before: 0 }],
    ['[a-z]+', undefined],
  ])('of %s', (pattern, expected) => {
    expect(literalOf(pattern)).toEqual(expected);
  });

  it('finds the same matches as without it', () => {
    const word = fc.stringMatching(/^[ab&=]{0,30}$/);
    const pattern = fc.constantFrom(
      '(&|^)a=([^&]*)',
      'b?ab',
      'a{1,2}b(=|&)?',
      '.*ab',
      '(a|b)ab=',
      '^ab',
      'ab$',
      '(a*)ab',
    );
    fc.assert(
      fc.property(word, pattern, fc.nat(10), (text, source, from) => {
        const search = new RegularExpressionSearch(source, NO_FLAGS);
        const points = Array.from(text, (point) => point.codePointAt(0)!);
        expect(search.find({ points, plain: text }, Math.min(from, text.length))).toEqual(
          search.find({ points, plain: undefined }, Math.min(from, text.length)),
        );
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('an expression of one path', () => {
  const onePath = (pattern: string): boolean =>
    OnePassMatcher.of(machineOfTree(pattern, parseRegularExpression(pattern, NO_FLAGS).tree, true)) !== undefined;

  it.each([
    ['(?:&|^)channel_id=([^&]*)', true],
    ['^([a-z]+)://([^/]*)(/.*)?$', true],
    ['(\\d{4})-(\\d\\d)', true],
    ['a*(ab)?', false],
    ['(a|ab)c', false],
    ['(a*)*', false],
    ['.*x', false],
    ['\\ma', false],
  ])('%s: %s', (pattern, expected) => {
    expect(onePath(pattern)).toBe(expected);
  });

  it('matches what the machine of sets matches, groups too', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '&',
      '[ab]',
      '[^a]',
      '[^&]',
      '\\d',
      '(a)',
      '(?:a|b)',
      '(&|a)',
      '(ab)',
      '^',
      '$',
      'é',
    );
    const piece = fc
      .tuple(atom, fc.constantFrom('', '', '*', '+', '?', '*?', '{1,2}'))
      .map(([a, quantifier]) => (a === '^' || a === '$' ? a : a + quantifier));
    const pattern = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '&', '1', 'é', '\n'), maxLength: 12 });
    let compared = 0;
    fc.assert(
      fc.property(pattern, text, fc.nat(4), (source, plain, from) => {
        if (onePath(source)) compared++;
        const search = new RegularExpressionSearch(source, NO_FLAGS);
        const points = Array.from(plain, (point) => point.codePointAt(0)!);
        const start = Math.min(from, plain.length);
        expect(search.find({ points, plain }, start)).toEqual(search.find({ points, plain: undefined }, start));
      }),
      { numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(300);
  });

  it('is left when it would go over the text again and again', () => {
    const search = new RegularExpressionSearch('(a*)[bc]', NO_FLAGS);
    const plain = 'a'.repeat(200_000);
    expect(search.find({ points: Array.from(plain, () => 97), plain }, 0)).toBeUndefined();
  });
});
