import { compileExpression, type Evaluator } from '../../plan/evaluate.ts';
import type { AggregateNode, PlanNode } from '../../plan/node.ts';
import { chainOf } from './aggregate-scan.ts';

type RowStep = (row: readonly unknown[]) => readonly unknown[] | undefined;

/** What one row gives to an aggregation. */
export interface RowResults {
  readonly groups: readonly unknown[];
  /** By aggregate call: whether its filter takes the row, and the value of its argument. */
  readonly calls: readonly { readonly counted: boolean; readonly argument: unknown }[];
}

/** The filters, projections and windows below an aggregate for single rows of values: for the few rows that are not columns. */
export class RowChain {
  readonly #steps: readonly RowStep[];
  readonly #groups: readonly Evaluator[];
  readonly #calls: readonly { readonly argument: Evaluator | undefined; readonly filter: Evaluator | undefined }[];

  constructor(aggregate: AggregateNode, nowUs: bigint) {
    this.#steps = chainOf(aggregate)
      .slice(1)
      .map((node) => rowStep(node, nowUs));
    this.#groups = aggregate.groups.map((group) => compileExpression(group, { nowUs }));
    this.#calls = aggregate.aggregates.map(({ argument, filter }) => ({
      argument: argument && compileExpression(argument, { nowUs }),
      filter: filter && compileExpression(filter, { nowUs }),
    }));
  }

  /** Undefined when a filter leaves the row out. */
  evaluate(values: readonly unknown[]): RowResults | undefined {
    let row: readonly unknown[] | undefined = values;
    for (const step of this.#steps) {
      row = step(row);
      if (row === undefined) return undefined;
    }
    const last = row;
    return {
      groups: this.#groups.map((group) => group(last)),
      calls: this.#calls.map(({ argument, filter }) => ({
        counted: filter === undefined || filter(last) === true,
        argument: argument?.(last) ?? null,
      })),
    };
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
      const { sizeUs, offsetUs } = node.window;
      return (row) => {
        const time = row[node.timeColumn] as bigint | null;
        if (time === null) return [...row, null, null];
        const into = (((time - offsetUs) % sizeUs) + sizeUs) % sizeUs;
        return [...row, time - into, time - into + sizeUs];
      };
    }
    default:
      throw new Error(`a scan has no step for ${node.kind}`);
  }
}
