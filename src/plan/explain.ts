import { formatDurationUs } from '../base/duration.ts';
import { expressionText, identifierText } from './expression-text.ts';
import { inputsOf } from './factory.ts';
import type { AggregateCall, AggregateNode, Pipeline, PlanNode } from './node.ts';
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
    const key = keys.length === 0 ? '' : ` key (${keys.join(', ')})`;
    lines.push(
      `output ${identifierText(output.name)} -> topic ${output.topic}: ${output.mode}${key}, emit ${output.emit.kind}`,
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
    case 'window': {
      const shift = node.window.offsetUs === 0n ? '' : ` offset ${formatDurationUs(node.window.offsetUs)}`;
      return `window tumbling ${formatDurationUs(node.window.sizeUs)}${shift} on ${columnNames(node.input, [node.timeColumn])}`;
    }
    case 'aggregate':
      return aggregateLabel(node);
    case 'join':
      return `${node.join} join${node.condition === undefined ? '' : ` on ${expressionText(node.condition)}`}`;
    case 'sort':
      return `sort by ${node.keys.map((key) => `${expressionText(key.expression)}${key.descending ? ' desc' : ''}`).join(', ')}`;
    case 'limit':
      return `limit ${node.limit ?? 'all'}${node.offset === 0 ? '' : ` offset ${node.offset}`}`;
    case 'distinct':
      return 'distinct';
    case 'set-operation':
      return `${node.operation}${node.all ? ' all' : ''}`;
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

/** An aggregate call as SQL. */
export function aggregateText(call: AggregateCall): string {
  const argument = call.argument === undefined ? '*' : expressionText(call.argument);
  const filter = call.filter === undefined ? '' : ` FILTER (WHERE ${expressionText(call.filter)})`;
  return `${call.function}(${call.distinct ? 'DISTINCT ' : ''}${argument})${filter}`;
}
