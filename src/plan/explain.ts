import { formatDurationUs } from '../base/duration.ts';
import { aggregateSpec } from './aggregate/aggregate-catalog.ts';
import { expressionText, identifierText } from './expression-text.ts';
import { inputsOf } from './factory.ts';
import type {
  AggregateCall,
  AggregateNode,
  EmitPolicy,
  ExchangeNode,
  LookupNode,
  MatchNode,
  OverNode,
  Pipeline,
  PlanNode,
  SortKey,
  TableFunctionNode,
  TemporalJoinNode,
  TopNNode,
  UserCallNode,
  WindowCall,
  WindowNode,
} from './node.ts';
import type { RowPattern } from './row-pattern.ts';
import { typeName } from './type-name.ts';

/** Who runs an expression of a node: what an engine knows and a plan does not. */
export interface ExpressionNote {
  readonly text: string;
  readonly compiledBy: string;
}

export interface ExplainOptions {
  /** Drawn below the node, one line each. */
  readonly notes?: (node: PlanNode) => readonly ExpressionNote[];
}

/** A pipeline as a tree of text. A node that several outputs read is drawn once, and named where it is read again. */
export function explain(pipeline: Pipeline, options: ExplainOptions = {}): string {
  const shared = sharedNodes(
    pipeline.outputs.map((output) => output.input),
    options,
  );
  const lines = [`pipeline ${pipeline.name}`];
  for (const output of pipeline.outputs) {
    const keys = output.keys.map((key) => identifierText(output.input.columns[key]!.name));
    const key = output.numbered ? ' by row and number' : keys.length === 0 ? '' : ` key (${keys.join(', ')})`;
    lines.push(
      `output ${identifierText(output.name)} -> topic ${output.topic}: ${output.mode}${key}, emit ${emitText(output.emit)}`,
    );
    drawNode(output.input, '  ', shared, lines);
  }
  for (const alert of pipeline.alerts) {
    lines.push(
      `alert ${identifierText(alert.name)} on ${identifierText(alert.view)} when ${expressionText(alert.condition)}`,
    );
  }
  for (const sink of pipeline.sinks)
    lines.push(`sink ${identifierText(sink.name)} from ${identifierText(sink.from)}: ${sink.connector}`);
  return lines.join('\n');
}

function emitText(emit: EmitPolicy): string {
  return emit.kind === 'every' ? `every ${formatDurationUs(BigInt(emit.intervalMs) * 1000n)}` : emit.kind;
}

/** One query as a tree of text. */
export function explainPlan(node: PlanNode, options: ExplainOptions = {}): string {
  const lines: string[] = [];
  drawNode(node, '', sharedNodes([node], options), lines);
  return lines.join('\n');
}

interface Shared {
  readonly names: ReadonlyMap<PlanNode, string>;
  readonly drawn: Set<PlanNode>;
  readonly options: ExplainOptions;
}

function sharedNodes(roots: readonly PlanNode[], options: ExplainOptions): Shared {
  const readers = new Map<PlanNode, number>();
  const visit = (node: PlanNode): void => {
    const count = (readers.get(node) ?? 0) + 1;
    readers.set(node, count);
    if (count === 1) for (const input of inputsOf(node)) visit(input);
  };
  for (const root of roots) visit(root);
  const names = new Map<PlanNode, string>();
  for (const [node, count] of readers) if (count > 1) names.set(node, `#${names.size + 1}`);
  return { names, drawn: new Set(), options };
}

function drawNode(node: PlanNode, indent: string, shared: Shared, lines: string[]): void {
  const name = shared.names.get(node);
  if (name !== undefined && shared.drawn.has(node)) {
    lines.push(`${indent}${name} (above)`);
    return;
  }
  shared.drawn.add(node);
  lines.push(`${indent}${name === undefined ? '' : `${name} `}${nodeLabel(node)}`);
  for (const { text, compiledBy } of shared.options.notes?.(node) ?? []) {
    lines.push(`${indent}  - ${text} (compiledBy: ${compiledBy})`);
  }
  for (const input of inputsOf(node)) drawNode(input, `${indent}  `, shared, lines);
}

