import { evaluationError } from '../evaluation-error.ts';

/** A part of a path that leads on from each value that has been found. */
export type JsonPathStep =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'any-member' }
  | { readonly kind: 'any-depth' }
  | { readonly kind: 'any-element' }
  | {
      readonly kind: 'elements';
      readonly ranges: readonly (readonly [JsonPathExpression, JsonPathExpression | undefined])[];
    }
  | { readonly kind: 'filter'; readonly condition: JsonPathExpression }
  | { readonly kind: 'method'; readonly name: JsonPathMethod };

export type JsonPathMethod = 'type' | 'size' | 'double' | 'ceiling' | 'floor' | 'abs' | 'keyvalue';
type JsonPathOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%' | '&&' | '||';

/** An expression of a path: sequences of values, and conditions over them. */
export type JsonPathExpression =
  | { readonly kind: 'root' | 'current' | 'last' }
  | { readonly kind: 'constant'; readonly value: string | number | boolean | null }
  | { readonly kind: 'path'; readonly start: JsonPathExpression; readonly steps: readonly JsonPathStep[] }
  | {
      readonly kind: 'binary';
      readonly operator: JsonPathOperator;
      readonly left: JsonPathExpression;
      readonly right: JsonPathExpression;
    }
  | { readonly kind: 'not' | 'negate' | 'exists' | 'is-unknown'; readonly item: JsonPathExpression }
  | { readonly kind: 'starts-with'; readonly item: JsonPathExpression; readonly prefix: string }
  | {
      readonly kind: 'like-regex';
      readonly item: JsonPathExpression;
      readonly pattern: string;
      readonly flags: string;
    };

export interface JsonPath {
  readonly isStrict: boolean;
  readonly expression: JsonPathExpression;
}

const METHODS: ReadonlySet<string> = new Set(['type', 'size', 'double', 'ceiling', 'floor', 'abs', 'keyvalue']);
const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*")|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(\*\*|==|!=|<>|<=|>=|&&|\|\||[$@.()[\]*,?<>!+\-/%])|([\p{L}_][\p{L}\p{N}_$]*))/uy;
/** Expressions in expressions. */
const DEPTH_MAX = 100;

/**
 * Takes a path of SQL/JSON apart (PostgreSQL manual, section 9.16.2): members, elements, `.*`, `.**`, filters, arithmetic, comparisons,
 * `starts with`, `like_regex`, `exists`, and the methods type, size, double, ceiling, floor, abs and keyvalue.
 *
 * @throws HeadraceError `PLAN_INVALID_TEXT`
 */
export function parseJsonPath(text: string): JsonPath {
  return new Parser(text).parse();
}

