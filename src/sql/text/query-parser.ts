import { loadModule, type Node, parseSync, type SelectStmt, SqlError } from 'libpg-query';
import { cutMatchClauses, type MatchClause } from '../clause/match-clause.ts';
import { cutTemporalClauses, type TemporalClauses } from '../clause/temporal-clause.ts';
import type { TextRange } from '../statement/statement.ts';
import { type PositionMap, positionMap, type SourceText } from './source-text.ts';

/** A parsed query, with the way from its positions back into the user's text. */
export interface ParsedQuery {
  readonly select: SelectStmt;
  readonly place: PositionMap;
  /** What was cut out before PostgreSQL's parser read the rest. */
  readonly temporal: TemporalClauses;
  /** MATCH_RECOGNIZE, by the alias that stands for each clause in the tree. */
  readonly matches: ReadonlyMap<string, MatchClause>;
}

/** Loads PostgreSQL's parser (WebAssembly) once; parsing is synchronous afterwards. */
export async function loadQueryParser(): Promise<void> {
  await loadModule();
}

/** PostgreSQL's parser builds a tree on a stack of its own: longer or deeper text is refused before it. */
const QUERY_LENGTH_MAX = 1_000_000;
const QUERY_DEPTH_MAX = 500;

/** @throws HeadraceError `SQL_SYNTAX`, `SQL_READ_ONLY` */
export function parseQuery(source: SourceText, range: TextRange): ParsedQuery {
  if (range.start >= range.end) throw source.error(range.start, 'there is no query', { next: 'write SELECT ...' });
  const place = positionMap(source, range.start, range.end);
  const { text: known, clauses: matches } = cutMatchClauses(source, range);
  const { text, clauses: temporal } = cutTemporalClauses(source, range, known);
  const statements = parse(source, text, place, range.start);
  const [first, second] = statements;
  if (first === undefined) throw source.error(range.start, 'there is no query', { next: 'write SELECT ...' });
  if (second !== undefined)
    throw source.error(range.start, 'one query at a time', { next: 'remove all but one statement' });
  if ('SelectStmt' in first) return { select: first.SelectStmt, place, temporal, matches };
  throw source.error(
    range.start,
    `${Object.keys(first)[0]?.replace(/Stmt$/, '').toUpperCase()} is refused: queries are read-only`,
    {
      code: 'SQL_READ_ONLY',
      next: 'write a SELECT',
    },
  );
}

const EXPRESSION_PREFIX = 'SELECT ';

/** One scalar expression; `written` is what to read in its place, with the same positions. */
export function parseExpression(
  source: SourceText,
  range: TextRange,
  written = source.text.slice(range.start, range.end),
): { readonly node: Node; readonly place: PositionMap } {
  const place = positionMap(source, range.start, range.end, EXPRESSION_PREFIX.length);
  const text = EXPRESSION_PREFIX + written;
  const [first] = parse(source, text, place, range.start);
  const select = first !== undefined && 'SelectStmt' in first ? first.SelectStmt : undefined;
  const target = select?.targetList?.length === 1 ? select.targetList[0] : undefined;
  const node = target !== undefined && 'ResTarget' in target ? target.ResTarget : undefined;
  const alone = select?.fromClause === undefined && select?.whereClause === undefined && node?.name === undefined;
  if (node?.val === undefined || !alone) throw source.error(range.start, 'expected one expression');
  return { node: node.val, place };
}

function parse(source: SourceText, text: string, place: PositionMap, start: number): Node[] {
  refuseTooLarge(source, text, start);
  try {
    return (parseSync(text).stmts ?? []).flatMap((raw) => (raw.stmt === undefined ? [] : [raw.stmt]));
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const cursor = error.sqlDetails?.cursorPosition ?? 0;
    throw source.error(place(byteOffset(text, cursor)), error.message);
  }
}

/** The parser counts the cursor of an error in code points, and all other positions in bytes. */
function byteOffset(text: string, codePoints: number): number {
  return Buffer.byteLength(Array.from(text).slice(0, Math.max(0, codePoints)).join(''));
}

function refuseTooLarge(source: SourceText, text: string, start: number): void {
  let depth = 0;
  let deepest = 0;
  for (const unit of text) {
    if (unit === '(' || unit === '[') deepest = Math.max(deepest, ++depth);
    else if (unit === ')' || unit === ']') depth--;
  }
  if (text.length > QUERY_LENGTH_MAX || deepest > QUERY_DEPTH_MAX) {
    throw source.error(start, `the query is too ${deepest > QUERY_DEPTH_MAX ? 'deep' : 'long'}`, {
      code: 'SQL_TOO_COMPLEX',
      next: `stay under ${QUERY_LENGTH_MAX} characters and ${QUERY_DEPTH_MAX} levels of parentheses`,
    });
  }
}
