import type { OutputNode, Pipeline, PlanNode } from '../node.ts';
import { dataflowHash, stateHash, stateText } from '../pipeline-text.ts';
import { nodeChanges } from './node-change.ts';
import { keepsState, nodeSignature, nodesBelow } from './node-signature.ts';

/**
 * What becomes of a view. `survives`: its definition has changed, and its state is gone on with. `rebuilt`: its state is made anew from
 * the inputs, beside the present one.
 */
export type Fate = 'unchanged' | 'created' | 'dropped' | 'survives' | 'rebuilt';

export interface ViewChange {
  readonly view: string;
  readonly topic: string;
  readonly fate: Fate;
  /** What has changed, in words; empty when nothing has. */
  readonly changes: readonly string[];
  /** What that means for state and rows, one sentence; undefined when nothing changes. */
  readonly consequence: string | undefined;
}

export interface PipelineChange {
  readonly pipeline: string;
  readonly fate: Fate;
  readonly views: readonly ViewChange[];
  /** Alerts, sinks, and how calls are made: what is no state of the pipeline. */
  readonly besides: readonly string[];
}

/** What a pipeline needs that was not there before, or no longer is. At least one of the two is there. Pure. */
export function comparePipelines(before: Pipeline | undefined, after: Pipeline | undefined): PipelineChange {
  const pipeline = (after ?? before)!.name;
  const views = viewsOf(before, after).map(([old, now]) => compareViews(old, now));
  const besides = besidesOf(before, after);
  if (before === undefined) return { pipeline, fate: 'created', views, besides };
  if (after === undefined) return { pipeline, fate: 'dropped', views, besides };
  const all = withSharedState(before, after, views);
  return { pipeline, fate: fateOf(all, before, after, besides), views: all, besides };
}

function fateOf(views: readonly ViewChange[], before: Pipeline, after: Pipeline, besides: readonly string[]): Fate {
  if (views.some(({ fate }) => fate === 'rebuilt' || fate === 'created')) return 'rebuilt';
  const same = dataflowHash(before) === dataflowHash(after) && besides.length === 0;
  return same ? 'unchanged' : 'survives';
}

/** Views of the same name, or else of the same topic: a view that has only another name. */
function viewsOf(
  before: Pipeline | undefined,
  after: Pipeline | undefined,
): readonly (readonly [OutputNode | undefined, OutputNode | undefined])[] {
  const left = new Set(before?.outputs ?? []);
  const pairs = (after?.outputs ?? []).map((now) => {
    const old = [...left].find(({ name }) => name === now.name);
    if (old !== undefined) left.delete(old);
    return [old, now] as const;
  });
  return [...pairs, ...[...left].map((old) => [old, undefined] as const)];
}

function compareViews(before: OutputNode | undefined, after: OutputNode | undefined): ViewChange {
  const { name: view, topic } = (after ?? before)!;
  const change = (fate: Fate, changes: readonly string[], consequence?: string): ViewChange => ({
    view,
    topic,
    fate,
    changes,
    consequence,
  });
  if (before === undefined) return change('created', [], 'it is made from the start of its inputs');
  if (after === undefined)
    return change('dropped', [], `nobody writes it any more; its topic ${topic} stays until it is deleted`);
  const changes = [
    ...nodeChanges(before.input, after.input).map(({ change: kind, text }) =>
      kind === 'changed' ? text : `${kind}: ${text}`,
    ),
    ...outputChanges(before, after),
  ];
  const differs = nodeSignature(before.input) !== nodeSignature(after.input);
  if (changes.length === 0 && !differs) return change('unchanged', []);
  if (changes.length === 0) changes.push('how its rows are computed has changed');
  if (before.topic !== after.topic)
    return change('rebuilt', changes, `its rows are written to the new topic ${topic}, from the start of its inputs`);
  if (survives(before, after)) return change('survives', changes, survivalText(before, after));
  return change('rebuilt', changes, rebuildText(after));
}

function outputChanges(before: OutputNode, after: OutputNode): readonly string[] {
  const keys = ({ keys: at, input, numbered }: OutputNode): string =>
    numbered ? 'row and number' : at.map((key) => input.columns[key]!.name).join(', ') || 'none';
  const found: string[] = [];
  if (before.topic !== after.topic) found.push(`topic ${after.topic}, was ${before.topic}`);
  if (before.mode !== after.mode) found.push(`writes ${after.mode} records, wrote ${before.mode}`);
  if (keys(before) !== keys(after)) found.push(`key ${keys(after)}, was ${keys(before)}`);
  if (stateText(before.emit) !== stateText(after.emit)) found.push(`emits ${emitText(after)}, was ${emitText(before)}`);
  return found;
}

