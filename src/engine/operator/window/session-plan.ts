import { physicalOf } from '../../../kernel/column.ts';
import { GROUP_KEYS_MAX, type GroupAggregate, type GroupLayout } from '../../../kernel/group-layout.ts';
import { planAggregate } from '../aggregate/group-plan.ts';
import type { EmitMoment } from '../operator.ts';
import { isCanonical } from '../state-key.ts';
import type { SessionAggregatePlan } from './session-aggregate.ts';

/**
 * The layout of an aggregate's sessions in the kernel: by the session's keys, in their order. Undefined where rows can be taken back, and
 * where a type or an aggregate has no kernel there, or two states of an aggregate cannot be put together.
 */
export function planSessions(
  { node, window, session }: SessionAggregatePlan,
  options: { readonly emit: EmitMoment; readonly appendOnly: boolean },
): GroupLayout | undefined {
  if (!options.appendOnly || session.keys.length > GROUP_KEYS_MAX) return undefined;
  const types = session.keys.map((key) => window.input.columns[key]!.type);
  if (!types.every(isCanonical)) return undefined;
  const isFollowed = options.emit === 'updates';
  const aggregates: GroupAggregate[] = [];
  for (const call of node.aggregates) {
    const planned = planAggregate(call, true, isFollowed);
    if (planned === undefined || !isMergeable(planned)) return undefined;
    aggregates.push(planned);
  }
  const keys = types.map((type) => ({ physical: physicalOf(type), isBound: false }));
  return {
    keys,
    aggregates,
    windowed: false,
    listsChanges: isFollowed,
    retracts: isFollowed,
    keepsEmitted: isFollowed,
  };
}

function isMergeable({ function: name, argument, distinct }: GroupAggregate): boolean {
  if (distinct || name === 'first' || name === 'last') return false;
  return !((name === 'min' || name === 'max') && argument === 'str');
}
