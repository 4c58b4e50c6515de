import { type MatchRow, MatchSearch } from '../engine/operator/match/match-search.ts';
import { compileExpression } from '../plan/evaluate.ts';
import { evaluationError } from '../plan/evaluation-error.ts';
import type { MatchNode } from '../plan/node.ts';
import { TYPE } from '../plan/type-name.ts';
import { itemsOf, rowOf } from './duckdb-aggregate.ts';
import { type ExpressionScope, QUOTIENT_SCALE, unsupported } from './duckdb-type.ts';

type Measures = readonly unknown[];

/**
 * MATCH_RECOGNIZE as a query: DuckDB gathers the rows of each partition, the matcher of streams finds the matches among them, and DuckDB
 * asks for the measures of each by its number.
 */
export function matchToDuckdb(
  node: MatchNode,
  input: { readonly sql: string; readonly scales: readonly number[] },
  scope: ExpressionScope,
): { readonly sql: string; readonly scales: readonly number[] } {
  const { evaluation } = scope;
  if (evaluation === undefined) throw unsupported('MATCH_RECOGNIZE');
  const found: Measures[] = [];
  const types = node.input.columns.map((column) => column.type);
  const search = new MatchSearch(node, { clockMs: () => Number(scope.nowUs / 1000n), userFunction: noUserFunction });
  const ids = evaluation.compute(
    {
      type: TYPE.text,
      scale: 0,
      compute: ([list]) => {
        const items = itemsOf(list ?? null).map((item) => rowOf(item, types));
        return JSON.stringify(matchesAmong(node, search, items).map((measures) => found.push(measures) - 1));
      },
    },
    [`list(${types.length === 1 ? 't.c0' : `{${types.map((_, at) => `'v${at}': t.c${at}`).join(', ')}}`})`],
  );
  const keys = node.partition.map((at, index) => `t.c${at} AS k${index}`);
  const names = node.partition.map((_, index) => `k${index}`);
  const grouped =
    names.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${node.partition.map((at) => `t.c${at}`).join(', ')}`;
  const matched = `SELECT ${[...keys, `unnest(CAST(${ids.sql} AS INTEGER[])) AS id`].join(', ')} FROM (${input.sql}) t ${grouped}`;
  const measures = node.measures.map(({ type }, at) =>
    evaluation.compute({ type, scale: scaleOf(node, at, input.scales), compute: ([id]) => found[Number(id)]![at] }, [
      'm.id',
    ]),
  );
  const list = [...names.map((name) => `m.${name}`), ...measures.map(({ sql }) => sql)];
  return {
    sql: `SELECT ${list.map((sql, at) => `${sql} AS c${at}`).join(', ')} FROM (${matched}) m`,
    scales: [...node.partition.map((at) => input.scales[at]!), ...measures.map(({ scale }) => scale)],
  };
}

/** Of a measure that is a column of a row, that of the column; of others what a quotient has. */
function scaleOf({ measures, navigations }: MatchNode, at: number, scales: readonly number[]): number {
  const { kind, type, ...measure } = measures[at]!;
  if (type.kind !== 'numeric') return 0;
  const navigation = kind === 'column' && 'index' in measure ? navigations[measure.index] : undefined;
  if (navigation?.kind === 'row' && navigation.value.kind === 'column') return scales[navigation.value.index]!;
  return type.scale ?? QUOTIENT_SCALE;
}

function noUserFunction(): never {
  throw unsupported('a user function');
}

function matchesAmong(
  node: MatchNode,
  search: MatchSearch,
  values: readonly (readonly unknown[])[],
): readonly Measures[] {
  const time = compileExpression(node.keys[0]!.expression, { nowUs: 0n });
  const rows = values
    .flatMap((row, arrival): MatchRow[] => {
      const at = time(row) as bigint | null;
      return at === null ? [] : [{ values: row, time: at, arrival }];
    })
    .sort((a, b) => search.compareKeys(a, b) || a.arrival - b.arrival);
  const matches: Measures[] = [];
  let count = 0;
  for (let start = 0; start < rows.length; ) {
    const { next, matches: now, result, letters } = search.from({ at: (place) => rows[place] }, start, count);
    const [letter] = letters;
    if (letter !== undefined) throw evaluationError('PLAN_INVALID_ARGUMENT', letter.message);
    if (result !== undefined) matches.push(result.values);
    start = next;
    count = now;
  }
  return matches;
}
