import { isAppendOnly } from '../../plan/changelog.ts';
import { inputsOf } from '../../plan/factory.ts';
import type { Pipeline, PlanNode } from '../../plan/node.ts';
import { accumulatorInputs } from '../operator/aggregate/accumulator.ts';
import { CallInputs } from '../operator/aggregate/call-inputs.ts';
import { columnsRead } from '../operator/row-evaluator.ts';

/** Which columns of each source and join the pipeline reads: the others need not be decoded, or kept. */
export function columnsNeeded(pipeline: Pipeline): ReadonlyMap<PlanNode, ReadonlySet<number>> {
  const needed = new Map<PlanNode, Set<number>>();
  const note = (node: PlanNode, wanted: ReadonlySet<number>): void => {
    needed.set(node, new Set([...(needed.get(node) ?? []), ...wanted]));
  };
  const all = (node: PlanNode): Set<number> => new Set(node.columns.keys());
  const visit = (node: PlanNode, wanted: ReadonlySet<number>): void => {
    switch (node.kind) {
      case 'source':
        note(node, wanted);
        break;
      case 'temporal-join': {
        note(node, wanted);
        const width = node.left.columns.length;
        const read = new Set(wanted);
        if (node.condition !== undefined) columnsRead(node.condition, read);
        const right = [...read].filter((column) => column >= width).map((column) => column - width);
        const { times, leftKeys, rightKeys } = node;
        // A row that is taken back is found again by all of its columns.
        const changes = !isAppendOnly(node.left, 'updates');
        const left = changes ? [...all(node.left)] : [...read].filter((column) => column < width).concat(leftKeys);
        visit(node.left, new Set(times === undefined ? left : left.concat(times.left)));
        visit(
          node.right,
          new Set(times === undefined ? right.concat(rightKeys) : right.concat(rightKeys, times.right)),
        );
        break;
      }
      case 'join': {
        note(node, wanted);
        const width = node.left.columns.length;
        const read = new Set(wanted);
        if (node.condition !== undefined) columnsRead(node.condition, read);
        visit(node.left, new Set([...read].filter((column) => column < width)));
        visit(node.right, new Set([...read].filter((column) => column >= width).map((column) => column - width)));
        break;
      }
      case 'filter':
        visit(node.input, columnsRead(node.predicate, new Set(wanted)));
        break;
      case 'exchange': {
        const read = new Set(wanted);
        for (const key of node.keys) columnsRead(key, read);
        note(node, wanted);
        visit(node.input, read);
        break;
      }
      case 'deduplicate': {
        // A row that is taken back is found again by all of its columns.
        const whole = isAppendOnly(node.input, 'updates') ? [] : all(node.input);
        visit(node.input, new Set([...wanted, ...node.keys, ...whole]));
        break;
      }
      case 'window': {
        const width = node.input.columns.length;
        const keys = node.window.kind === 'session' ? node.window.keys : [];
        visit(node.input, new Set([...wanted].filter((column) => column < width).concat(node.timeColumn, keys)));
        break;
      }
      case 'project': {
        const read = new Set<number>();
        for (const expression of node.expressions) columnsRead(expression, read);
        visit(node.input, read);
        break;
      }
      case 'aggregate': {
        const read = new Set<number>();
        for (const group of node.groups) columnsRead(group, read);
        for (const call of node.aggregates) {
          for (const input of accumulatorInputs(call)) columnsRead(input, read);
          if (call.filter !== undefined) columnsRead(call.filter, read);
        }
        visit(node.input, read);
        break;
      }
      case 'top-n': {
        const width = node.input.columns.length;
        const read = new Set([...wanted].filter((column) => column < width).concat(node.partition));
        for (const key of node.keys) columnsRead(key.expression, read);
        visit(node.input, read);
        break;
      }
      case 'over': {
        const width = node.input.columns.length;
        const read = new Set([...wanted].filter((column) => column < width));
        const calls = node.calls.flatMap(({ args, aggregate }) =>
          aggregate === undefined ? args : new CallInputs([aggregate]).expressions,
        );
        const keys = node.keys.map((key) => key.expression);
        for (const expression of [...node.partition, ...keys, ...calls]) columnsRead(expression, read);
        visit(node.input, read);
        break;
      }
      case 'table-function': {
        const width = node.input.columns.length;
        const read = new Set([...wanted].filter((column) => column < width));
        for (const arg of node.args) columnsRead(arg, read);
        visit(node.input, read);
        break;
      }
      case 'sort': {
        const read = new Set(wanted);
        for (const key of node.keys) columnsRead(key.expression, read);
        visit(node.input, read);
        break;
      }
      case 'limit':
        visit(node.input, wanted);
        break;
      default:
        for (const input of inputsOf(node)) visit(input, all(input));
    }
  };
  for (const output of pipeline.outputs) visit(output.input, all(output.input));
  return needed;
}
