import { HeadraceError } from '../base/error.ts';
import { aggregateSpec } from './aggregate/aggregate-catalog.ts';
import type { Column } from './data-type.ts';
import type { Expression } from './expression.ts';
import { columnReference, isNullable, nullLiteral } from './expression-factory.ts';
import type {
  AggregateCall,
  AggregateNode,
  AlertRuleNode,
  ChangeSpec,
  DeduplicateNode,
  DistinctNode,
  ExchangeNode,
  FilterNode,
  JoinKind,
  JoinNode,
  LimitNode,
  OutputNode,
  Pipeline,
  PlanNode,
  ProjectNode,
  SetOperationNode,
  SinkNode,
  SortKey,
  SortNode,
  SourceColumn,
  SourceNode,
  TableScanNode,
  ValuesNode,
  WatermarkSpec,
  WindowNode,
} from './node.ts';
import { typeName } from './type-name.ts';

/** An expression with the name of the column that it makes. */
export interface NamedExpression {
  readonly name: string;
  readonly expression: Expression;
}

/** Windows that one row may fall into. */
export const HOPS_MAX = 10_000n;

export const WINDOW_START = 'window_start';
export const WINDOW_END = 'window_end';

function freezeColumns<Item extends Column>(columns: readonly Item[]): readonly Item[] {
  return Object.freeze(columns.map((column) => Object.freeze(column)));
}

function invalid(message: string): HeadraceError {
  return new HeadraceError(`making a plan: ${message}`, { code: 'PLAN_INVALID_NODE', domain: 'plan' });
}

function outputColumns(items: readonly NamedExpression[], input: readonly Column[]): readonly Column[] {
  return freezeColumns(
    items.map(({ name, expression }) => ({ name, type: expression.type, nullable: isNullable(expression, input) })),
  );
}

export function sourceNode(spec: {
  readonly name: string;
  readonly topic: string;
  readonly columns: readonly SourceColumn[];
  readonly watermark: WatermarkSpec | undefined;
  readonly changes?: ChangeSpec;
}): SourceNode {
  const columns = freezeColumns(
    spec.columns.map(({ name, type, nullable, path }) => ({ name, type, nullable, path: Object.freeze([...path]) })),
  );
  const time = spec.watermark === undefined ? undefined : columns[spec.watermark.columnIndex];
  if (spec.watermark !== undefined && time?.type.kind !== 'timestamp' && time?.type.kind !== 'timestamptz') {
    throw invalid(`the watermark column of source "${spec.name}" must be a timestamp or timestamptz`);
  }
  const watermark = spec.watermark === undefined ? undefined : Object.freeze({ ...spec.watermark });
  const { name, topic, changes } = spec;
  const table =
    changes === undefined ? {} : { changes: Object.freeze({ ...changes, keys: Object.freeze([...changes.keys]) }) };
  return Object.freeze({ kind: 'source', name, topic, format: 'json', columns, watermark, ...table });
}

export function tableScanNode(name: string, columns: readonly Column[]): TableScanNode {
  return Object.freeze({ kind: 'table-scan', name, columns: freezeColumns(columns.map((column) => ({ ...column }))) });
}

/** Rows of constants; all rows have the types of the first one. */
export function valuesNode(names: readonly string[], rows: readonly (readonly Expression[])[]): ValuesNode {
  const first = rows[0] ?? [];
  const columns = first.map((item, index) => ({
    name: names[index] ?? `column${index + 1}`,
    type: item.type,
    nullable: rows.some((row) => isNullable(row[index] ?? nullLiteral(item.type), [])),
  }));
  return Object.freeze({
    kind: 'values',
    rows: Object.freeze(rows.map((row) => Object.freeze([...row]))),
    columns: freezeColumns(columns),
  });
}

export function filterNode(input: PlanNode, predicate: Expression): FilterNode {
  requireBoolean(predicate, 'a filter');
  return Object.freeze({ kind: 'filter', input, predicate, columns: input.columns });
}

function requireBoolean(expression: Expression, what: string): void {
  if (expression.type.kind !== 'boolean') throw invalid(`${what} must be boolean, not ${typeName(expression.type)}`);
}

/** The input itself when the projection changes nothing. */
export function projectNode(input: PlanNode, items: readonly NamedExpression[]): PlanNode {
  const same =
    items.length === input.columns.length &&
    items.every(
      ({ name, expression }, index) =>
        expression.kind === 'column' && expression.index === index && input.columns[index]?.name === name,
    );
  if (same) return input;
  const node: ProjectNode = {
    kind: 'project',
    input,
    expressions: Object.freeze(items.map((item) => item.expression)),
    columns: outputColumns(items, input.columns),
  };
  return Object.freeze(node);
}

