import type { SourceText } from './source-text.ts';

export type TokenKind = 'word' | 'quoted-name' | 'text' | 'number' | 'symbol' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** A word in lower case, the inside of a quoted name or text, else as written. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const BLANK = /\s+/y;
const LINE_COMMENT = /--[^\n]*/y;
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const DOLLAR_TAG = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;

/** Cuts SQL text into tokens by PostgreSQL's lexical rules (its manual, section 4.1); the last one is `end`. */
export function tokenize(source: SourceText): readonly Token[] {
  const { text } = source;
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const push = (kind: TokenKind, value: string, end: number): void => {
    tokens.push({ kind, value, start: at, end });
    at = end;
  };
  while (at < text.length) {
    const skipped = match(BLANK) ?? match(LINE_COMMENT);
    if (skipped !== undefined) {
      at += skipped.length;
      continue;
    }
    if (text.startsWith('/*', at)) {
      at = commentEnd(source, at);
      continue;
    }
    const first = text[at]!;
    const tag = first === '$' ? match(DOLLAR_TAG) : undefined;
    const word = match(WORD);
    const number = match(NUMBER);
    if (first === "'") push('text', quoted(source, at, "'", false), quotedEnd(source, at, "'", false));
    else if (first === '"') push('quoted-name', quoted(source, at, '"', false), quotedEnd(source, at, '"', false));
    else if (/[eE]/.test(first) && text[at + 1] === "'") {
      const end = quotedEnd(source, at + 1, "'", true);
      push('text', unescapeText(text.slice(at + 2, end - 1)), end);
    } else if (tag !== undefined) {
      const close = text.indexOf(tag, at + tag.length);
      if (close < 0) throw source.error(at, `the text that begins with ${tag} has no end`);
      push('text', text.slice(at + tag.length, close), close + tag.length);
    } else if (word !== undefined) push('word', word.toLowerCase(), at + word.length);
    else if (number !== undefined) push('number', number, at + number.length);
    else push('symbol', first, at + 1);
  }
  push('end', '', at);
  return tokens;
}

/** Comments nest. */
function commentEnd(source: SourceText, start: number): number {
  let depth = 0;
  for (let at = start; at < source.text.length; at++) {
    if (source.text.startsWith('/*', at)) {
      depth++;
      at++;
    } else if (source.text.startsWith('*/', at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  throw source.error(start, 'the comment has no end', { next: 'close it with */' });
}

/** Offset after the closing quote; a doubled quote does not close, nor, with escapes, one after a backslash. */
function quotedEnd(source: SourceText, start: number, quote: string, escapes: boolean): number {
  for (let at = start + 1; at < source.text.length; at++) {
    const unit = source.text[at];
    if (escapes && unit === '\\') at++;
    else if (unit === quote && source.text[at + 1] === quote) at++;
    else if (unit === quote) return at + 1;
  }
  throw source.error(start, `the ${quote === '"' ? 'quoted name' : 'text'} has no closing ${quote}`);
}

function quoted(source: SourceText, start: number, quote: string, escapes: boolean): string {
  const inside = source.text.slice(start + 1, quotedEnd(source, start, quote, escapes) - 1);
  return inside.replaceAll(quote + quote, quote);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

function unescapeText(text: string): string {
  return text.replace(/''|\\(.)/gs, (whole, escaped: string | undefined) =>
    escaped === undefined ? whole[0]! : (ESCAPES[escaped] ?? escaped),
  );
}
