import type { LimitNode } from '../../../plan/node.ts';
import type { Batch } from '../batch.ts';
import { type Operator, StatelessOperator } from '../operator.ts';
import { topNOperator } from './top-n.ts';
import type { TopNOptions } from './top-n-options.ts';

/** The first rows: in the order of a sort right below, else as they came. */
export function limitOperator(node: LimitNode, options: Omit<TopNOptions, 'node'>): Operator {
  const { input, columns, limit, offset } = node;
  const keys = input.kind === 'sort' ? input.keys : [];
  const ranked = { input, columns, limit, offset, keys, partition: [], rank: 'row_number', withRank: false } as const;
  return topNOperator({ ...options, node: ranked });
}

/** Hands on what comes. The order of a sort means nothing in a stream, but to a limit. */
export class PassOperator extends StatelessOperator {
  processBatch(batch: Batch): void {
    this.context.emit(batch);
  }
}