export function deduplicateNode(input: PlanNode, keys: readonly number[], ttlMs: number): DeduplicateNode {
  if (keys.length === 0 || keys.some((key) => input.columns[key] === undefined)) {
    throw invalid('a deduplication needs key columns of its input');
  }
  return Object.freeze({ kind: 'deduplicate', input, keys: Object.freeze([...keys]), ttlMs, columns: input.columns });
}

export function windowNode(input: PlanNode, window: WindowNode['window'], timeColumn: number): WindowNode {
  const time = input.columns[timeColumn];
  if (time === undefined || (time.type.kind !== 'timestamp' && time.type.kind !== 'timestamptz')) {
    throw invalid(`a window needs a timestamp column, not ${time === undefined ? 'none' : typeName(time.type)}`);
  }
  requireWindow(window);
  const columns = freezeColumns([
    ...input.columns,
    { name: WINDOW_START, type: time.type, nullable: false },
    { name: WINDOW_END, type: time.type, nullable: false },
  ]);
  return Object.freeze({ kind: 'window', input, window: Object.freeze({ ...window }), timeColumn, columns });
}

function requireWindow(window: WindowNode['window']): void {
  const sizes = window.kind === 'session' ? [window.gapUs] : [window.sizeUs];
  if (window.kind === 'hopping') sizes.push(window.slideUs);
  if (sizes.some((size) => size <= 0n)) throw invalid('a window must be longer than zero, and its slide too');
  if (window.kind === 'hopping' && window.sizeUs / window.slideUs > HOPS_MAX) {
    throw invalid(`a row would fall into more than ${HOPS_MAX} windows: let them hop further`);
  }
}

/** Output columns: the groups, then the aggregates. Finds the window's columns among the groups. */
export function aggregateNode(
  input: PlanNode,
  groups: readonly NamedExpression[],
  aggregates: readonly { readonly name: string; readonly call: AggregateCall }[],
): AggregateNode {
  const calls = aggregates.map(({ name, call }) => {
    if (call.filter !== undefined) requireBoolean(call.filter, 'the FILTER of an aggregate');
    return { name, type: call.type, nullable: isNullableAggregate(call, groups.length > 0, input.columns) };
  });
  return Object.freeze({
    kind: 'aggregate',
    input,
    groups: Object.freeze(groups.map((group) => group.expression)),
    aggregates: Object.freeze(aggregates.map((aggregate) => aggregate.call)),
    windowGroups: windowGroups(input, groups),
    columns: freezeColumns([...outputColumns(groups, input.columns), ...calls]),
  });
}

function isNullableAggregate(call: AggregateCall, grouped: boolean, columns: readonly Column[]): boolean {
  const { takesNulls = false, nulls = 'always' } = aggregateSpec(call.function) ?? {};
  if (nulls === 'never') return false;
  // A group has rows, but none of them may have been taken.
  if (nulls === 'always' || !grouped || call.filter !== undefined || call.argument === undefined) return true;
  if (nulls === 'empty' && takesNulls) return false;
  return [call.argument, ...(call.extra ?? [])].some((argument) => isNullable(argument, columns));
}

function windowGroups(input: PlanNode, groups: readonly NamedExpression[]): AggregateNode['windowGroups'] {
  const columns = windowColumns(input);
  if (columns === undefined) return undefined;
  const find = (column: number): number | undefined => {
    const at = groups.findIndex(({ expression }) => expression.kind === 'column' && expression.index === column);
    return at < 0 ? undefined : at;
  };
  const [start, end] = [find(columns.start), find(columns.end)];
  return start === undefined && end === undefined ? undefined : Object.freeze({ start, end });
}

/** Positions of window_start and window_end in the output of a windowed input, through what keeps or groups by them; -1 when gone. */
export function windowColumns(node: PlanNode): { readonly start: number; readonly end: number } | undefined {
  switch (node.kind) {
    case 'window':
      return { start: node.columns.length - 2, end: node.columns.length - 1 };
    case 'filter':
    case 'deduplicate':
    case 'distinct':
    case 'sort':
    case 'limit':
    case 'top-n':
    case 'over':
    case 'table-function':
    case 'lookup':
    case 'user-call':
    case 'exchange':
      return windowColumns(node.input);
    case 'aggregate': {
      const groups = node.windowGroups;
      return groups === undefined ? undefined : { start: groups.start ?? -1, end: groups.end ?? -1 };
    }
    case 'project': {
      const inner = windowColumns(node.input);
      if (inner === undefined) return undefined;
      const place = (column: number): number =>
        node.expressions.findIndex((expression) => expression.kind === 'column' && expression.index === column);
      return { start: place(inner.start), end: place(inner.end) };
    }
    default:
      return undefined;
  }
}

