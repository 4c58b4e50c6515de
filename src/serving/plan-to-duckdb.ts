import type { DataType } from '../plan/data-type.ts';
import type { AggregateNode, JoinNode, PlanNode, SetOperationNode, TopNNode, WindowNode } from '../plan/node.ts';
import { aggregateToDuckdb } from './duckdb-aggregate.ts';
import { compileToDuckdb } from './duckdb-expression.ts';
import { tableFunctionToDuckdb, temporalJoinToDuckdb } from './duckdb-from.ts';
import { matchToDuckdb } from './duckdb-match.ts';
import { timeWindowToDuckdb } from './duckdb-time-window.ts';
import { type CompiledExpression, duckdbType, type ExpressionScope, rescaled, unsupported } from './duckdb-type.ts';
import { orderToDuckdb, overToDuckdb, topNToDuckdb } from './duckdb-window.ts';

/** A table of the query database that stands for a relation of the plan; its columns are `c0`, `c1` ... */
export interface DuckdbRelation {
  readonly table: string;
  /** Scale of each DECIMAL column, by position; 0 for others. */
  readonly scales: readonly number[];
}

export interface DuckdbQuery {
  readonly sql: string;
  readonly scales: readonly number[];
}

export interface PlanScope extends Omit<ExpressionScope, 'columns'> {
  relation(name: string): DuckdbRelation;
}

/**
 * Writes a plan as one DuckDB query with PostgreSQL's meaning; columns are named `c0`, `c1` ... by position, so that no
 * name of a user is ever part of the text.
 *
 * @throws HeadraceError `SERVING_QUERY_UNSUPPORTED`
 */
export function planToDuckdb(node: PlanNode, scope: PlanScope): DuckdbQuery {
  switch (node.kind) {
    case 'source':
    case 'table-scan': {
      const { table, scales } = scope.relation(node.name);
      return { sql: `SELECT ${names(node.columns.length).join(', ')} FROM ${table}`, scales };
    }
    case 'values':
      return values(
        node.columns.map((c) => c.type),
        node.rows,
        scope,
      );
    case 'filter': {
      const input = planToDuckdb(node.input, scope);
      const where = compileToDuckdb(node.predicate, over(input, scope)).sql;
      return { sql: `SELECT * FROM (${input.sql}) t WHERE ${where}`, scales: input.scales };
    }
    case 'project': {
      const input = planToDuckdb(node.input, scope);
      return select(
        node.expressions.map((e) => compileToDuckdb(e, over(input, scope))),
        `FROM (${input.sql}) t`,
      );
    }
    case 'window':
      return window(node, scope);
    case 'table-function':
      return tableFunctionToDuckdb(node, planToDuckdb(node.input, scope), scope);
    case 'temporal-join':
      return temporalJoinToDuckdb(node, planToDuckdb(node.left, scope), planToDuckdb(node.right, scope), scope);
    case 'aggregate':
      return aggregate(node, scope);
    case 'join':
      return join(node, scope);
    case 'sort': {
      const input = planToDuckdb(node.input, scope);
      const order = orderToDuckdb(node.keys, over(input, scope));
      return { sql: `SELECT * FROM (${input.sql}) t ORDER BY ${order}`, scales: input.scales };
    }
    case 'limit': {
      const input = planToDuckdb(node.input, scope);
      const limit = node.limit === undefined ? '' : ` LIMIT ${node.limit}`;
      return { sql: `SELECT * FROM (${input.sql}) t${limit} OFFSET ${node.offset}`, scales: input.scales };
    }
    case 'distinct': {
      const input = planToDuckdb(node.input, scope);
      return { sql: `SELECT DISTINCT * FROM (${input.sql}) t`, scales: input.scales };
    }
    case 'set-operation':
      return setOperation(node, scope);
    case 'over': {
      const input = planToDuckdb(node.input, scope);
      const calls = overToDuckdb(node, over(input, scope), aggregateToDuckdb);
      const kept = node.input.columns.map(({ type }, at) => ({ sql: `t.c${at}`, type, scale: input.scales[at]! }));
      return select([...kept, ...calls], `FROM (${input.sql}) t`);
    }
    case 'top-n':
      return topN(node, scope);
    case 'match':
      return matchToDuckdb(node, planToDuckdb(node.input, scope), { ...scope, columns: [] });
    case 'deduplicate':
      throw unsupported('deduplication');
    default:
      throw unsupported(node.kind);
  }
}

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `c${index}`);
}

function over(input: DuckdbQuery, scope: PlanScope): ExpressionScope {
  return { ...scope, columns: input.scales.map((scale, index) => ({ sql: `t.c${index}`, scale })) };
}

function select(expressions: readonly CompiledExpression[], from: string): DuckdbQuery {
  const list = expressions.map((e, index) => `${e.sql} AS c${index}`);
  return { sql: `SELECT ${list.join(', ') || '1 AS c0'} ${from}`, scales: expressions.map((e) => e.scale) };
}

