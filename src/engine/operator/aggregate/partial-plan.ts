import { physicalOf } from '../../../kernel/column.ts';
import type { GroupAggregate } from '../../../kernel/group-layout.ts';
import type { Column } from '../../../plan/data-type.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { planSessionAggregate } from '../window/session-aggregate.ts';
import type { AggregateOptions } from './aggregate-options.ts';
import { planGroups } from './group-plan.ts';
import type { PartialPlan, PartialState } from './partial-row.ts';

/**
 * Undefined where an aggregate cannot be made in two steps: input that takes rows back, sessions (they need all rows of a key), values
 * that count once, and aggregates that depend on the order of rows or have no kernel.
 */
export function planPartial(options: AggregateOptions): PartialPlan | undefined {
  const { node, appendOnly } = options;
  if (!appendOnly || planSessionAggregate(node) !== undefined) return undefined;
  const merged = planGroups(options);
  if (merged === undefined) return undefined;
  const columns: Column[] = node.groups.map((_, i) => node.columns[i]!);
  const states: PartialState[] = [];
  for (const [at, call] of node.aggregates.entries()) {
    const kind = stateKind(merged.aggregates[at]!, call);
    if (kind === undefined) return undefined;
    states.push({ from: columns.length, kind });
    columns.push(...stateColumns(kind, call, at));
  }
  const layout = { ...merged, listsChanges: true, retracts: false, keepsEmitted: false };
  return { columns, groups: node.groups.length, states, layout };
}

function stateKind(planned: GroupAggregate, call: AggregateCall): PartialState['kind'] | undefined {
  if (planned.distinct || planned.set !== undefined) return undefined;
  switch (planned.function) {
    case 'count':
      return 'count';
    case 'sum-integer':
      return physicalOf(call.argument!.type) === 'i64' ? 'wide-integers' : 'integers';
    case 'sum-float':
      return 'floats';
    case 'min':
    case 'max':
      return 'extreme';
    case 'first':
    case 'last':
      return undefined;
  }
}

function stateColumns(kind: PartialState['kind'], call: AggregateCall, at: number): readonly Column[] {
  const long = (part: string): Column => ({ name: `${call.function}_${at}_${part}`, type: TYPE.int8, nullable: false });
  switch (kind) {
    case 'count':
      return [long('rows')];
    case 'integers':
      return [long('sum'), long('rows')];
    case 'wide-integers':
      return [long('sum'), long('high'), long('rows')];
    case 'floats':
      return [{ name: `${call.function}_${at}_sum`, type: TYPE.bytea, nullable: false }];
    case 'extreme':
      return [{ name: `${call.function}_${at}`, type: call.argument!.type, nullable: true }];
  }
}
