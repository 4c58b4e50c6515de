import { physicalOf } from '../../../kernel/column.ts';
import {
  COUNTS_OF_SET_MAX,
  GROUP_KEYS_MAX,
  type GroupAggregate,
  type GroupLayout,
} from '../../../kernel/group-layout.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { isNullable } from '../../../plan/expression-factory.ts';
import type { AggregateCall, AggregateNode } from '../../../plan/node.ts';
import { serializeExpression } from '../../../plan/pipeline-text.ts';
import { windowSizeBelow } from '../../../plan/window-size.ts';
import { isCanonical } from '../state-key.ts';
import { type AggregateOptions, windowEndOf } from './aggregate-options.ts';

const SUMMED_AS_INTEGERS: ReadonlySet<DataType['kind']> = new Set(['int2', 'int4', 'int8', 'numeric']);

/** The layout of an aggregate's groups in the kernel; undefined when a type or an aggregate has no kernel. */
export function planGroups(options: AggregateOptions): GroupLayout | undefined {
  const { node, appendOnly, retracts } = options;
  if (node.groups.length > GROUP_KEYS_MAX || !node.groups.every((group) => isCanonical(group.type))) return undefined;
  const keepsEmitted = retracts || !appendOnly;
  const aggregates: GroupAggregate[] = [];
  for (const call of node.aggregates) {
    const planned = planAggregate(call, appendOnly, keepsEmitted);
    if (planned === undefined) return undefined;
    aggregates.push(options.merges === undefined && takesAllRows(call, node) ? { ...planned, ofRows: true } : planned);
  }
  if (appendOnly) shareSets(node.aggregates, aggregates);
  const windowed = windowEndOf(node) !== undefined;
  // Of windows of one length the end tells which it is; sessions that end together may have begun apart.
  const { start, end } = node.windowGroups ?? { start: undefined, end: undefined };
  const bounds = !windowed ? [] : windowSizeBelow(node.input) === undefined ? [end] : [start, end];
  const keys = node.groups.map((group, i) => ({ physical: physicalOf(group.type), isBound: bounds.includes(i) }));
  return { keys, aggregates, windowed, listsChanges: options.emit === 'updates', retracts, keepsEmitted };
}

/** Whether a count or sum takes every row of its group; of a sum null arguments are noted, so they are to be rare, not never. */
function takesAllRows({ function: name, argument, filter, distinct }: AggregateCall, node: AggregateNode): boolean {
  if (filter !== undefined || distinct) return false;
  if (name === 'count') return argument === undefined;
  return argument !== undefined && !isNullable(argument, node.input.columns);
}

/** Counts of distinct values of the same argument share one set, whatever their filters. */
function shareSets(calls: readonly AggregateCall[], aggregates: GroupAggregate[]): void {
  const sets = new Map<string, { readonly owner: number; members: number }>();
  calls.forEach(({ function: name, argument }, at) => {
    const planned = aggregates[at]!;
    if (name !== 'count' || !planned.distinct) return;
    const text = serializeExpression(argument!);
    const known = sets.get(text);
    const isShared = known !== undefined && known.members < COUNTS_OF_SET_MAX;
    if (isShared) known.members++;
    else sets.set(text, { owner: at, members: 1 });
    aggregates[at] = { ...planned, distinct: !isShared, set: isShared ? known.owner : at };
  });
}

/** What a group keeps of an aggregate; undefined when it has no kernel. */
export function planAggregate(
  call: AggregateCall,
  appendOnly: boolean,
  keepsEmitted: boolean,
): GroupAggregate | undefined {
  const type = call.argument?.type;
  const distinct = call.distinct && type !== undefined;
  if (distinct && !isCanonical(type)) return undefined;
  const argument = type === undefined ? 'i32' : physicalOf(type);
  const base = { argument, fitsInt8: false, average: false, distinct };
  switch (call.function) {
    case 'count':
      return { ...base, function: 'count' };
    case 'sum':
    case 'avg': {
      const average = call.function === 'avg';
      if (argument === 'f64') return { ...base, function: 'sum-float', average };
      if (argument === 'str' || !SUMMED_AS_INTEGERS.has(type!.kind)) return undefined;
      return { ...base, function: 'sum-integer', fitsInt8: !average && call.type.kind === 'int8' };
    }
    case 'bool_and':
    case 'bool_or':
      return { ...base, function: 'sum-integer', distinct: false };
    case 'first_value':
    case 'last_value': {
      const isKept = appendOnly && !distinct && call.orderBy === undefined && !(keepsEmitted && argument === 'str');
      return isKept ? { ...base, function: call.function === 'first_value' ? 'first' : 'last' } : undefined;
    }
    case 'min':
    case 'max': {
      // What was taken back may have been the best; and what stands must not change under those who read it.
      const isKept = appendOnly && isCanonical(type!) && !(keepsEmitted && argument === 'str');
      return isKept ? { ...base, function: call.function } : undefined;
    }
  }
}
