import type { NameAt, TextRange } from '../statement/statement.ts';
import type { SourceText } from '../text/source-text.ts';
import { type Token, tokenize } from '../text/tokenizer.ts';

/** `FOR SYSTEM_TIME AS OF` a column of the left side, or, without one, as it is when the left row comes. */
export interface AsOf {
  readonly at: number;
  readonly time: readonly string[] | undefined;
  readonly timeAt: number;
}

/** What FROM says in words that PostgreSQL's parser does not know, by where the relation that it is about begins. */
export interface TemporalClauses {
  readonly asOf: ReadonlyMap<number, AsOf>;
  /** The right sides of ASOF joins. */
  readonly asOfJoins: ReadonlySet<number>;
  /** `SESSION(TABLE t PARTITION BY k, ...)`: the keys, by where SESSION stands. */
  readonly sessionKeys: ReadonlyMap<number, readonly NameAt[]>;
}

export const NO_TEMPORAL_CLAUSES: TemporalClauses = {
  asOf: new Map(),
  asOfJoins: new Set(),
  sessionKeys: new Map(),
};

const WORDS = /system_time|\basof\b|\btable\b/i;
const BEFORE_RELATION: ReadonlySet<string> = new Set(['from', 'join', 'only', 'lateral']);
const WINDOWS: ReadonlySet<string> = new Set(['tumble', 'hop', 'session', 'cumulate']);

/**
 * Cuts out of a query: `FOR SYSTEM_TIME AS OF time` behind a relation, ASOF before JOIN, and the words of Flink's window functions,
 * `TABLE(TUMBLE(TABLE t, DESCRIPTOR(time), ...))`. `text` is the query, of the same length in bytes as the range; blanks stand where
 * something was, so that all positions stay.
 */
export function cutTemporalClauses(
  source: SourceText,
  range: TextRange,
  text: string,
): { readonly text: string; readonly clauses: TemporalClauses } {
  if (!WORDS.test(text)) return { text, clauses: NO_TEMPORAL_CLAUSES };
  const tokens = tokenize(source).filter((token) => token.start >= range.start && token.end <= range.end);
  const cutter = new Cutter(source, tokens);
  cutter.run();
  const bytes = Buffer.from(text);
  const place = (offset: number): number => Buffer.byteLength(source.text.slice(range.start, offset));
  for (const { start, end } of cutter.blanks) bytes.fill(' ', place(start), place(end));
  return { text: bytes.toString(), clauses: cutter };
}

class Cutter implements TemporalClauses {
  readonly blanks: TextRange[] = [];
  readonly asOf = new Map<number, AsOf>();
  readonly asOfJoins = new Set<number>();
  readonly sessionKeys = new Map<number, readonly NameAt[]>();
  readonly #source: SourceText;
  readonly #tokens: readonly Token[];

  constructor(source: SourceText, tokens: readonly Token[]) {
    this.#source = source;
    this.#tokens = tokens;
  }

  run(): void {
    this.#tokens.forEach((_, at) => {
      if (this.#words(at, 'for', 'system_time')) this.#systemTime(at);
      else if (this.#words(at, 'asof')) this.#asOfJoin(at);
      else if (this.#words(at, 'table') && this.#symbol(at + 1, '(')) this.#windowTable(at);
    });
  }

  #words(at: number, ...words: readonly string[]): boolean {
    return words.every((word, index) => {
      const token = this.#tokens[at + index];
      return token?.kind === 'word' && token.value === word;
    });
  }

