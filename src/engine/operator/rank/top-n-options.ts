import type { TopNNode } from '../../../plan/node.ts';
import type { EmitMoment } from '../operator.ts';
import type { ExpressionContext } from '../row-evaluator.ts';

export interface TopNOptions {
  readonly node: Omit<TopNNode, 'kind'>;
  readonly emit: EmitMoment;
  /** No input row is ever taken back. */
  readonly appendOnly: boolean;
  readonly expressions: ExpressionContext;
}