/** What a node does, in one line: for `explain`, the console's graph and operator labels. */
export function nodeLabel(node: PlanNode): string {
  switch (node.kind) {
    case 'source':
      return `source ${identifierText(node.name)} (topic ${node.topic})${watermarkLabel(node)}`;
    case 'table-scan':
      return `table ${identifierText(node.name)}`;
    case 'values':
      return `values ${node.rows.length} row${node.rows.length === 1 ? '' : 's'}`;
    case 'filter':
      return `filter ${expressionText(node.predicate)}`;
    case 'project':
      return `project ${named(node.expressions.map(expressionText), node)}`;
    case 'deduplicate':
      return `deduplicate by ${columnNames(node.input, node.keys)} within ${formatDurationUs(BigInt(node.ttlMs) * 1000n)}`;
    case 'window':
      return windowLabel(node);
    case 'aggregate':
      return aggregateLabel(node);
    case 'join':
      return `${node.join} join${node.condition === undefined ? '' : ` on ${expressionText(node.condition)}`}`;
    case 'sort':
      return `sort${orderText(node.keys).replace(' order', '')}`;
    case 'limit':
      return `limit ${node.limit ?? 'all'}${node.offset === 0 ? '' : ` offset ${node.offset}`}`;
    case 'distinct':
      return 'distinct';
    case 'set-operation':
      return `${node.operation}${node.all ? ' all' : ''}`;
    default:
      return analyticLabel(node);
  }
}

function windowLabel(node: WindowNode): string {
  const { window } = node;
  const on = columnNames(node, [node.timeColumn]);
  if (window.kind === 'session') {
    const by = window.keys.length === 0 ? '' : ` by ${columnNames(node, window.keys)}`;
    return `window session gap ${formatDurationUs(window.gapUs)} on ${on}${by}`;
  }
  const shift = window.offsetUs === 0n ? '' : ` offset ${formatDurationUs(window.offsetUs)}`;
  const slide = window.kind === 'hopping' ? ` every ${formatDurationUs(window.slideUs)}` : '';
  return `window ${window.kind} ${formatDurationUs(window.sizeUs)}${slide}${shift} on ${on}`;
}

type AnalyticNode =
  | TopNNode
  | OverNode
  | TableFunctionNode
  | TemporalJoinNode
  | MatchNode
  | LookupNode
  | UserCallNode
  | ExchangeNode;

function analyticLabel(node: AnalyticNode): string {
  switch (node.kind) {
    case 'top-n': {
      const by = node.partition.length === 0 ? '' : ` by ${columnNames(node.input, node.partition)}`;
      const skip = node.offset === 0 ? '' : ` offset ${node.offset}`;
      return `top ${node.limit ?? 'all'}${skip} (${node.rank})${by}${orderText(node.keys)}`;
    }
    case 'over': {
      const by = node.partition.length === 0 ? '' : ` partition by ${node.partition.map(expressionText).join(', ')}`;
      return `over ${node.calls.map(windowCallText).join(', ')}${by}${orderText(node.keys)}`;
    }
    case 'table-function':
      return `${node.outer ? 'outer ' : ''}table function ${node.user?.name ?? node.function}(${node.args.map(expressionText).join(', ')})`;
    case 'temporal-join': {
      const pairs = node.leftKeys.map(
        (key, at) => `${columnNames(node.left, [key])} = ${columnNames(node.right, [node.rightKeys[at]!])}`,
      );
      const asOf = node.times === undefined ? '' : ` as of ${columnNames(node.left, [node.times.left])}`;
      return `${node.join} temporal join on ${pairs.join(' and ')}${asOf}`;
    }
    case 'match': {
      const by = node.partition.length === 0 ? '' : ` by ${columnNames(node.input, node.partition)}`;
      const within = node.withinUs === undefined ? '' : ` within ${formatDurationUs(node.withinUs)}`;
      return `match ${patternText(node.pattern)}${by}${orderText(node.keys)}${within}`;
    }
    case 'lookup':
      return `${node.join} look-up ${identifierText(node.name)} (${node.connector}) by ${node.keys.map(expressionText).join(', ')}`;
    case 'user-call':
      return `call ${node.calls.map((call) => call.name).join(', ')}`;
    case 'exchange':
      return `exchange${node.partial ? ' of partial groups' : ''} ${exchangeTarget(node)}`;
  }
}

