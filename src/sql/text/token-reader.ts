import { nearestName } from '../../base/nearest-name.ts';
import type { DataType } from '../../plan/data-type.ts';
import { arrayType, NUMERIC_PRECISION_MAX, numericType, typeByName, typeNames } from '../../plan/type-name.ts';
import type { NameAt, OptionAt, Options, TextAt, TextRange } from '../statement/statement.ts';
import type { SourceText } from './source-text.ts';
import type { Token } from './tokenizer.ts';

/** Reads the tokens of one statement; every refusal points at the token and says what was expected. */
export class TokenReader {
  readonly source: SourceText;
  readonly #tokens: readonly Token[];
  #next = 0;

  /** `tokens` end with an `end` token. */
  constructor(source: SourceText, tokens: readonly Token[]) {
    this.source = source;
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!;
  }

  take(): Token {
    const token = this.peek();
    this.#next = Math.min(this.#next + 1, this.#tokens.length - 1);
    return token;
  }

  atWord(...words: readonly string[]): boolean {
    return words.every((word, index) => this.peek(index).kind === 'word' && this.peek(index).value === word);
  }

  atSymbol(symbol: string): boolean {
    return this.peek().kind === 'symbol' && this.peek().value === symbol;
  }

  /** Takes the words if they come next. */
  skipWords(...words: readonly string[]): boolean {
    if (!this.atWord(...words)) return false;
    for (const _ of words) this.take();
    return true;
  }

  skipSymbol(symbol: string): boolean {
    if (!this.atSymbol(symbol)) return false;
    this.take();
    return true;
  }

  expectWords(...words: readonly string[]): void {
    for (const word of words) {
      if (!this.skipWords(word)) throw this.expected(word.toUpperCase());
    }
  }

  expectSymbol(symbol: string): void {
    if (!this.skipSymbol(symbol)) throw this.expected(`"${symbol}"`);
  }

  expectEnd(): void {
    if (this.peek().kind !== 'end') throw this.expected('the end of the statement');
  }

  expected(what: string): Error {
    const token = this.peek();
    const found = token.kind === 'end' ? 'the end' : `"${this.source.text.slice(token.start, token.end)}"`;
    return this.source.error(token.start, `expected ${what}, found ${found}`);
  }

  name(): NameAt {
    const token = this.peek();
    if (token.kind !== 'word' && token.kind !== 'quoted-name') throw this.expected('a name');
    this.take();
    return { name: token.value, at: token.start };
  }

  text(what = 'a quoted text'): TextAt {
    const token = this.peek();
    if (token.kind !== 'text') throw this.expected(what);
    this.take();
    return { value: token.value, at: token.start };
  }

  /** Names in parentheses. */
  nameList(): readonly NameAt[] {
    this.expectSymbol('(');
    const names = [this.name()];
    while (this.skipSymbol(',')) names.push(this.name());
    this.expectSymbol(')');
    return names;
  }

  /** `WITH (key = 'value', ...)` if it comes next. Keys may be dotted; values are texts, numbers or bare words. */
  options(): Options {
    const options = new Map<string, OptionAt>();
    if (!this.skipWords('with')) return options;
    this.expectSymbol('(');
    do {
      const key = this.name();
      let name = key.name;
      while (this.skipSymbol('.')) name += `.${this.name().name}`;
      this.expectSymbol('=');
      const value = this.peek();
      if (value.kind === 'symbol' || value.kind === 'end') throw this.expected('a value');
      this.take();
      if (options.has(name))
        throw this.source.error(key.at, `option "${name}" is given twice`, { next: 'keep one of the two' });
      options.set(name, { value: value.value, at: value.start, nameAt: key.at });
    } while (this.skipSymbol(','));
    this.expectSymbol(')');
    return options;
  }

  /** A type with its parameters: `numeric(12, 2)`, `double precision`, `timestamp with time zone`, `text[]`. */
  type(): DataType {
    const first = this.peek();
    if (first.kind !== 'word') throw this.expected('a type');
    let name = this.take().value;
    if (name === 'double' || name === 'character') name += ` ${this.take().value}`;
    const params = this.#typeParameters(name);
    for (const zone of ['with', 'without']) {
      if (/^time(?:stamp)?$/.test(name) && this.skipWords(zone, 'time', 'zone')) name += ` ${zone} time zone`;
    }
    let type = name === 'numeric' || name === 'decimal' ? this.#numeric(params, first.start) : typeByName(name);
    if (type === undefined) {
      const near = nearestName(name, typeNames());
      throw this.source.error(first.start, `type "${name}" is not known`, {
        code: 'SQL_UNKNOWN_TYPE',
        next:
          near === undefined ? "use one of PostgreSQL's, such as text, int8 or timestamptz" : `did you mean "${near}"?`,
      });
    }
    while (this.skipSymbol('[')) {
      this.expectSymbol(']');
      type = arrayType(type);
    }
    return type;
  }

  #typeParameters(name: string): readonly number[] {
    if (!this.atSymbol('(')) return [];
    if (name !== 'numeric' && name !== 'decimal') {
      throw this.source.error(this.peek().start, `type ${name} takes no parameters here`);
    }
    this.take();
    const params: number[] = [];
    do {
      const token = this.take();
      if (token.kind !== 'number' || !/^\d+$/.test(token.value))
        throw this.source.error(token.start, 'expected a whole number');
      params.push(Number(token.value));
    } while (this.skipSymbol(','));
    this.expectSymbol(')');
    return params;
  }

  #numeric(params: readonly number[], at: number): DataType {
    const [precision, scale = 0] = params;
    if (precision === undefined) return numericType();
    if (params.length > 2 || precision < 1 || precision > NUMERIC_PRECISION_MAX || scale > precision) {
      throw this.source.error(at, `numeric needs a precision of 1 to ${NUMERIC_PRECISION_MAX} and a scale up to it`);
    }
    return numericType(precision, scale);
  }

  /** Everything up to the first place, outside of parentheses, where `stop` holds; that is left to be read. */
  rangeUntil(stop: (reader: TokenReader) => boolean): TextRange {
    const start = this.peek().start;
    let end = start;
    let depth = 0;
    while (this.peek().kind !== 'end' && !(depth === 0 && stop(this))) {
      const token = this.take();
      if (token.kind === 'symbol' && token.value === '(') depth++;
      if (token.kind === 'symbol' && token.value === ')') depth--;
      end = token.end;
    }
    if (end === start) throw this.expected('an expression or query');
    return { start, end };
  }
}
