import type { CallOptions } from './call-options.ts';
import type { Column, DataType } from './data-type.ts';
import type { Expression } from './expression.ts';
import type { MatchVariables, RowPattern } from './row-pattern.ts';
import type { HoppingWindow, SessionWindow, TumblingWindow, WindowFrame } from './window-shape.ts';

/**
 * A relational node. Nodes are frozen and made by factories (plan/factory.ts); an input that two nodes share is the
 * same object, and is computed once. `columns` is the output schema.
 */
export type PlanNode =
  | SourceNode
  | TableScanNode
  | ValuesNode
  | FilterNode
  | ProjectNode
  | DeduplicateNode
  | WindowNode
  | AggregateNode
  | JoinNode
  | SortNode
  | LimitNode
  | DistinctNode
  | SetOperationNode
  | TopNNode
  | OverNode
  | TableFunctionNode
  | TemporalJoinNode
  | MatchNode
  | LookupNode
  | UserCallNode
  | ExchangeNode;

interface NodeBase {
  readonly columns: readonly Column[];
}

/** Where a source column is found in the JSON value: its path from the root (`['data','amount']`). */
export interface SourceColumn extends Column {
  readonly path: readonly string[];
}

/** Event time of a source: `watermark = max(event time) - delay`. */
export interface WatermarkSpec {
  /** Column (timestamptz or timestamp) that carries event time. */
  readonly columnIndex: number;
  readonly delayUs: bigint;
  /** After this silence a partition stops holding the watermark back. Milliseconds. */
  readonly idleTimeoutMs: number;
  /** Rows further ahead of their receipt go to dead letters with reason `future`. Milliseconds. */
  readonly futureLimitMs: number;
}

/** An input topic read as a stream: of events, or of the changes of a table. */
export interface SourceNode extends NodeBase {
  readonly kind: 'source';
  readonly name: string;
  readonly topic: string;
  readonly format: 'json';
  readonly columns: readonly SourceColumn[];
  readonly watermark: WatermarkSpec | undefined;
  /** Undefined: every record is a row of its own. */
  readonly changes?: ChangeSpec;
}

/**
 * How the records of a topic change a table. `upsert`: a record replaces the row with the same record key, and a null value
 * deletes it. `retract`: header `op` says whether the row comes (`c`) or goes (`d`).
 */
export interface ChangeSpec {
  readonly mode: 'upsert' | 'retract';
  /** Columns that tell rows apart: the primary key. Empty: the record key alone does; and for `retract`. */
  readonly keys: readonly number[];
}

/** A table or topic of the running system, read by an ad-hoc query at one commit. */
export interface TableScanNode extends NodeBase {
  readonly kind: 'table-scan';
  readonly name: string;
}

export interface ValuesNode extends NodeBase {
  readonly kind: 'values';
  readonly rows: readonly (readonly Expression[])[];
}

export interface FilterNode extends NodeBase {
  readonly kind: 'filter';
  readonly input: PlanNode;
  readonly predicate: Expression;
}

export interface ProjectNode extends NodeBase {
  readonly kind: 'project';
  readonly input: PlanNode;
  readonly expressions: readonly Expression[];
}

/** Keeps the first row per key within `ttlMs` of event time (or receipt time without a watermark); exact. */
export interface DeduplicateNode extends NodeBase {
  readonly kind: 'deduplicate';
  readonly input: PlanNode;
  readonly keys: readonly number[];
  readonly ttlMs: number;
}

/** Appends `window_start` and `window_end` (type of the time column); a row may fall into several windows. */
export interface WindowNode extends NodeBase {
  readonly kind: 'window';
  readonly input: PlanNode;
  readonly window: TumblingWindow | HoppingWindow | SessionWindow;
  readonly timeColumn: number;
}

/** The catalogue of aggregates is plan/aggregate-catalog.ts. */
export type AggregateFunction =
  | 'count'
  | 'sum'
  | 'min'
  | 'max'
  | 'avg'
  | 'bool_and'
  | 'bool_or'
  | 'bit_and'
  | 'bit_or'
  | 'bit_xor'
  | 'string_agg'
  | 'array_agg'
  | 'jsonb_agg'
  | 'jsonb_object_agg'
  | 'first_value'
  | 'last_value'
  | 'stddev_pop'
  | 'stddev_samp'
  | 'var_pop'
  | 'var_samp'
  | 'covar_pop'
  | 'covar_samp'
  | 'corr'
  | 'regr_avgx'
  | 'regr_avgy'
  | 'regr_count'
  | 'regr_intercept'
  | 'regr_r2'
  | 'regr_slope'
  | 'regr_sxx'
  | 'regr_sxy'
  | 'regr_syy'
  | 'percentile_cont'
  | 'percentile_disc'
  | 'mode'
  | 'approx_count_distinct'
  | 'approx_percentile'
  | 'user';

