import type { Column, DataType } from './data-type.ts';
import type { Expression } from './expression.ts';

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
  | SetOperationNode;

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

/** An input topic read as a stream (append-only). */
export interface SourceNode extends NodeBase {
  readonly kind: 'source';
  readonly name: string;
  readonly topic: string;
  readonly format: 'json';
  readonly columns: readonly SourceColumn[];
  readonly watermark: WatermarkSpec | undefined;
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
  readonly window: TumblingWindow;
  readonly timeColumn: number;
}

export interface TumblingWindow {
  readonly kind: 'tumbling';
  readonly sizeUs: bigint;
  readonly offsetUs: bigint;
}

export type AggregateFunction = 'count' | 'sum' | 'min' | 'max' | 'avg';

export interface AggregateCall {
  readonly function: AggregateFunction;
  /** Undefined for `count(*)`. */
  readonly argument: Expression | undefined;
  readonly distinct: boolean;
  readonly filter: Expression | undefined;
  readonly type: DataType;
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

/** How an output topic is to be read (DESIGN, section 4). */
export type OutputMode = 'append' | 'upsert' | 'retract';
export type EmitPolicy = { readonly kind: 'updates' } | { readonly kind: 'final' };

/** A materialized view: the rows of `input`, written to the output topic `name` and kept as a table when `upsert`. */
export interface OutputNode {
  readonly kind: 'output';
  readonly name: string;
  readonly topic: string;
  readonly input: PlanNode;
  readonly mode: OutputMode;
  /** Positions of the key columns among `input.columns`; empty for `append`. */
  readonly keys: readonly number[];
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