export function joinNode(
  join: JoinKind,
  left: PlanNode,
  right: PlanNode,
  condition: Expression | undefined,
  ttlMs?: number,
): JoinNode {
  if (condition !== undefined) requireBoolean(condition, 'a join condition');
  const optional = (columns: readonly Column[], may: boolean): readonly Column[] =>
    may ? columns.map((column) => ({ ...column, nullable: true })) : columns;
  const columns =
    join === 'semi' || join === 'anti'
      ? left.columns
      : freezeColumns([
          ...optional(left.columns, join === 'right' || join === 'full'),
          ...optional(right.columns, join === 'left' || join === 'full'),
        ]);
  return Object.freeze({ kind: 'join', join, left, right, condition, columns, ...(ttlMs !== undefined && { ttlMs }) });
}

export function sortNode(input: PlanNode, keys: readonly SortKey[]): SortNode {
  return Object.freeze({
    kind: 'sort',
    input,
    keys: Object.freeze(keys.map((key) => Object.freeze({ ...key }))),
    columns: input.columns,
  });
}

export function limitNode(input: PlanNode, limit: number | undefined, offset: number): LimitNode {
  return Object.freeze({ kind: 'limit', input, limit, offset, columns: input.columns });
}

/** Rows with equal keys go to the same task of the next stage. */
export function exchangeNode(input: PlanNode, keys: readonly Expression[], partial = false): ExchangeNode {
  const node = { kind: 'exchange', input, keys: Object.freeze([...keys]), columns: input.columns } as const;
  return Object.freeze(partial ? { ...node, partial: true } : node);
}

export function distinctNode(input: PlanNode): DistinctNode {
  return Object.freeze({ kind: 'distinct', input, columns: input.columns });
}

/** The inputs have the same number and types of columns; the names are the first one's. */
export function setOperationNode(
  operation: SetOperationNode['operation'],
  all: boolean,
  inputs: readonly PlanNode[],
): SetOperationNode {
  const columns = inputs[0]!.columns.map((column, index) => ({
    ...column,
    nullable: inputs.some((input) => input.columns[index]?.nullable ?? true),
  }));
  return Object.freeze({
    kind: 'set-operation',
    operation,
    all,
    inputs: Object.freeze([...inputs]),
    columns: freezeColumns(columns),
  });
}

export function outputNode(spec: Omit<OutputNode, 'kind'>): OutputNode {
  if (spec.mode === 'append' && spec.keys.length > 0) throw invalid(`append output "${spec.name}" cannot have keys`);
  if (spec.keys.some((key) => spec.input.columns[key] === undefined)) {
    throw invalid(`a key of output "${spec.name}" is not among its columns`);
  }
  return Object.freeze({
    kind: 'output',
    name: spec.name,
    topic: spec.topic,
    input: spec.input,
    mode: spec.mode,
    keys: Object.freeze([...spec.keys]),
    ...(spec.numbered === true && { numbered: true as const }),
    emit: Object.freeze({ ...spec.emit }),
  });
}

export function sinkNode(spec: Omit<SinkNode, 'kind'>): SinkNode {
  const { name, from, connector } = spec;
  return Object.freeze({ kind: 'sink', name, from, connector, options: Object.freeze({ ...spec.options }) });
}

export function alertRuleNode(spec: Omit<AlertRuleNode, 'kind'>): AlertRuleNode {
  requireBoolean(spec.condition, `the condition of alert "${spec.name}"`);
  return Object.freeze({ ...spec, kind: 'alert-rule', keys: Object.freeze([...spec.keys]) });
}

/** Checks that the names are unique, and finds the sources that the outputs read. Unread sources stay declared. */
export function pipelineOf(spec: Omit<Pipeline, 'kind'>): Pipeline {
  const names = new Set<string>();
  for (const { name } of [...spec.sources, ...spec.outputs]) {
    if (names.has(name)) throw invalid(`pipeline "${spec.name}" declares "${name}" twice`);
    names.add(name);
  }
  return Object.freeze({
    kind: 'pipeline',
    name: spec.name,
    sources: Object.freeze([...spec.sources]),
    outputs: Object.freeze([...spec.outputs]),
    sinks: Object.freeze([...spec.sinks]),
    alerts: Object.freeze([...spec.alerts]),
    modules: Object.freeze(spec.modules.map((module) => Object.freeze({ ...module }))),
  });
}

/** True for what {@link pipelineOf} made, also by another copy of this code. */
export function isPipeline(value: unknown): value is Pipeline {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as { kind?: unknown }).kind === 'pipeline' &&
    Array.isArray((value as { outputs?: unknown }).outputs)
  );
}

/** The inputs of a node, in order. */
export function inputsOf(node: PlanNode): readonly PlanNode[] {
  switch (node.kind) {
    case 'source':
    case 'table-scan':
    case 'values':
      return [];
    case 'join':
    case 'temporal-join':
      return [node.left, node.right];
    case 'set-operation':
      return node.inputs;
    default:
      return [node.input];
  }
}

/** The reference to a column of a node. */
export function columnOf(node: PlanNode, index: number): Expression {
  return columnReference(node.columns, index);
}
