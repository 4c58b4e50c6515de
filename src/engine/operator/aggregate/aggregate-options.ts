import { HeadraceError } from '../../../base/error.ts';
import type { AggregateNode } from '../../../plan/node.ts';
import { windowSizeBelow } from '../../../plan/window-size.ts';
import type { EmitMoment } from '../operator.ts';
import type { ExpressionContext } from '../row-evaluator.ts';
import type { WindowEnd } from '../window/window-end.ts';
import type { PartialPlan } from './partial-row.ts';

export interface AggregateOptions {
  readonly node: AggregateNode;
  readonly emit: EmitMoment;
  /** No input row is ever taken back. */
  readonly appendOnly: boolean;
  /** Whoever follows needs the old row of a key taken back before the new one comes. */
  readonly retracts: boolean;
  readonly expressions: ExpressionContext;
  /** The input is partial rows of the aggregate, instead of rows of `node.input`. */
  readonly merges?: PartialPlan;
}

/** Where the window of a row ends, from its group values. */
export function windowEndOf(node: AggregateNode): WindowEnd | undefined {
  const groups = node.windowGroups;
  if (groups?.end !== undefined) return { position: groups.end, add: 0n };
  if (groups?.start === undefined) return undefined;
  const size = windowSizeBelow(node.input);
  return size === undefined ? undefined : { position: groups.start, add: size };
}

export function finalNeedsWindow(): HeadraceError {
  return new HeadraceError('planning an aggregate that emits when its window closes: it is not grouped by a window', {
    code: 'ENGINE_FINAL_NEEDS_WINDOW',
    domain: 'engine',
    next: 'group by window_start and window_end, or leave out EMIT ON WINDOW CLOSE',
  });
}
