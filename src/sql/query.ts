import type { HeadraceError } from '../base/error.ts';
import type { Column } from '../plan/data-type.ts';
import { tableScanNode } from '../plan/factory.ts';
import type { PlanNode } from '../plan/node.ts';
import { SelectBinder } from './select-binder.ts';
import { splitStatements } from './statement/statement-parser.ts';
import { loadQueryParser, parseQuery } from './text/query-parser.ts';
import { SourceText } from './text/source-text.ts';
import { tokenize } from './text/tokenizer.ts';

/** The tables and topics that an ad-hoc query may name, with their columns. */
export type QueryCatalog = ReadonlyMap<string, readonly Column[]>;

/**
 * An ad-hoc, read-only query as a plan over table scans.
 *
 * @throws HeadraceError with the position of the mistake: `SQL_SYNTAX`, `SQL_READ_ONLY`, `SQL_NOT_SUPPORTED`,
 * `SQL_UNKNOWN_RELATION`, `SQL_UNKNOWN_COLUMN`, `PLAN_UNKNOWN_FUNCTION`, `PLAN_TYPE_MISMATCH` and others
 *
 * @example
 * ```ts
 * const plan = await compileQuery('SELECT section, sum(requests) FROM requests_1m GROUP BY section', catalog);
 * ```
 */
export async function compileQuery(text: string, catalog: QueryCatalog): Promise<PlanNode> {
  await loadQueryParser();
  const source = new SourceText(text);
  try {
    return bindQuery(source, catalog);
  } catch (error) {
    if (error instanceof RangeError) throw tooComplex(source);
    throw error;
  }
}

function bindQuery(source: SourceText, catalog: QueryCatalog): PlanNode {
  const [first, second] = splitStatements(tokenize(source));
  if (second !== undefined)
    throw source.error(second[0]!.start, 'one query at a time', { next: 'remove all but one statement' });
  const start = first?.[0]?.start ?? 0;
  const { select, place, temporal, matches } = parseQuery(source, {
    start,
    end: first?.at(-1)?.start ?? source.text.length,
  });
  const scans = new Map<string, PlanNode>();
  const find = (name: string): PlanNode | undefined => {
    const columns = catalog.get(name);
    if (columns === undefined) return undefined;
    const scan = scans.get(name) ?? tableScanNode(name, columns);
    scans.set(name, scan);
    return scan;
  };
  const binder = new SelectBinder(
    { source, place, temporal, matches, functions: new Map() },
    { streaming: false, ttlMs: undefined },
  );
  return binder.bind(select, { find, names: () => [...catalog.keys()] });
}

function tooComplex(source: SourceText): HeadraceError {
  return source.error(0, 'the query is nested too deeply', {
    code: 'SQL_TOO_COMPLEX',
    next: 'split it, or use IN lists',
  });
}
