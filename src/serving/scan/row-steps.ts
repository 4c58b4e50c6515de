import { compileExpression } from '../../plan/evaluate.ts';
import type { PlanNode } from '../../plan/node.ts';
import { tumblingOf } from './scan-plan.ts';

type RowStep = (row: readonly unknown[]) => readonly unknown[] | undefined;

/** The filters, projections and windows of a chain for single rows of values: for the few rows that are not columns. */
export class RowSteps {
  readonly #steps: readonly RowStep[];

  constructor(chain: readonly PlanNode[], nowUs: bigint) {
    this.#steps = chain.map((node) => rowStep(node, nowUs));
  }

  /** Undefined when a filter leaves the row out. */
  pass(values: readonly unknown[]): readonly unknown[] | undefined {
    let row: readonly unknown[] | undefined = values;
    for (const step of this.#steps) {
      row = step(row);
      if (row === undefined) return undefined;
    }
    return row;
  }
}

function rowStep(node: PlanNode, nowUs: bigint): RowStep {
  switch (node.kind) {
    case 'filter': {
      const holds = compileExpression(node.predicate, { nowUs });
      return (row) => (holds(row) === true ? row : undefined);
    }
    case 'project': {
      const expressions = node.expressions.map((expression) => compileExpression(expression, { nowUs }));
      return (row) => expressions.map((expression) => expression(row));
    }
    case 'window': {
      const { sizeUs, offsetUs } = tumblingOf(node);
      return (row) => {
        const time = row[node.timeColumn] as bigint | null;
        // As in a pipeline, a row without a time is in no window.
        if (time === null) return undefined;
        const into = (((time - offsetUs) % sizeUs) + sizeUs) % sizeUs;
        return [...row, time - into, time - into + sizeUs];
      };
    }
    default:
      throw new Error(`a scan has no step for ${node.kind}`);
  }
}