export interface AggregateCall {
  readonly function: AggregateFunction;
  /** Undefined for `count(*)`. Of an ordered-set aggregate (`percentile_cont ... WITHIN GROUP (ORDER BY x)`) what is ordered by. */
  readonly argument: Expression | undefined;
  /**
   * Further arguments: the delimiter of `string_agg`, the value of `jsonb_object_agg`, the X of `corr(Y, X)`; the fraction of a
   * percentile (a literal; an array of them for several) and the relative error of `approx_percentile` (a literal).
   */
  readonly extra?: readonly Expression[];
  /** Order in which the rows are taken, over the input row; rows that are equal in it come in the order of arrival. */
  readonly orderBy?: readonly SortKey[];
  readonly distinct: boolean;
  readonly filter: Expression | undefined;
  readonly type: DataType;
  /** A user-defined aggregate, for the function `user`. */
  readonly user?: { readonly name: string; readonly module: string; readonly exportName: string };
}

/** Output columns: the group expressions in order, then the aggregates in order. */
export interface AggregateNode extends NodeBase {
  readonly kind: 'aggregate';
  readonly input: PlanNode;
  readonly groups: readonly Expression[];
  readonly aggregates: readonly AggregateCall[];
  /** Positions among `groups` of window_start and window_end, if the input is windowed: state is dropped when the watermark passes. */
  readonly windowGroups: { readonly start: number | undefined; readonly end: number | undefined } | undefined;
}

export type JoinKind = 'inner' | 'left' | 'right' | 'full' | 'cross' | 'semi' | 'anti';

export interface JoinNode extends NodeBase {
  readonly kind: 'join';
  readonly join: JoinKind;
  readonly left: PlanNode;
  readonly right: PlanNode;
  /** Over the columns of left, then right. */
  readonly condition: Expression | undefined;
  /** Rows are forgotten when event time has passed theirs by this much, milliseconds; undefined: as long as the condition can meet them. */
  readonly ttlMs?: number;
}

/**
 * For each row of `left` the row of `right` with the same keys that was valid at its time: the one with the greatest `rightTime` not
 * after `leftTime`. Without times, the row that stands when the row of `left` arrives. `left`: rows without one have nulls.
 */
export interface TemporalJoinNode extends NodeBase {
  readonly kind: 'temporal-join';
  readonly join: 'inner' | 'left';
  readonly left: PlanNode;
  readonly right: PlanNode;
  /** Equal pairs: columns of left, and of right. */
  readonly leftKeys: readonly number[];
  readonly rightKeys: readonly number[];
  readonly times: { readonly left: number; readonly right: number } | undefined;
  /** What else must hold, over the columns of left, then right. */
  readonly condition: Expression | undefined;
}

