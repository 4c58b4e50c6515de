import { matchesNothing, type RowPattern } from '../../plan/row-pattern.ts';
import { PATTERN_COUNT_MAX, PATTERN_PARTS_MAX } from '../limits.ts';
import type { TokenReader } from '../text/token-reader.ts';

/** `PATTERN ( ... )` of MATCH_RECOGNIZE, from its opening parenthesis to the closing one. */
export function readRowPattern(reader: TokenReader): RowPattern {
  const { start } = reader.peek();
  const pattern = new PatternReader(reader).pattern();
  if (matchesNothing(pattern)) {
    throw reader.source.error(start, 'the pattern matches no rows at all', {
      code: 'SQL_NOT_SUPPORTED',
      next: 'write + or {1,} where there is * or ?, so that a match has a row',
    });
  }
  return pattern;
}

/** The variables of a pattern, in the order in which they first stand in it. */
export function patternVariables(pattern: RowPattern): readonly string[] {
  switch (pattern.kind) {
    case 'variable':
      return [pattern.name];
    case 'repeat':
      return patternVariables(pattern.item);
    default:
      return [...new Set(pattern.items.flatMap(patternVariables))];
  }
}

class PatternReader {
  readonly #reader: TokenReader;
  #parts = 0;

  constructor(reader: TokenReader) {
    this.#reader = reader;
  }

  pattern(): RowPattern {
    this.#reader.expectSymbol('(');
    const pattern = this.#alternation();
    this.#reader.expectSymbol(')');
    return pattern;
  }

  #alternation(): RowPattern {
    const items = [this.#sequence()];
    while (this.#reader.skipSymbol('|')) items.push(this.#sequence());
    return items.length === 1 ? items[0]! : { kind: 'alternation', items };
  }

  #sequence(): RowPattern {
    const items: RowPattern[] = [];
    while (!this.#reader.atSymbol(')') && !this.#reader.atSymbol('|')) items.push(this.#repeated());
    if (items.length === 0) throw this.#reader.expected('a variable');
    return items.length === 1 ? items[0]! : { kind: 'sequence', items };
  }

  #repeated(): RowPattern {
    this.#parts++;
    if (this.#parts > PATTERN_PARTS_MAX) {
      throw this.#reader.source.error(
        this.#reader.peek().start,
        `the pattern has more than ${PATTERN_PARTS_MAX} parts`,
        {
          code: 'SQL_TOO_COMPLEX',
          next: 'match a part of it in a view, and build on that',
        },
      );
    }
    const item = this.#item();
    const counts = this.#counts();
    if (counts === undefined) return item;
    const greedy = !this.#reader.skipSymbol('?');
    const { start } = this.#reader.peek();
    if (this.#counts() !== undefined) {
      throw this.#reader.source.error(start, 'a quantifier follows another', { next: 'put the first in parentheses' });
    }
    return { kind: 'repeat', item, ...counts, greedy };
  }

  #item(): RowPattern {
    const reader = this.#reader;
    const { start } = reader.peek();
    if (reader.atWord('permute') && reader.peek(1).value === '(') {
      throw this.#refuse(start, 'PERMUTE is not supported in a pattern', 'write the orders out: (a b | b a)');
    }
    if (reader.atSymbol('{')) {
      const next = 'leave the marks out: a match is one row, and its measures choose what it shows';
      throw this.#refuse(start, 'exclusions ({- ... -}) are not supported in a pattern', next);
    }
    if (reader.atSymbol('^') || reader.atSymbol('$')) {
      throw this.#refuse(
        start,
        `"${reader.peek().value}" is not supported in a pattern`,
        'a stream has no end to stand at',
      );
    }
    if (reader.atSymbol('(')) return this.pattern();
    const token = reader.peek();
    if (token.kind !== 'word' && token.kind !== 'quoted-name') throw reader.expected('a variable');
    return { kind: 'variable', name: reader.name().name };
  }

  #refuse(at: number, message: string, next: string): Error {
    return this.#reader.source.error(at, message, { code: 'SQL_NOT_SUPPORTED', next });
  }

  /** `*`, `+`, `?`, `{n}`, `{n,}`, `{,m}` or `{n,m}`. */
  #counts(): { readonly min: number; readonly max: number | undefined } | undefined {
    const reader = this.#reader;
    if (reader.skipSymbol('*')) return { min: 0, max: undefined };
    if (reader.skipSymbol('+')) return { min: 1, max: undefined };
    if (reader.skipSymbol('?')) return { min: 0, max: 1 };
    if (!reader.atSymbol('{') || reader.peek(1).value === '-') return undefined;
    const { start } = reader.take();
    const first = this.#count();
    if (first !== undefined && reader.skipSymbol('}')) return this.#checked(start, first, first);
    reader.expectSymbol(',');
    const last = this.#count();
    reader.expectSymbol('}');
    return this.#checked(start, first ?? 0, last);
  }

  #count(): number | undefined {
    const token = this.#reader.peek();
    if (token.kind !== 'number') return undefined;
    this.#reader.take();
    const count = Number(token.value);
    if (Number.isInteger(count) && count <= PATTERN_COUNT_MAX) return count;
    throw this.#refuse(token.start, `a count is a whole number up to ${PATTERN_COUNT_MAX}`, 'write a smaller one');
  }

  #checked(at: number, min: number, max: number | undefined): { min: number; max: number | undefined } {
    if (max === undefined || (max >= min && max > 0)) return { min, max };
    throw this.#refuse(
      at,
      `{${min},${max}} matches nothing`,
      'write the smaller count first, and a greater one than zero',
    );
  }
}