  #symbol(at: number, symbol: string): boolean {
    const token = this.#tokens[at];
    return token?.kind === 'symbol' && token.value === symbol;
  }

  #isName(at: number): boolean {
    const kind = this.#tokens[at]?.kind;
    return kind === 'word' || kind === 'quoted-name';
  }

  #expected(at: number, what: string, next: string): Error {
    const token = this.#tokens[at];
    const end = this.#tokens.at(-1)?.end ?? 0;
    const found = token === undefined ? 'the end' : `"${this.#source.text.slice(token.start, token.end)}"`;
    return this.#source.error(token?.start ?? end, `expected ${what}, found ${found}`, { next });
  }

  #blank(from: number, to: number): void {
    this.blanks.push({ start: this.#tokens[from]!.start, end: this.#tokens[to]!.end });
  }

  /** `relation FOR SYSTEM_TIME AS OF left.time`, or `AS OF PROCTIME()`. */
  #systemTime(at: number): void {
    const example = 'write table FOR SYSTEM_TIME AS OF left.time, or AS OF PROCTIME()';
    if (!this.#words(at + 2, 'as', 'of')) throw this.#expected(at + 2, 'AS OF', example);
    const first = this.#relationBefore(at);
    if (first === undefined) throw this.#expected(at, 'a relation before FOR SYSTEM_TIME', example);
    let last = at + 4;
    if (!this.#isName(last)) throw this.#expected(last, 'a time column', example);
    const timeAt = this.#tokens[last]!.start;
    let time: string[] | undefined = [this.#tokens[last]!.value];
    if (this.#symbol(last + 1, '(') && this.#symbol(last + 2, ')')) {
      if (!['proctime', 'now'].includes(time[0]!)) throw this.#expected(last, 'a time column or PROCTIME()', example);
      time = undefined;
      last += 2;
    }
    while (time !== undefined && this.#symbol(last + 1, '.') && this.#isName(last + 2)) {
      time.push(this.#tokens[last + 2]!.value);
      last += 2;
    }
    this.asOf.set(this.#tokens[first]!.start, { at: this.#tokens[at]!.start, time, timeAt });
    this.#blank(at, last);
  }

  /** Where the name of the relation before a token begins: `r`, `s.r`, `r a` or `r AS a`. */
  #relationBefore(at: number): number | undefined {
    let first = at - 1;
    if (this.#words(first - 1, 'as')) first -= 2;
    else if (this.#isName(first - 1) && !BEFORE_RELATION.has(this.#tokens[first - 1]!.value)) first -= 1;
    while (this.#symbol(first - 1, '.')) first -= 2;
    return this.#isName(first) && !this.#symbol(first - 1, ')') ? first : undefined;
  }

  /** `left ASOF [LEFT | INNER] JOIN relation`. */
  #asOfJoin(at: number): void {
    if (this.#words(at - 1, 'as')) return;
    let join = at + 1;
    if (this.#words(join, 'left') || this.#words(join, 'inner')) join += 1;
    if (this.#words(join, 'outer')) join += 1;
    if (!this.#words(join, 'join')) {
      const isOther = this.#words(join, 'right') || this.#words(join, 'full');
      if (isOther) throw this.#expected(join, 'JOIN or LEFT JOIN', 'an ASOF join keeps the rows of its left side');
      return;
    }
    if (!this.#isName(join + 1) || this.#words(join + 1, 'lateral') || this.#symbol(join + 2, '(')) {
      throw this.#expected(join + 1, 'the name of a relation', 'name a query with WITH, and join that');
    }
    this.asOfJoins.add(this.#tokens[join + 1]!.start);
    this.#blank(at, at);
  }

  /** `TABLE(TUMBLE(TABLE t, DESCRIPTOR(time), ...))` becomes `TUMBLE(t, time, ...)`. */
  #windowTable(at: number): void {
    const name = this.#tokens[at + 2];
    if (name?.kind !== 'word' || !WINDOWS.has(name.value) || !this.#symbol(at + 3, '(')) return;
    this.#blank(at, at + 1);
    const close = this.#closing(at + 1);
    this.#blank(close, close);
    if (this.#words(at + 4, 'table')) this.#blank(at + 4, at + 4);
    for (let inner = at + 4; inner < close; inner++) {
      if (this.#words(inner, 'partition', 'by')) inner = this.#partition(inner, name.start);
      if (this.#words(inner, 'descriptor') && this.#symbol(inner + 1, '(')) {
        const end = this.#closing(inner + 1);
        this.#blank(inner, inner + 1);
        this.#blank(end, end);
      }
    }
  }

  /** The keys behind PARTITION BY, up to the DESCRIPTOR; answers with the last token of them. */
  #partition(at: number, window: number): number {
    const keys: NameAt[] = [];
    let last = at + 2;
    for (; this.#isName(last) && !this.#words(last, 'descriptor'); last += 2) {
      keys.push({ name: this.#tokens[last]!.value, at: this.#tokens[last]!.start });
      if (!this.#symbol(last + 1, ',')) break;
    }
    if (keys.length === 0) throw this.#expected(at + 2, 'a column', 'write PARTITION BY column');
    this.sessionKeys.set(window, keys);
    // The comma behind the last key is the one between the arguments: it stays.
    const end = this.#words(last, 'descriptor') ? last - 2 : last;
    this.#blank(at, end);
    return end;
  }

  #closing(open: number): number {
    let depth = 0;
    for (let at = open; at < this.#tokens.length; at++) {
      if (this.#symbol(at, '(')) depth++;
      if (this.#symbol(at, ')')) depth--;
      if (depth === 0) return at;
    }
    throw this.#source.error(this.#tokens[open]!.start, 'the parenthesis has no end', { next: 'close it with )' });
  }
}