interface Token {
  readonly kind: 'text' | 'number' | 'symbol' | 'word' | 'end';
  readonly value: string;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = this.#tokenize();
  }

  parse(): JsonPath {
    const isStrict = this.#skip('strict');
    if (!isStrict) this.#skip('lax');
    const expression = this.#either();
    if (this.#peek().kind !== 'end') throw this.#refuse();
    return { isStrict, expression };
  }

  #refuse(): Error {
    const token = this.#peek();
    const near = token.kind === 'end' ? 'at the end' : `at or near "${token.value}"`;
    return evaluationError('PLAN_INVALID_TEXT', `invalid jsonpath "${this.#text.slice(0, 200)}": syntax error ${near}`);
  }

  #tokenize(): readonly Token[] {
    const tokens: Token[] = [];
    const end = this.#text.trimEnd().length;
    let at = 0;
    while (at < end) {
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(this.#text);
      if (match === null) {
        throw evaluationError(
          'PLAN_INVALID_TEXT',
          `invalid jsonpath "${this.#text.slice(0, 200)}": at "${this.#text.slice(at, at + 20)}"`,
        );
      }
      const [, quoted, number, symbol, word = ''] = match;
      if (quoted !== undefined) tokens.push({ kind: 'text', value: unquoted(quoted) });
      else if (number !== undefined) tokens.push({ kind: 'number', value: number });
      else if (symbol !== undefined) tokens.push({ kind: 'symbol', value: symbol });
      else tokens.push({ kind: 'word', value: word });
      at = TOKEN.lastIndex;
    }
    return [...tokens, { kind: 'end', value: '' }];
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!;
  }

  /** A symbol or word, if it comes next. */
  #skip(value: string): boolean {
    const token = this.#peek();
    if ((token.kind !== 'symbol' && token.kind !== 'word') || token.value !== value) return false;
    this.#next++;
    return true;
  }

  #expect(value: string): void {
    if (!this.#skip(value)) throw this.#refuse();
  }

  #either(): JsonPathExpression {
    if (++this.#depth > DEPTH_MAX) throw this.#refuse();
    let left = this.#both();
    while (this.#skip('||')) left = { kind: 'binary', operator: '||', left, right: this.#both() };
    this.#depth--;
    return left;
  }

  #both(): JsonPathExpression {
    let left = this.#condition();
    while (this.#skip('&&')) left = { kind: 'binary', operator: '&&', left, right: this.#condition() };
    return left;
  }

  #condition(): JsonPathExpression {
    if (this.#skip('!')) return { kind: 'not', item: this.#condition() };
    const left = this.#sum();
    const { kind, value } = this.#peek();
    if (kind === 'symbol' && /^(?:==|!=|<>|<|<=|>|>=)$/.test(value)) {
      this.#next++;
      return {
        kind: 'binary',
        operator: (value === '<>' ? '!=' : value) as JsonPathOperator,
        left,
        right: this.#sum(),
      };
    }
    if (this.#skip('starts')) {
      this.#expect('with');
      return { kind: 'starts-with', item: left, prefix: this.#quoted() };
    }
    if (this.#skip('like_regex')) {
      const pattern = this.#quoted();
      return { kind: 'like-regex', item: left, pattern, flags: this.#skip('flag') ? this.#quoted() : '' };
    }
    if (this.#skip('is')) {
      this.#expect('unknown');
      return { kind: 'is-unknown', item: left };
    }
    return left;
  }

  #quoted(): string {
    const token = this.#peek();
    if (token.kind !== 'text') throw this.#refuse();
    this.#next++;
    return token.value;
  }

  #sum(): JsonPathExpression {
    let left = this.#product();
    for (;;) {
      const operator = this.#skip('+') ? '+' : this.#skip('-') ? '-' : undefined;
      if (operator === undefined) return left;
      left = { kind: 'binary', operator, left, right: this.#product() };
    }
  }

  #product(): JsonPathExpression {
    let left = this.#signed();
    for (;;) {
      const operator = this.#skip('*') ? '*' : this.#skip('/') ? '/' : this.#skip('%') ? '%' : undefined;
      if (operator === undefined) return left;
      left = { kind: 'binary', operator, left, right: this.#signed() };
    }
  }

  #signed(): JsonPathExpression {
    if (this.#skip('-')) return { kind: 'negate', item: this.#signed() };
    if (this.#skip('+')) return this.#signed();
    const start = this.#primary();
    const steps: JsonPathStep[] = [];
    for (let step = this.#step(); step !== undefined; step = this.#step()) steps.push(step);
    return steps.length === 0 ? start : { kind: 'path', start, steps };
  }

  #primary(): JsonPathExpression {
    const token = this.#peek();
    this.#next++;
    if (token.kind === 'text') return { kind: 'constant', value: token.value };
    if (token.kind === 'number') return { kind: 'constant', value: Number(token.value) };
    if (token.value === '$' && this.#peek().kind !== 'word') return { kind: 'root' };
    if (token.value === '@') return { kind: 'current' };
    if (token.kind === 'symbol' && token.value === '(') {
      const inner = this.#either();
      this.#expect(')');
      return inner;
    }
    const named = token.kind === 'word' ? this.#word(token.value) : undefined;
    if (named !== undefined) return named;
    this.#next--;
    throw this.#refuse();
  }

  #word(word: string): JsonPathExpression | undefined {
    if (word === 'true' || word === 'false') return { kind: 'constant', value: word === 'true' };
    if (word === 'null') return { kind: 'constant', value: null };
    if (word === 'last') return { kind: 'last' };
    if (word !== 'exists' || !this.#skip('(')) return undefined;
    const item = this.#either();
    this.#expect(')');
    return { kind: 'exists', item };
  }

  #step(): JsonPathStep | undefined {
    if (this.#skip('.')) return this.#member();
    if (this.#skip('[')) return this.#elements();
    if (!this.#skip('?')) return undefined;
    this.#expect('(');
    const condition = this.#either();
    this.#expect(')');
    return { kind: 'filter', condition };
  }

  #member(): JsonPathStep {
    if (this.#skip('**')) return { kind: 'any-depth' };
    if (this.#skip('*')) return { kind: 'any-member' };
    const token = this.#peek();
    if (token.kind !== 'text' && token.kind !== 'word') throw this.#refuse();
    this.#next++;
    if (token.kind === 'word' && METHODS.has(token.value) && this.#skip('(')) {
      this.#expect(')');
      return { kind: 'method', name: token.value as JsonPathMethod };
    }
    return { kind: 'member', name: token.value };
  }

  #elements(): JsonPathStep {
    if (this.#peek().value === '*' && this.#peek(1).value === ']') {
      this.#next += 2;
      return { kind: 'any-element' };
    }
    const ranges: (readonly [JsonPathExpression, JsonPathExpression | undefined])[] = [];
    do {
      const from = this.#sum();
      ranges.push([from, this.#skip('to') ? this.#sum() : undefined]);
    } while (this.#skip(','));
    this.#expect(']');
    return { kind: 'elements', ranges };
  }
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text.replaceAll('\n', '\\n')) as string;
  } catch {
    return text.slice(1, -1).replace(/\\(.)/gs, '$1');
  }
}