export interface SortKey {
  readonly expression: Expression;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface SortNode extends NodeBase {
  readonly kind: 'sort';
  readonly input: PlanNode;
  readonly keys: readonly SortKey[];
}

export interface LimitNode extends NodeBase {
  readonly kind: 'limit';
  readonly input: PlanNode;
  readonly limit: number | undefined;
  readonly offset: number;
}

export interface DistinctNode extends NodeBase {
  readonly kind: 'distinct';
  readonly input: PlanNode;
}

export interface SetOperationNode extends NodeBase {
  readonly kind: 'set-operation';
  readonly operation: 'union' | 'except' | 'intersect';
  readonly all: boolean;
  readonly inputs: readonly PlanNode[];
}

/** The rows of each partition whose rank is more than `offset` and at most `offset + limit`; equal ones in the order of arrival. */
export interface TopNNode extends NodeBase {
  readonly kind: 'top-n';
  readonly input: PlanNode;
  readonly partition: readonly number[];
  /** Over the input row. */
  readonly keys: readonly SortKey[];
  /** Undefined: all that follow the offset. */
  readonly limit: number | undefined;
  readonly offset: number;
  /** What `limit` and `offset` count by: with `rank` and `dense_rank` equal rows stay or go together. */
  readonly rank: 'row_number' | 'rank' | 'dense_rank';
  /** Appends the rank (int8) as a last column. */
  readonly withRank: boolean;
}

/** A window function over its frame; aggregates are named as in {@link AggregateFunction}. */
export interface WindowCall {
  readonly function:
    | 'row_number'
    | 'rank'
    | 'dense_rank'
    | 'percent_rank'
    | 'cume_dist'
    | 'ntile'
    | 'lag'
    | 'lead'
    | 'first_value'
    | 'last_value'
    | 'nth_value'
    | 'aggregate';
  readonly args: readonly Expression[];
  /** For `aggregate`. */
  readonly aggregate?: AggregateCall;
  readonly frame: WindowFrame;
  readonly type: DataType;
}

/** `OVER (PARTITION BY ... ORDER BY ...)`: the columns of the input, then one for each call. */
export interface OverNode extends NodeBase {
  readonly kind: 'over';
  readonly input: PlanNode;
  readonly partition: readonly Expression[];
  readonly keys: readonly SortKey[];
  readonly calls: readonly WindowCall[];
}

/** A set-returning function for each row of the input: its columns, then the function's. */
export interface TableFunctionNode extends NodeBase {
  readonly kind: 'table-function';
  readonly input: PlanNode;
  /** `unnest`, `generate_series`, `jsonb_array_elements` ...: plan/table-function.ts; `user` for one in TypeScript. */
  readonly function: string;
  readonly user?: {
    readonly name: string;
    readonly module: string;
    readonly exportName: string;
    readonly options?: CallOptions;
  };
  readonly args: readonly Expression[];
  /** Appends the number of the row (int8, from 1). */
  readonly ordinality: boolean;
  /** A row for which the function returns none is kept, with nulls. */
  readonly outer: boolean;
}

/**
 * What DEFINE and MEASURES may read of a match: the columns of these expressions are positions among `navigations`. In DEFINE the match
 * is what has been matched so far, with the row that is tried as its last, counted to the variable whose condition it is. In MEASURES
 * it is all of the match. What is not there is null; an aggregate over no rows is what it is in SQL.
 */
export type RowNavigation =
  | {
      /** A value of one row, over the columns of the input: `FIRST(a.x, 1)`, `LAST(a.x)` (as which `a.x` is read), `PREV(a.x, 2)`. */
      readonly kind: 'row';
      readonly variables: MatchVariables;
      /** The row: the first or last of the variables, and then so many of them on (from the first) or back (from the last). */
      readonly from: 'first' | 'last';
      readonly skip: number;
      /** And from there so many rows of the partition back, whether matched or not: PREV. */
      readonly back: number;
      readonly value: Expression;
      readonly type: DataType;
    }
  | {
      /** The variable that a row was matched to, as text. */
      readonly kind: 'classifier';
      readonly variables: MatchVariables;
      readonly from: 'first' | 'last';
      readonly skip: number;
      readonly type: DataType;
    }
  /** The number of the match in its partition, from 1 (int8). */
  | { readonly kind: 'match-number'; readonly type: DataType }
  | {
      /** Of the rows of the variables, over the columns of the input. */
      readonly kind: 'aggregate';
      readonly variables: MatchVariables;
      readonly aggregate: AggregateCall;
      readonly type: DataType;
    };

/**
 * Patterns of rows in order, per partition (SQL:2016, row pattern recognition; ISO/IEC 19075-5): one row per match, with the partition
 * columns and the measures. At each row the pattern is tried as a regular expression is: the first way in its order (greedy or not, left
 * alternative first) that matches. The pattern never matches no row at all.
 */
export interface MatchNode extends NodeBase {
  readonly kind: 'match';
  readonly input: PlanNode;
  readonly partition: readonly number[];
  /** Over the input row; rows that are equal in it come in the order of arrival. In a stream the first is the event time, ascending. */
  readonly keys: readonly SortKey[];
  readonly pattern: RowPattern;
  /** What `defines` and `measures` refer to. */
  readonly navigations: readonly RowNavigation[];
  /** Conditions of variables, over `navigations`; a variable without one matches every row. */
  readonly defines: readonly { readonly variable: string; readonly condition: Expression }[];
  readonly measures: readonly Expression[];
  /**
   * Where the next match may begin: after the last row, at the second row, or at the first or last row of a variable. That is never
   * before the second row; where the variable has no row, it is the second.
   */
  readonly afterMatch:
    | { readonly kind: 'past-last-row' | 'next-row' }
    | { readonly kind: 'first' | 'last'; readonly variable: string };
  /** The last row of a match is no later than this after the first, by the first key; µs. */
  readonly withinUs: bigint | undefined;
}

/** Enrichment from another system: for each row, the columns that a look-up by `keys` gives. Results are journaled. */
export interface LookupNode extends NodeBase {
  readonly kind: 'lookup';
  /** As declared. */
  readonly name: string;
  readonly input: PlanNode;
  /** The connector, as in `CREATE LOOKUP`: `http`, `redis`, `postgres` ... */
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
  readonly keys: readonly Expression[];
  /** Names of the keys as the connector knows them. */
  readonly keyNames: readonly string[];
  /** One that is named as a key is that key. */
  readonly found: readonly SourceColumn[];
  readonly join: 'inner' | 'left';
}

/** Calls of user functions that are asynchronous, volatile or run on the pool: one column each after those of the input. */
export interface UserCallNode extends NodeBase {
  readonly kind: 'user-call';
  readonly input: PlanNode;
  readonly calls: readonly UserCall[];
}

export interface UserCall {
  readonly name: string;
  readonly module: string;
  readonly exportName: string;
  readonly args: readonly Expression[];
  readonly type: DataType;
  /** The call is made for the rows for which this is true; null stands for its result in the others. Undefined: for all. */
  readonly when: Expression | undefined;
  readonly options: CallOptions;
}

/**
 * Rows go to the tasks of another stage, those with equal keys to the same task; without keys all to one. Put into a plan by the engine
 * when a pipeline runs on several workers; no front end makes it.
 */
export interface ExchangeNode extends NodeBase {
  readonly kind: 'exchange';
  readonly input: PlanNode;
  /** Over the columns of the input; immutable. */
  readonly keys: readonly Expression[];
  /** What goes are partial rows of the aggregate above: one for each group and epoch. The keys are among its groups. */
  readonly partial?: true;
}

/** How an output topic is to be read (DESIGN, section 4). */
export type OutputMode = 'append' | 'upsert' | 'retract';
export type EmitPolicy =
  | { readonly kind: 'updates' }
  | { readonly kind: 'final' }
  /** What has changed, at most this often by the wall clock. */
  | { readonly kind: 'every'; readonly intervalMs: number };

/** A materialized view: the rows of `input`, written to the output topic `name` and kept as a table when `upsert`. */
export interface OutputNode {
  readonly kind: 'output';
  readonly name: string;
  readonly topic: string;
  readonly input: PlanNode;
  readonly mode: OutputMode;
  /** Positions of the key columns among `input.columns`; empty for `append`. */
  readonly keys: readonly number[];
  /** `upsert` without columns that tell rows apart: the key of a record is its whole row and which of its equals it is, from 1. */
  readonly numbered?: true;
  readonly emit: EmitPolicy;
}

/** A sink of a view or topic into another system; run by connectors, not by the engine. */
export interface SinkNode {
  readonly kind: 'sink';
  readonly name: string;
  readonly from: string;
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
}

/** An alert rule over the rows of a view (alert/ evaluates it). */
export interface AlertRuleNode {
  readonly kind: 'alert-rule';
  readonly name: string;
  readonly view: string;
  /** Boolean, over the view's columns. */
  readonly condition: Expression;
  /** The condition as written, for people. */
  readonly conditionText: string;
  /** Positions of the view's columns that tell instances of the alert apart. */
  readonly keys: readonly number[];
  /** How long the condition must hold before `pending` becomes `firing`. */
  readonly forMs: number;
  /** Without a new matching row for this long, a firing alert is resolved. */
  readonly keepFiringForMs: number;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly summary: string;
  readonly webhook: string | undefined;
}

/** A bundle of user functions: ES module text, by content hash (SHA-256, hex). */
export interface UserModule {
  readonly hash: string;
  readonly code: string;
}

/** Everything that one file of `pipelines/` declares: one unit of deployment, journal and recovery. */
export interface Pipeline {
  readonly kind: 'pipeline';
  readonly name: string;
  readonly sources: readonly SourceNode[];
  readonly outputs: readonly OutputNode[];
  readonly sinks: readonly SinkNode[];
  readonly alerts: readonly AlertRuleNode[];
  readonly modules: readonly UserModule[];
}