function emitText({ emit }: OutputNode): string {
  return emit.kind === 'every' ? `every ${emit.intervalMs} ms` : emit.kind;
}

/**
 * State is gone on with when all that keeps any is the same down to the sources, and no row that is written would be another one:
 * nothing that is behind the state differs, or the rows of an append topic are left as they are.
 */
function survives(before: OutputNode, after: OutputNode): boolean {
  if (before.mode !== after.mode) return false;
  if ((before.emit.kind === 'final') !== (after.emit.kind === 'final')) return false;
  if (nodeSignature(before.input) === nodeSignature(after.input)) return keyText(before) === keyText(after);
  if (after.mode !== 'append') return false;
  const kept = new Set(nodesBelow(before.input).filter(keepsState).map(nodeSignature));
  const wanted = nodesBelow(after.input).filter(keepsState).map(nodeSignature);
  const sources = (node: OutputNode): string =>
    nodesBelow(node.input)
      .filter(({ kind }) => kind === 'source')
      .map((source) => stateText({ ...source, columns: [] }))
      .sort()
      .join();
  return wanted.every((signature) => kept.has(signature)) && sources(before) === sources(after);
}

function keyText({ keys, numbered }: OutputNode): string {
  return JSON.stringify([keys, numbered ?? false]);
}

function survivalText(before: OutputNode, after: OutputNode): string {
  if (nodeSignature(before.input) === nodeSignature(after.input))
    return 'its state is gone on with, and its rows are the same';
  return 'its state is gone on with; rows that are written already stay as they are, and those that follow are as it says now';
}

function rebuildText({ mode, topic }: OutputNode): string {
  if (mode === 'append')
    return `its state is made anew beside; rows that are in ${topic} already stay as they are, and it goes on from the cut-over`;
  return `it is made anew from the start of its inputs, beside; then the rows of ${topic} that differ are replaced`;
}

/** A view whose state is that of one which is made anew is made anew with it. */
function withSharedState(before: Pipeline, after: Pipeline, views: readonly ViewChange[]): readonly ViewChange[] {
  const outputs = new Map(after.outputs.map((output) => [output.name, output]));
  const stateOf = (view: string): readonly string[] => {
    const output = outputs.get(view);
    return output === undefined ? [] : nodesBelow(output.input).filter(isBound).map(nodeSignature);
  };
  let result = views;
  for (;;) {
    const anew = new Set(
      result.filter(({ fate }) => fate === 'rebuilt' || fate === 'created').flatMap(({ view }) => stateOf(view)),
    );
    const next = result.map((view): ViewChange => {
      const shares =
        (view.fate === 'unchanged' || view.fate === 'survives') && stateOf(view.view).some((state) => anew.has(state));
      if (!shares) return view;
      return {
        ...view,
        fate: 'rebuilt',
        consequence: 'it shares state with a view that is made anew; its rows stay the same',
      };
    });
    if (next.every((view, at) => view === result[at])) break;
    result = next;
  }
  return stateHash(before) === stateHash(after) ? views : result;
}

/** State that two views cannot have from different times: of all but deduplication, which only lets rows pass. */
function isBound(node: PlanNode): boolean {
  return keepsState(node) && node.kind !== 'deduplicate';
}

/** What changes without touching state. */
function besidesOf(before: Pipeline | undefined, after: Pipeline | undefined): readonly string[] {
  const found: string[] = [];
  const named = (
    kind: string,
    old: readonly { readonly name: string }[],
    now: readonly { readonly name: string }[],
  ) => {
    for (const item of now) {
      const known = old.find(({ name }) => name === item.name);
      if (known === undefined) found.push(`${kind} ${item.name} is added`);
      else if (stateText({ ...known, conditionText: '' }) !== stateText({ ...item, conditionText: '' }))
        found.push(`${kind} ${item.name} is changed`);
    }
    for (const { name } of old) if (!now.some((item) => item.name === name)) found.push(`${kind} ${name} is removed`);
  };
  named('alert', before?.alerts ?? [], after?.alerts ?? []);
  named('sink', withAll(before), withAll(after));
  if (
    before !== undefined &&
    after !== undefined &&
    stateHash(before) === stateHash(after) &&
    dataflowHash(before) !== dataflowHash(after)
  )
    found.push('how calls or look-ups are made is changed');
  return found;
}

/** `options` of sinks count whole here. */
function withAll(pipeline: Pipeline | undefined) {
  return (pipeline?.sinks ?? []).map(({ options, ...sink }) => ({ ...sink, settings: options }));
}
