import type { GroupState } from '../../../kernel/group-state.ts';
import type { Batch } from '../batch.ts';
import type { OperatorContext } from '../operator.ts';
import type { WindowEnd } from '../window/window-end.ts';
import { type AggregateOptions, windowEndOf } from './aggregate-options.ts';
import { type GroupFeed, reportLate } from './group-feed.ts';
import { type PartialPlan, STATE_COLUMNS } from './partial-row.ts';

/** Takes partial rows into groups: states are merged into states. */
export class PartialFeed implements GroupFeed {
  readonly #context: OperatorContext;
  readonly #state: GroupState;
  readonly #plan: PartialPlan;
  readonly #windowEnd: WindowEnd | undefined;

  constructor({ node }: AggregateOptions, plan: PartialPlan, state: GroupState, context: OperatorContext) {
    this.#context = context;
    this.#state = state;
    this.#plan = plan;
    this.#windowEnd = windowEndOf(node);
  }

  /** Rows that are late were in time where they were read, or are among its dead letters: none are, unless time was not kept. */
  take(batch: Batch, watermark: bigint): void {
    const { columns, selection, selected, weights, watermarks } = batch;
    if (selected === 0) return;
    const end = this.#windowEnd;
    const keys = columns.slice(0, this.#plan.groups);
    const ends = end === undefined ? 0 : keys[end.position]!.data;
    const input = { keys, ends, endAdd: end?.add ?? 0n, watermarks, selection, selected, weights };
    const state = this.#state;
    const found = state.assign(input, watermark);
    if (found.lateCount > 0) reportLate(this.#context, batch, found.late, found.lateCount);
    this.#plan.states.forEach(({ from, kind }, at) => {
      if (kind === 'extreme') state.add(at, columns[from]!, weights, found);
      else state.addStates(at, columns.slice(from, from + STATE_COLUMNS[kind]), found);
    });
  }

  close(): void {}
}
