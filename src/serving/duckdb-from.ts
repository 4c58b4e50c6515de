import type { TableFunctionNode, TemporalJoinNode } from '../plan/node.ts';
import { type TableFunction, tableFunction } from '../plan/table-function.ts';
import { TYPE } from '../plan/type-name.ts';
import { compileToDuckdb } from './duckdb-expression.ts';
import { type ExpressionEvaluation, type ExpressionScope, QUOTIENT_SCALE, unsupported } from './duckdb-type.ts';
import { fromDuckdbValue } from './duckdb-value.ts';

/** SQL text of rows whose columns are `c0`, `c1` ..., with the scale of each. */
interface Rows {
  readonly sql: string;
  readonly scales: readonly number[];
}

function overColumns({ scales }: Rows, scope: Omit<ExpressionScope, 'columns'>): ExpressionScope {
  return { ...scope, columns: scales.map((scale, index) => ({ sql: `t.c${index}`, scale })) };
}

/** The rows of the last call: DuckDB asks for each column of each row in turn. */
class CalledRows {
  readonly #called: TableFunction;
  #key: string | undefined;
  #rows: readonly (readonly unknown[])[] = [];

  constructor(called: TableFunction) {
    this.#called = called;
  }

  rows(args: readonly unknown[], key: string): readonly (readonly unknown[])[] {
    if (this.#key !== key) {
      this.#rows = [...this.#called.rows(args)];
      this.#key = key;
    }
    return this.#rows;
  }
}

/**
 * A set-returning function for each row. The plan's own code runs it, called by DuckDB: how many rows there are, then each of their
 * values.
 */
export function tableFunctionToDuckdb(
  node: TableFunctionNode,
  input: Rows,
  scope: Omit<ExpressionScope, 'columns'>,
): Rows {
  const types = node.args.map((arg) => arg.type);
  const called = node.user === undefined ? tableFunction(node.function, types) : undefined;
  const { evaluation } = scope;
  if (called === undefined || evaluation === undefined) throw unsupported(`the function ${node.function} in FROM`);
  const args = node.args.map((arg) => compileToDuckdb(arg, overColumns(input, scope)));
  const texts = args.map((arg) => arg.sql);
  const last = new CalledRows(called);
  const rowsOf = (values: Parameters<Parameters<ExpressionEvaluation['compute']>[0]['compute']>[0]) =>
    last.rows(
      types.map((type, index) => fromDuckdbValue(values[index] ?? null, type)),
      values.slice(0, types.length).map(String).join('\u0000'),
    );
  const count = evaluation.compute(
    { type: TYPE.int8, scale: 0, compute: (values) => BigInt(Math.max(rowsOf(values).length, Number(node.outer))) },
    texts,
  );
  const scale = Math.max(0, ...args.map((arg) => arg.scale));
  const made = called.columns.map(({ type }, column) => {
    const own = type.kind === 'numeric' ? (type.scale ?? (scale > 0 ? scale : QUOTIENT_SCALE)) : 0;
    return evaluation.compute(
      { type, scale: own, compute: (values) => rowsOf(values)[Number(values[types.length])]?.[column] ?? null },
      [...texts, 't.nth'],
    );
  });
  const ordinality = evaluation.compute(
    {
      type: TYPE.int8,
      scale: 0,
      compute: (values) => {
        const nth = Number(values[types.length]);
        return nth < rowsOf(values).length ? BigInt(nth + 1) : null;
      },
    },
    [...texts, 't.nth'],
  );
  const columns = node.ordinality ? [...made, ordinality] : made;
  const numbered = `SELECT t.*, unnest(range(${count.sql})) AS nth FROM (${input.sql}) t`;
  const list = columns.map(({ sql }, index) => `${sql} AS c${input.scales.length + index}`);
  const kept = input.scales.map((_, index) => `t.c${index}`);
  return {
    sql: `SELECT ${[...kept, ...list].join(', ')} FROM (${numbered}) t`,
    scales: [...input.scales, ...columns.map((column) => column.scale)],
  };
}

/**
 * Of each left row the newest right row that is not later, or, without times, the right row with its keys as it is now. A row that
 * the rest of the condition refuses is as if there were none.
 */
export function temporalJoinToDuckdb(
  node: TemporalJoinNode,
  left: Rows,
  right: Rows,
  scope: Omit<ExpressionScope, 'columns'>,
): Rows {
  const width = left.scales.length;
  const keys = node.leftKeys.map((key, index) => `l.c${key} = r.c${node.rightKeys[index]}`);
  const { times } = node;
  const on = [...keys, ...(times === undefined ? [] : [`l.c${times.left} >= r.c${times.right}`])].join(' AND ');
  const join = `${times === undefined ? '' : 'ASOF '}${node.join === 'left' ? 'LEFT' : 'INNER'} JOIN`;
  const list = [
    ...left.scales.map((_, index) => `l.c${index} AS c${index}`),
    ...right.scales.map((_, index) => `r.c${index} AS c${width + index}`),
  ];
  const scales = [...left.scales, ...right.scales];
  const sql = `SELECT ${list.join(', ')} FROM (${left.sql}) l ${join} (${right.sql}) r ON ${on}`;
  if (node.condition === undefined) return { sql, scales };
  const holds = compileToDuckdb(node.condition, overColumns({ sql, scales }, scope)).sql;
  if (node.join === 'inner') return { sql: `SELECT * FROM (${sql}) t WHERE ${holds}`, scales };
  const shown = scales.map((_, index) =>
    index < width ? `t.c${index}` : `CASE WHEN ${holds} THEN t.c${index} END AS c${index}`,
  );
  return { sql: `SELECT ${shown.join(', ')} FROM (${sql}) t`, scales };
}