function values(
  types: readonly DataType[],
  rows: readonly (readonly Parameters<typeof compileToDuckdb>[0][])[],
  scope: PlanScope,
): DuckdbQuery {
  const compiled = rows.map((row) => row.map((e) => compileToDuckdb(e, { ...scope, columns: [] })));
  const scales = types.map((_, index) => Math.max(0, ...compiled.map((row) => row[index]?.scale ?? 0)));
  const cell = (e: CompiledExpression, index: number): string =>
    types[index]?.kind === 'numeric' ? rescaled(e, scales[index]!).sql : e.sql;
  if (types.length === 0) return { sql: `SELECT 1 AS c0 FROM range(${rows.length})`, scales };
  if (compiled.length === 0) {
    const empty = types.map((type, index) => `CAST(NULL AS ${duckdbType(type, scales[index]!)}) AS c${index}`);
    return { sql: `SELECT ${empty.join(', ')} WHERE false`, scales };
  }
  const lines = compiled.map((row) => `(${row.map(cell).join(', ')})`);
  return { sql: `SELECT * FROM (VALUES ${lines.join(', ')}) v(${names(types.length).join(', ')})`, scales };
}

function window(node: WindowNode, scope: PlanScope): DuckdbQuery {
  const input = planToDuckdb(node.input, scope);
  const sql = timeWindowToDuckdb(node, { sql: input.sql, columns: input.scales.length });
  return { sql, scales: [...input.scales, 0, 0] };
}

function aggregate(node: AggregateNode, scope: PlanScope): DuckdbQuery {
  const input = planToDuckdb(node.input, scope);
  const inner = over(input, scope);
  const groups = node.groups.map((group) => compileToDuckdb(group, inner));
  const calls = node.aggregates.map((call) => aggregateToDuckdb(call, inner));
  const positions = groups.map((_, index) => index + 1).join(', ');
  const grouped = groups.length === 0 ? '' : ` GROUP BY ${positions}`;
  return select([...groups, ...calls], `FROM (${input.sql}) t${grouped}`);
}

/** The rank is a column of the inner query, which the outer one leaves out unless it is asked for. */
function topN(node: TopNNode, scope: PlanScope): DuckdbQuery {
  const input = planToDuckdb(node.input, scope);
  const { rank, keeps } = topNToDuckdb(node, over(input, scope));
  const at = input.scales.length;
  const shown = node.withRank ? names(at + 1) : names(at);
  const ranked = `SELECT *, ${rank.sql} AS c${at} FROM (${input.sql}) t`;
  return {
    sql: `SELECT ${shown.join(', ')} FROM (${ranked}) t WHERE ${keeps(`c${at}`)}`,
    scales: node.withRank ? [...input.scales, 0] : input.scales,
  };
}

const JOINS: Readonly<Record<JoinNode['join'], string>> = {
  inner: 'INNER JOIN',
  left: 'LEFT JOIN',
  right: 'RIGHT JOIN',
  full: 'FULL JOIN',
  cross: 'CROSS JOIN',
  semi: 'SEMI JOIN',
  anti: 'ANTI JOIN',
};

function join(node: JoinNode, scope: PlanScope): DuckdbQuery {
  const left = planToDuckdb(node.left, scope);
  const right = planToDuckdb(node.right, scope);
  const sides = [
    ...left.scales.map((scale, index) => ({ sql: `l.c${index}`, scale })),
    ...right.scales.map((scale, index) => ({ sql: `r.c${index}`, scale })),
  ];
  const kept = node.join === 'semi' || node.join === 'anti' ? sides.slice(0, left.scales.length) : sides;
  const on = node.condition === undefined ? 'true' : compileToDuckdb(node.condition, { ...scope, columns: sides }).sql;
  const list = kept.map((side, index) => `${side.sql} AS c${index}`).join(', ');
  const condition = node.join === 'cross' ? '' : ` ON ${on}`;
  return {
    sql: `SELECT ${list} FROM (${left.sql}) l ${JOINS[node.join]} (${right.sql}) r${condition}`,
    scales: kept.map((side) => side.scale),
  };
}

function setOperation(node: SetOperationNode, scope: PlanScope): DuckdbQuery {
  const inputs = node.inputs.map((input) => planToDuckdb(input, scope));
  const scales = node.columns.map((_, index) => Math.max(0, ...inputs.map((input) => input.scales[index] ?? 0)));
  const operator = ` ${node.operation.toUpperCase()}${node.all ? ' ALL' : ''} `;
  const sides = inputs.map((input) => {
    const list = node.columns.map(({ type }, index) =>
      type.kind === 'numeric' ? `CAST(c${index} AS ${duckdbType(type, scales[index]!)}) AS c${index}` : `c${index}`,
    );
    return `SELECT ${list.join(', ')} FROM (${input.sql})`;
  });
  const sql = sides.reduce((text, side) => `(${text})${operator}(${side})`);
  return { sql: `SELECT * FROM (${sql}) t`, scales };
}
