import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Batch } from '../batch.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { batchOfValues } from '../row-batch.ts';
import { snapshotAtOnce } from '../snapshot-at-once.ts';
import { accumulatorFactory } from './accumulator-factory.ts';
import type { AggregateOptions } from './aggregate-options.ts';

/**
 * An aggregate without GROUP BY: it has one row also when no row has come yet, or none is left (SQL:2016, part 2, 7.12): a count of 0,
 * and nulls. The aggregate itself knows only groups that have rows; this says the row of none.
 */
export class GlobalAggregate implements Operator {
  readonly #inner: Operator;
  readonly #options: AggregateOptions;
  #context: OperatorContext | undefined;
  /** Whether the row of no rows stands. */
  #isEmpty = false;

  constructor(inner: Operator, options: AggregateOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#inner.open(context);
  }

  processBatch(batch: Batch, input: number): void {
    this.#inner.processBatch(batch, input);
  }

  endEpoch(): void {
    if (this.#isEmpty && this.#inner.state().keys > 0) this.#say(-1);
    this.#inner.endEpoch();
    if (!this.#isEmpty && this.#inner.state().keys === 0) this.#say(1);
  }

  #say(weight: 1 | -1): void {
    const { node } = this.#options;
    const { userFunction } = this.#options.expressions;
    const values = node.aggregates.map((call) => accumulatorFactory(call, true, userFunction)().value());
    const types = node.aggregates.map((call) => call.type);
    this.#context!.emit(batchOfValues(this.#context!.kernel, types, { values: [values], weights: [weight] }));
    this.#isEmpty = weight > 0;
  }

  onWatermark(watermark: bigint): void {
    this.#inner.onWatermark(watermark);
  }

  nextTimer(): bigint | undefined {
    return this.#inner.nextTimer();
  }

  snapshot(writer: ByteWriter): void {
    writer.u8(this.#isEmpty ? 1 : 0);
    this.#inner.snapshot(writer);
  }

  stageSnapshot(delta: boolean): StagedSnapshot {
    const isEmpty = this.#isEmpty;
    const staged = this.#inner.stageSnapshot?.(delta) ?? snapshotAtOnce(this.#inner);
    return {
      isDelta: staged.isDelta ?? false,
      next: (writer) => {
        writer.u8(isEmpty ? 1 : 0);
        return staged.next(writer);
      },
      end: () => staged.end(),
    };
  }

  restore(reader: ByteReader): void {
    this.#isEmpty = reader.u8() === 1;
    this.#inner.restore(reader);
  }

  close(): void {
    this.#inner.close();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return this.#inner.state();
  }
}
