import type { Batch } from '../../engine/operator/batch.ts';
import { ColumnEvaluator } from '../../engine/operator/column-evaluator.ts';
import type { ExpressionContext } from '../../engine/operator/row-evaluator.ts';
import type { ColumnVector } from '../../kernel/column.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { FilterNode, PlanNode, ProjectNode, WindowNode } from '../../plan/node.ts';
import { tumblingOf } from './scan-plan.ts';

/** Narrows or widens a batch: a filter, a projection, a window. */
export type ScanStep = (batch: Batch) => Batch;

const UNREAD: ColumnVector = { physical: 'i32', data: 0, nulls: 0 };

/** The step of a node that stands between the scan and the aggregate; `needed`: its columns that are read above it. */
export function scanStep(
  kernel: Kernel,
  node: PlanNode,
  needed: ReadonlySet<number>,
  context: ExpressionContext,
): ScanStep {
  switch (node.kind) {
    case 'filter':
      return filterStep(kernel, node, context);
    case 'project':
      return projectStep(kernel, node, needed, context);
    case 'window':
      return windowStep(kernel, node);
    default:
      throw new Error(`a scan has no step for ${node.kind}`);
  }
}

function filterStep(kernel: Kernel, { input, predicate }: FilterNode, context: ExpressionContext): ScanStep {
  const evaluator = new ColumnEvaluator(kernel, input.columns, [predicate], context);
  return (batch) => {
    if (batch.selected === 0) return batch;
    const { columns, failures } = evaluator.evaluate(batch);
    if (failures.length > 0) throw failures[0]!.error;
    return rowsWhere(kernel, batch, columns[0]!);
  };
}

/** Keeps the rows for which a boolean column is true. */
function rowsWhere(kernel: Kernel, batch: Batch, { data, nulls }: ColumnVector): Batch {
  return rowsThat(kernel, batch, (words, bytes) => {
    return (row) => words[(data >>> 2) + row] !== 0 && (nulls === 0 || bytes[nulls + row] === 0);
  });
}

/** As in a pipeline, a row without a time is in no window. */
function rowsWithout(kernel: Kernel, batch: Batch, nulls: number): Batch {
  return rowsThat(kernel, batch, (_, bytes) => (row) => bytes[nulls + row] === 0);
}

type Keeps = (row: number) => boolean;

/** `keepsIn` is given views of the memory as it is once there is room for the selection. */
function rowsThat(kernel: Kernel, batch: Batch, keepsIn: (words: Uint32Array, bytes: Uint8Array) => Keeps): Batch {
  const selection = kernel.arenaAlloc(Math.max(1, batch.selected) * 4);
  const words = kernel.u32();
  const keeps = keepsIn(words, kernel.u8());
  const before = batch.selection >>> 2;
  let count = 0;
  for (let i = 0; i < batch.selected; i++) {
    const row = batch.selection === 0 ? i : words[before + i]!;
    if (keeps(row)) words[(selection >>> 2) + count++] = row;
  }
  return { ...batch, selection, selected: count };
}

function projectStep(
  kernel: Kernel,
  { input, expressions }: ProjectNode,
  needed: ReadonlySet<number>,
  context: ExpressionContext,
): ScanStep {
  const read = expressions.flatMap((_, at) => (needed.has(at) ? [at] : []));
  const evaluated = read.map((at) => expressions[at]!);
  const evaluator = new ColumnEvaluator(kernel, input.columns, evaluated, context);
  return (batch) => {
    const { columns, failures } = evaluator.evaluate(batch);
    if (failures.length > 0) throw failures[0]!.error;
    const projected = new Array<ColumnVector>(expressions.length).fill(UNREAD);
    read.forEach((at, place) => {
      projected[at] = columns[place]!;
    });
    return { ...batch, columns: projected };
  };
}

function windowStep(kernel: Kernel, node: WindowNode): ScanStep {
  const { timeColumn } = node;
  const { sizeUs, offsetUs } = tumblingOf(node);
  return (batch) => {
    const time = batch.columns[timeColumn]!;
    const start = kernel.arenaAlloc(Math.max(1, batch.rows) * 8);
    const end = kernel.arenaAlloc(Math.max(1, batch.rows) * 8);
    kernel.exports.tumble(time.data, batch.rows, sizeUs, offsetUs, start, end);
    const bounds = [start, end].map((data) => ({ physical: 'i64' as const, data, nulls: 0 }));
    const windowed = { ...batch, columns: [...batch.columns, ...bounds] };
    return time.nulls === 0 ? windowed : rowsWithout(kernel, windowed, time.nulls);
  };
}
