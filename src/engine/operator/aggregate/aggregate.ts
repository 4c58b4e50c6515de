import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Batch } from '../batch.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { snapshotAtOnce } from '../snapshot-at-once.ts';
import { type AggregateOptions, finalNeedsWindow, windowEndOf } from './aggregate-options.ts';
import { ColumnAggregate } from './column-aggregate.ts';
import { GlobalAggregate } from './global-aggregate.ts';
import { planGroups } from './group-plan.ts';
import { RowAggregate } from './row-aggregate.ts';

/**
 * Groups and aggregates. `updates`: at the end of an epoch, one net change per changed group. `final`: when event time
 * passes the end of a window, its groups, once. Windowed state goes with its window; a row whose window was closed is late.
 * The plan decides whether it runs in the kernel or row by row; results are the same.
 */
export class AggregateOperator implements Operator {
  readonly #inner: Operator;
  /** Otherwise row by row. */
  readonly runsInKernel: boolean;

  constructor(options: AggregateOptions) {
    if (options.emit === 'final' && windowEndOf(options.node) === undefined) throw finalNeedsWindow();
    const plan = planGroups(options);
    this.runsInKernel = plan !== undefined;
    const grouped = plan === undefined ? new RowAggregate(options) : new ColumnAggregate(options, plan);
    this.#inner = options.node.groups.length === 0 ? new GlobalAggregate(grouped, options) : grouped;
  }

  open(context: OperatorContext): void {
    this.#inner.open(context);
  }

  processBatch(batch: Batch): void {
    this.#inner.processBatch(batch, 0);
  }

  endEpoch(): void {
    this.#inner.endEpoch();
  }

  onWatermark(watermark: bigint): void {
    this.#inner.onWatermark(watermark);
  }

  nextTimer(): bigint | undefined {
    return this.#inner.nextTimer();
  }

  snapshot(writer: ByteWriter): void {
    this.#inner.snapshot(writer);
  }

  stageSnapshot(delta: boolean): StagedSnapshot {
    return this.#inner.stageSnapshot?.(delta) ?? snapshotAtOnce(this.#inner);
  }

  restore(reader: ByteReader): void {
    this.#inner.restore(reader);
  }

  close(): void {
    this.#inner.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return this.#inner.state();
  }
}
