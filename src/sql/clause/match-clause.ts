import type { MatchNode } from '../../plan/node.ts';
import type { RowPattern } from '../../plan/row-pattern.ts';
import type { NameAt, TextRange } from '../statement/statement.ts';
import type { SourceText } from '../text/source-text.ts';
import { TokenReader } from '../text/token-reader.ts';
import { type Token, tokenize } from '../text/tokenizer.ts';
import { readRowPattern } from './row-pattern.ts';

/** `MATCH_RECOGNIZE (...) [AS name (columns)]` of one relation, not yet bound. */
export interface MatchClause {
  readonly at: number;
  readonly name: NameAt | undefined;
  readonly columnNames: readonly NameAt[];
  readonly partition: readonly TextRange[];
  readonly order: readonly MatchOrder[];
  readonly measures: readonly { readonly name: NameAt; readonly value: TextRange }[];
  readonly afterMatch: AfterMatch;
  readonly pattern: RowPattern;
  readonly within: TextRange | undefined;
  /** `SUBSET u = (a, b)`. */
  readonly subsets: readonly { readonly name: NameAt; readonly variables: readonly NameAt[] }[];
  readonly defines: readonly { readonly variable: NameAt; readonly condition: TextRange }[];
}

export interface MatchOrder {
  readonly value: TextRange;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

type AfterMatch =
  | Extract<MatchNode['afterMatch'], { kind: 'past-last-row' | 'next-row' }>
  | { readonly kind: 'first' | 'last'; readonly variable: NameAt };

/** A query without the clauses that PostgreSQL's parser does not know. */
export interface CutQuery {
  /** As long in bytes as the query was, so that positions stay. */
  readonly text: string;
  /** The clauses, by the alias that stands in place of each. */
  readonly clauses: ReadonlyMap<string, MatchClause>;
}

const WORD = 'match_recognize';

/** Cuts MATCH_RECOGNIZE out of a query: what stays is its relation with an alias that names the clause. */
export function cutMatchClauses(source: SourceText, range: TextRange): CutQuery {
  const text = source.text.slice(range.start, range.end);
  if (!text.toLowerCase().includes(WORD)) return { text, clauses: new Map() };
  const tokens = tokenize(source).filter((token) => token.start >= range.start && token.end <= range.end);
  const clauses = new Map<string, MatchClause>();
  const pieces: string[] = [];
  let from = range.start;
  for (let at = 0; at < tokens.length; at++) {
    const opens = tokens[at + 1];
    if (tokens[at]!.kind !== 'word' || tokens[at]!.value !== WORD || opens?.value !== '(') continue;
    requireNoAlias(source, tokens, at);
    const close = closingParenthesis(source, tokens, at + 1);
    const tail = readTail(source, tokens.slice(close + 1));
    const last = tokens[close + tail.taken]!;
    const alias = aliasFor(source, clauses.size + 1);
    const inside = new TokenReader(source, withEnd(tokens.slice(at + 2, close), tokens[close]!.start));
    clauses.set(alias, { ...readClause(inside), at: tokens[at]!.start, ...tail.names });
    const cut = source.text.slice(tokens[at]!.start, last.end);
    pieces.push(source.text.slice(from, tokens[at]!.start), `"${alias}"`.padEnd(Buffer.byteLength(cut)));
    from = last.end;
    at = close + tail.taken;
  }
  pieces.push(source.text.slice(from, range.end));
  return { text: pieces.join(''), clauses };
}

/** A name that the text does not hold, shorter than the clause. */
function aliasFor(source: SourceText, number: number): string {
  let alias = `m${number}`;
  while (source.text.includes(alias)) alias = ` ${alias}`;
  return alias;
}

/** The relation's own alias would stand in the way of the one that names the clause. */
function requireNoAlias(source: SourceText, tokens: readonly Token[], at: number): void {
  const [before, name] = [tokens[at - 2], tokens[at - 1]];
  if (name === undefined || (name.kind !== 'word' && name.kind !== 'quoted-name')) return;
  const isAlias =
    before?.kind === 'quoted-name' ||
    before?.value === ')' ||
    (before?.kind === 'word' && !['from', 'join', 'lateral', 'only'].includes(before.value));
  if (!isAlias) return;
  throw source.error(name.start, 'a relation has no name of its own before MATCH_RECOGNIZE', {
    code: 'SQL_NOT_SUPPORTED',
    next: 'put the name after the clause: MATCH_RECOGNIZE (...) AS name',
  });
}

function closingParenthesis(source: SourceText, tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const { kind, value } = tokens[at]!;
    if (kind !== 'symbol') continue;
    if (value === '(') depth++;
    if (value === ')') depth--;
    if (depth === 0) return at;
  }
  throw source.error(tokens[open]!.start, 'MATCH_RECOGNIZE ( has no end', { next: 'close it with )' });
}

function withEnd(tokens: readonly Token[], at: number): readonly Token[] {
  return [...tokens, { kind: 'end', value: '', start: at, end: at }];
}

/** Words after a relation that are no name of it. */
const NOT_A_NAME: ReadonlySet<string> = new Set(
  'where group having window order limit offset fetch union except intersect join inner left right full cross natural on using for as'.split(
    ' ',
  ),
);

