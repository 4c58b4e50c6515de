import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { DeduplicateState } from '../../../kernel/deduplicate-state.ts';
import type { DistinctNode, PlanNode, SetOperationNode } from '../../../plan/node.ts';
import { typesEqual } from '../../../plan/type-name.ts';
import { SNAPSHOT_PART_BYTES } from '../../limits.ts';
import { type Batch, WATERMARK_MIN } from '../batch.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { type KeyColumn, keyColumn } from '../state-key.ts';
import { commonWindow, RowSetOperator } from './row-set.ts';

/** Rows are kept for ever: all have the time 0, and none is ever this far behind. */
const FOR_EVER_US = 2n ** 55n;

/** DISTINCT, UNION, EXCEPT or INTERSECT: in the kernel where no row is ever taken back and the first of equal ones is the result. */
export function rowSetOperator(node: DistinctNode | SetOperationNode, appendOnly: boolean): Operator {
  const inputs = node.kind === 'distinct' ? [node.input] : node.inputs;
  const isDistinct = node.kind === 'distinct' || (node.operation === 'union' && !node.all);
  const isOneType = inputs.every((input) =>
    input.columns.every(({ type }, at) => typesEqual(type, node.columns[at]!.type)),
  );
  const runsInKernel = appendOnly && isDistinct && isOneType && commonWindow(inputs) === undefined;
  return runsInKernel ? new KernelDistinct(node.columns) : new RowSetOperator(node);
}

/** Hands on the first of equal rows; what there was is kept in the kernel's memory. */
export class KernelDistinct implements Operator {
  readonly #columns: PlanNode['columns'];
  #keyColumns: readonly KeyColumn[] = [];
  #context: OperatorContext | undefined;
  #state: DeduplicateState | undefined;

  constructor(columns: PlanNode['columns']) {
    this.#columns = columns;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#state = new DeduplicateState(context.kernel, FOR_EVER_US, this.#columns.length);
    this.#keyColumns = this.#columns.map(({ type }) => keyColumn(context.kernel, type));
  }

  processBatch(batch: Batch): void {
    const { kernel, emit } = this.#context!;
    const { rows, selection, selected } = batch;
    if (selected === 0) return;
    const keys = batch.columns.map((column, at) => this.#keyColumns[at]!(batch, column));
    const times = kernel.arenaAlloc(rows * 8);
    kernel.u8().fill(0, times, times + rows * 8);
    const { kept, keptCount } = this.#state!.process(
      { keys, times, watermarks: 0, selection, selected },
      WATERMARK_MIN,
      false,
    );
    if (keptCount === 0) return;
    emit(keptCount === selected ? batch : { ...batch, selection: kept, selected: keptCount });
  }

  endEpoch(): void {}
  onWatermark(): void {}

  nextTimer(): bigint | undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.#state!.beginSnapshot(false);
    while (staged.next(writer, Number.POSITIVE_INFINITY));
    staged.end();
  }

  stageSnapshot(delta: boolean): StagedSnapshot {
    const staged = this.#state!.beginSnapshot(delta);
    return {
      isDelta: staged.isDelta,
      next: (writer) => staged.next(writer, SNAPSHOT_PART_BYTES),
      end: () => staged.end(),
    };
  }

  restore(reader: ByteReader): void {
    this.#state!.restore(reader);
  }

  close(): void {
    this.#state?.close();
    this.#state = undefined;
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#state?.keys ?? 0, bytes: this.#state?.bytes ?? 0 };
  }
}
