import { aggregateText, nodeLabel } from '../explain.ts';
import { expressionText, identifierText } from '../expression-text.ts';
import { inputsOf } from '../factory.ts';
import type { PlanNode, SourceNode } from '../node.ts';
import { stateText } from '../pipeline-text.ts';
import { typeName } from '../type-name.ts';
import { nodeSignature, ownText } from './node-signature.ts';

/** One difference between two versions of a view, in words. */
export interface NodeChange {
  readonly change: 'added' | 'removed' | 'changed';
  /** Kind of the operator: `filter`, `aggregate`. */
  readonly operator: PlanNode['kind'];
  /** What has changed: `filter amount > 5, was amount > 0`. */
  readonly text: string;
}

/**
 * What tells two trees of operators apart, from the sources up. Operators that are only in one of the trees are found where the other
 * goes on with what lies below them.
 */
export function nodeChanges(before: PlanNode, after: PlanNode): readonly NodeChange[] {
  if (nodeSignature(before) === nodeSignature(after)) return [];
  if (before.kind === after.kind) {
    const ins = inputsOf(before);
    const outs = inputsOf(after);
    const own = ownText(before) === ownText(after) ? [] : changesOf(before, after);
    if (ins.length === outs.length) return [...ins.flatMap((input, at) => nodeChanges(input, outs[at]!)), ...own];
  }
  const inserted = onlyInput(after, before);
  if (inserted !== undefined) return [...nodeChanges(before, inserted), alone('added', after)];
  const removed = onlyInput(before, after);
  if (removed !== undefined) return [...nodeChanges(removed, after), alone('removed', before)];
  return [alone('removed', before), alone('added', after)];
}

/** The input of a node that has one, if it, or one below it, is of the kind of the other. */
function onlyInput(node: PlanNode, other: PlanNode): PlanNode | undefined {
  const [input, ...more] = inputsOf(node);
  if (input === undefined || more.length > 0) return undefined;
  return chainOf(input).includes(other.kind) ? input : undefined;
}

function chainOf(node: PlanNode): readonly PlanNode['kind'][] {
  const inputs = inputsOf(node);
  return inputs.length === 1 ? [node.kind, ...chainOf(inputs[0]!)] : [node.kind];
}

function alone(change: 'added' | 'removed', node: PlanNode): NodeChange {
  return { change, operator: node.kind, text: nodeLabel(node) };
}

function changesOf(before: PlanNode, after: PlanNode): readonly NodeChange[] {
  const changed = (text: string): NodeChange => ({ change: 'changed', operator: after.kind, text });
  if (before.kind === 'filter' && after.kind === 'filter') {
    const [old, now] = [expressionText(before.predicate), expressionText(after.predicate)];
    return old === now ? functionChange(before, after) : [changed(`filter ${now}, was ${old}`)];
  }
  if (before.kind === 'source' && after.kind === 'source') return sourceChanges(before, after).map(changed);
  const columns = columnChanges(before, after);
  if (columns.length > 0) return columns.map((text) => changed(`${after.kind}: ${text}`));
  const [old, now] = [nodeLabel(before), nodeLabel(after)];
  return old === now ? functionChange(before, after) : [changed(`${now}, was ${old}`)];
}

/** What reads the same is another one when its functions are; else only what feeds it has changed. */
function functionChange(before: PlanNode, after: PlanNode): readonly NodeChange[] {
  const modules = (node: PlanNode): string => (ownText(node).match(/"module":"[^"]*"/g) ?? []).join();
  if (modules(before) === modules(after)) return [];
  const text = `${nodeLabel(after)}: its user functions have changed`;
  return [{ change: 'changed', operator: after.kind, text }];
}

function sourceChanges(before: SourceNode, after: SourceNode): readonly string[] {
  const name = identifierText(after.name);
  const found = columnChanges(before, after).map((text) => `source ${name}: ${text}`);
  if (before.topic !== after.topic) found.push(`source ${name}: reads topic ${after.topic}, was ${before.topic}`);
  if (watermarkText(before) !== watermarkText(after)) {
    found.push(`source ${name}: its watermark or its limits of time have changed`);
  }
  if (found.length > 0) return found;
  const [old, now] = [nodeLabel(before), nodeLabel(after)];
  return [old === now ? `source ${name}: how its records are read has changed` : `${now}, was ${old}`];
}

function watermarkText({ watermark, columns }: SourceNode): string {
  return watermark === undefined ? '' : stateText({ ...watermark, columnIndex: columns[watermark.columnIndex]!.name });
}

/** Columns that came, went, or mean something else, by name. */
function columnChanges(before: PlanNode, after: PlanNode): readonly string[] {
  const found: string[] = [];
  const meaning = meaningsOf(before);
  const meaningNow = meaningsOf(after);
  for (const { name } of after.columns) {
    const now = meaningNow.get(name)!;
    const was = meaning.get(name);
    if (was === undefined) found.push(`column ${identifierText(name)} is new (${now.text})`);
    else if (was.text !== now.text) found.push(`column ${identifierText(name)} is ${now.text}, was ${was.text}`);
    else if (was.type !== now.type) found.push(`column ${identifierText(name)} is ${now.type}, was ${was.type}`);
  }
  for (const { name } of before.columns) {
    if (!meaningNow.has(name)) found.push(`column ${identifierText(name)} is gone`);
  }
  return found;
}

function meaningsOf(node: PlanNode): ReadonlyMap<string, { readonly text: string; readonly type: string }> {
  return new Map(
    node.columns.map(({ name, type }, at) => {
      const shown = typeName(type);
      const expression = node.kind === 'project' ? node.expressions[at] : undefined;
      if (expression !== undefined) return [name, { text: expressionText(expression), type: shown }];
      if (node.kind === 'aggregate') return [name, { text: aggregateColumnText(node, at), type: shown }];
      return [name, { text: shown, type: shown }];
    }),
  );
}

function aggregateColumnText(node: PlanNode & { kind: 'aggregate' }, at: number): string {
  const group = node.groups[at];
  return group === undefined ? aggregateText(node.aggregates[at - node.groups.length]!) : expressionText(group);
}