/** `[AS] name [(columns)]` after the clause. */
function readTail(
  source: SourceText,
  tokens: readonly Token[],
): { readonly taken: number; readonly names: Pick<MatchClause, 'name' | 'columnNames'> } {
  const reader = new TokenReader(source, withEnd(tokens, tokens.at(-1)?.end ?? source.text.length));
  const isAs = reader.skipWords('as');
  const token = reader.peek();
  const isName = token.kind === 'quoted-name' || (token.kind === 'word' && !NOT_A_NAME.has(token.value));
  if (!isName && !isAs) return { taken: 0, names: { name: undefined, columnNames: [] } };
  const name = reader.name();
  const columnNames = reader.atSymbol('(') ? reader.nameList() : [];
  const taken = tokens.findIndex((candidate) => candidate.start === reader.peek().start);
  return { taken: taken < 0 ? tokens.length : taken, names: { name, columnNames } };
}

type Body = Omit<MatchClause, 'at' | 'name' | 'columnNames'>;

function readClause(reader: TokenReader): Body {
  const partition = reader.skipWords('partition', 'by') ? readList(reader, () => reader.rangeUntil(endsItem)) : [];
  const order = reader.skipWords('order', 'by') ? readList(reader, () => readOrder(reader)) : [];
  const measures = reader.skipWords('measures') ? readList(reader, () => readMeasure(reader)) : [];
  readRows(reader);
  const afterMatch = readAfterMatch(reader);
  reader.expectWords('pattern');
  const pattern = readRowPattern(reader);
  const within = reader.skipWords('within')
    ? reader.rangeUntil((at) => at.atWord('subset') || at.atWord('define'))
    : undefined;
  const subsets = reader.skipWords('subset') ? readList(reader, () => readSubset(reader)) : [];
  const defines = reader.skipWords('define') ? readList(reader, () => readDefine(reader)) : [];
  if (reader.peek().kind !== 'end')
    throw reader.expected(defines.length === 0 ? 'DEFINE' : 'the end of MATCH_RECOGNIZE');
  return { partition, order, measures, afterMatch, pattern, within, subsets, defines };
}

function readList<Item>(reader: TokenReader, read: () => Item): readonly Item[] {
  const items = [read()];
  while (reader.skipSymbol(',')) items.push(read());
  return items;
}

function endsClause(reader: TokenReader): boolean {
  return (
    reader.atWord('order', 'by') ||
    reader.atWord('measures') ||
    (reader.atWord('define') && reader.peek(2).value === 'as') ||
    reader.atWord('one', 'row') ||
    reader.atWord('all', 'rows') ||
    reader.atWord('after', 'match') ||
    (reader.atWord('pattern') && reader.peek(1).value === '(')
  );
}

function endsItem(reader: TokenReader): boolean {
  return reader.atSymbol(',') || endsClause(reader);
}

function readOrder(reader: TokenReader): MatchOrder {
  const value = reader.rangeUntil((at) => endsItem(at) || at.atWord('asc') || at.atWord('desc') || at.atWord('nulls'));
  const descending = reader.skipWords('desc');
  if (!descending) reader.skipWords('asc');
  if (reader.skipWords('nulls', 'first')) return { value, descending, nullsFirst: true };
  const isLast = reader.skipWords('nulls', 'last');
  return { value, descending, nullsFirst: descending && !isLast };
}

function readMeasure(reader: TokenReader): MatchClause['measures'][number] {
  const value = reader.rangeUntil((at) => at.atWord('as') || endsItem(at));
  reader.expectWords('as');
  return { name: reader.name(), value };
}

function readRows(reader: TokenReader): void {
  const { start } = reader.peek();
  if (reader.skipWords('one')) reader.expectWords('row', 'per', 'match');
  if (!reader.atWord('all', 'rows')) return;
  throw reader.source.error(start, 'ALL ROWS PER MATCH is not supported', {
    code: 'SQL_NOT_SUPPORTED',
    next: 'write ONE ROW PER MATCH, and join its rows with those of the input by key and time',
  });
}

function readAfterMatch(reader: TokenReader): AfterMatch {
  if (!reader.skipWords('after')) return { kind: 'past-last-row' };
  reader.expectWords('match', 'skip');
  if (reader.skipWords('past')) {
    reader.expectWords('last', 'row');
    return { kind: 'past-last-row' };
  }
  reader.expectWords('to');
  if (reader.skipWords('next', 'row')) return { kind: 'next-row' };
  const kind = reader.skipWords('first') ? 'first' : 'last';
  if (kind === 'last') reader.skipWords('last');
  return { kind, variable: reader.name() };
}

function readSubset(reader: TokenReader): MatchClause['subsets'][number] {
  const name = reader.name();
  reader.expectSymbol('=');
  return { name, variables: reader.nameList() };
}

function readDefine(reader: TokenReader): MatchClause['defines'][number] {
  const variable = reader.name();
  reader.expectWords('as');
  return { variable, condition: reader.rangeUntil((at) => at.atSymbol(',')) };
}
