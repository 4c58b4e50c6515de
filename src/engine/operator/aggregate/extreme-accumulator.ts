import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import type { ValueOrder } from '../../../plan/value/value-order.ts';
import { readValue, writeValue } from '../state-value.ts';
import type { Accumulator } from './accumulator.ts';
import { OrderedMultiset } from './ordered-multiset.ts';
import { totalOrder } from './total-order.ts';

/** Of `min` and `max`. */
export function extremeFactory(call: AggregateCall, type: DataType, appendOnly: boolean): () => Accumulator {
  const descending = call.function === 'max';
  return appendOnly
    ? () => new ExtremeAccumulator(type, descending ? 1 : -1)
    : () => new RetractableExtremeAccumulator(type, descending);
}

class ExtremeAccumulator implements Accumulator {
  readonly #type: DataType;
  readonly #order: ValueOrder;
  readonly #direction: 1 | -1;
  #best: unknown = null;

  constructor(type: DataType, direction: 1 | -1) {
    this.#type = type;
    this.#order = totalOrder(type);
    this.#direction = direction;
  }

  add(value: unknown): void {
    if (value === null) return;
    if (this.#best === null || this.#order(value, this.#best) * this.#direction > 0) this.#best = value;
  }

  value(): unknown {
    return this.#best;
  }

  merge(other: ExtremeAccumulator): void {
    this.add(other.#best);
  }

  snapshot(writer: ByteWriter): void {
    writeValue(writer, this.#best, this.#type);
  }

  restore(reader: ByteReader): void {
    this.#best = readValue(reader, this.#type);
  }
}

/** Keeps all values, since the best may go. */
class RetractableExtremeAccumulator implements Accumulator {
  readonly #values: OrderedMultiset;

  constructor(type: DataType, descending: boolean) {
    this.#values = new OrderedMultiset(type, descending);
  }

  add(value: unknown, weight: number): void {
    if (value !== null) this.#values.add(value, weight);
  }

  value(): unknown {
    return this.#values.first() ?? null;
  }

  merge(other: RetractableExtremeAccumulator): void {
    other.#values.forEach((value, count) => {
      this.#values.add(value, count);
    });
  }

  snapshot(writer: ByteWriter): void {
    this.#values.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#values.restore(reader);
  }
}