function exchangeTarget({ keys }: ExchangeNode): string {
  return keys.length === 0 ? 'to one task' : `by ${keys.map(expressionText).join(', ')}`;
}

function orderText(keys: readonly SortKey[]): string {
  if (keys.length === 0) return '';
  return ` order by ${keys.map((key) => `${expressionText(key.expression)}${key.descending ? ' desc' : ''}`).join(', ')}`;
}

function windowCallText(call: WindowCall): string {
  if (call.aggregate !== undefined) return aggregateText(call.aggregate);
  return `${call.function}(${call.args.map(expressionText).join(', ')})`;
}

/** A row pattern as in MATCH_RECOGNIZE. */
export function patternText(pattern: RowPattern): string {
  switch (pattern.kind) {
    case 'variable':
      return identifierText(pattern.name);
    case 'sequence':
      return pattern.items.map(patternText).join(' ');
    case 'alternation':
      return `(${pattern.items.map(patternText).join(' | ')})`;
    case 'repeat': {
      const item = pattern.item.kind === 'variable' ? patternText(pattern.item) : `(${patternText(pattern.item)})`;
      const { min, max } = pattern;
      const known = min === 0 && max === undefined ? '*' : min === 1 && max === undefined ? '+' : undefined;
      const count = known ?? (min === 0 && max === 1 ? '?' : `{${min},${max ?? ''}}`);
      return `${item}${count}${pattern.greedy ? '' : '?'}`;
    }
  }
}

function watermarkLabel(node: PlanNode & { kind: 'source' }): string {
  if (node.watermark === undefined) return '';
  const column = columnNames(node, [node.watermark.columnIndex]);
  return ` watermark ${column} - ${formatDurationUs(node.watermark.delayUs)}`;
}

function columnNames(node: PlanNode, indexes: readonly number[]): string {
  return indexes.map((index) => identifierText(node.columns[index]!.name)).join(', ');
}

function named(texts: readonly string[], node: PlanNode): string {
  return texts
    .map((text, index) => {
      const name = identifierText(node.columns[index]!.name);
      return text === name ? name : `${text} AS ${name}`;
    })
    .join(', ');
}

function aggregateLabel(node: AggregateNode): string {
  const groups = node.groups.map(expressionText);
  const calls = node.aggregates.map((call, index) => {
    const column = node.columns[groups.length + index]!;
    return `${aggregateText(call)} AS ${identifierText(column.name)} (${typeName(column.type)})`;
  });
  return `aggregate ${calls.join(', ')}${groups.length === 0 ? '' : ` by ${groups.join(', ')}`}`;
}

/** `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)`. */
function orderedSetText({ function: name, argument, extra = [], orderBy = [] }: AggregateCall): string {
  const keys = orderBy.length > 0 ? orderBy : [{ expression: argument!, descending: false, nullsFirst: false }];
  return `${name}(${extra.map(expressionText).join(', ')}) WITHIN GROUP (${orderText(keys).trim()})`;
}

/** An aggregate call as SQL. */
export function aggregateText(call: AggregateCall): string {
  const filter = call.filter === undefined ? '' : ` FILTER (WHERE ${expressionText(call.filter)})`;
  const shape = aggregateSpec(call.function)?.shape;
  if (shape === 'fraction' || shape === 'ordered') return `${orderedSetText(call)}${filter}`;
  const first = call.argument === undefined ? '*' : expressionText(call.argument);
  const args = [first, ...(call.extra ?? []).map(expressionText)].join(', ');
  const order = orderText(call.orderBy ?? []);
  return `${call.user?.name ?? call.function}(${call.distinct ? 'DISTINCT ' : ''}${args}${order})${filter}`;
}
