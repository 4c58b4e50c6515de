import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType, Interval } from '../../../plan/data-type.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import type { Decimal } from '../../../plan/value/decimal.ts';
import { addIntervals, multiplyInterval, negateInterval } from '../../../plan/value/interval.ts';
import type { Accumulator } from './accumulator.ts';
import { type Counted, CountedTree } from './counted-tree.ts';
import { OrderedMultiset } from './ordered-multiset.ts';
import { totalOrder } from './total-order.ts';

/** Of `percentile_cont`, `percentile_disc` and `mode`: aggregates over all values in order. */
export function orderedSetFactory(call: AggregateCall, type: DataType): () => Accumulator {
  const descending = call.orderBy?.[0]?.descending ?? false;
  if (call.function === 'mode') return () => new ModeAccumulator(type, descending);
  const fractions = fractionsOf(call);
  const of = call.function === 'percentile_disc' ? discrete : continuous(type);
  return () => new PercentileAccumulator(new OrderedMultiset(type, descending), fractions, of);
}

type Fraction = number | null;

/** One fraction, a list of them, or null. */
export function fractionsOf(call: AggregateCall): Fraction | readonly Fraction[] {
  const fraction = call.extra?.[0];
  return fraction?.kind === 'literal' ? (fraction.value as Fraction | readonly Fraction[]) : null;
}

type Percentile = (values: OrderedMultiset, fraction: number) => unknown;

/** The first value whose place, in share, is at or beyond the fraction. */
function discrete(values: OrderedMultiset, fraction: number): unknown {
  return values.at(Math.max(1, Math.ceil(fraction * values.weight)) - 1);
}

/** Between the two values next to the fraction, in proportion. */
function continuous(type: DataType): Percentile {
  const between = type.kind === 'interval' ? betweenIntervals : betweenNumbers;
  return (values, fraction) => {
    const place = fraction * (values.weight - 1);
    const low = values.at(Math.floor(place));
    const high = values.at(Math.ceil(place));
    return low === high ? low : between(low as never, high as never, place - Math.floor(place));
  };
}

function betweenNumbers(low: number, high: number, share: number): number {
  return low + share * (high - low);
}

function betweenIntervals(low: Interval, high: Interval, share: number): Interval {
  return addIntervals(low, multiplyInterval(addIntervals(high, negateInterval(low)), share));
}

class PercentileAccumulator implements Accumulator {
  readonly #values: OrderedMultiset;
  readonly #fractions: Fraction | readonly Fraction[];
  readonly #of: Percentile;

  constructor(values: OrderedMultiset, fractions: Fraction | readonly Fraction[], of: Percentile) {
    this.#values = values;
    this.#fractions = fractions;
    this.#of = of;
  }

  add(value: unknown, weight: number): void {
    if (value !== null) this.#values.add(value, weight);
  }

  value(): unknown {
    if (this.#fractions === null || this.#values.weight <= 0) return null;
    const one = (fraction: Fraction): unknown => (fraction === null ? null : this.#of(this.#values, fraction));
    return typeof this.#fractions === 'number' ? one(this.#fractions) : this.#fractions.map(one);
  }

  merge(other: PercentileAccumulator): void {
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

interface Frequency extends Counted {
  readonly value: unknown;
  readonly times: number;
}

/** Values that are equal count as one: `1.0` as `1`, and `-0` as `0`. */
function normalizer(type: DataType): (value: unknown) => unknown {
  switch (type.kind) {
    case 'numeric':
      return (value) => (type.scale === undefined ? (value as Decimal).withoutTrailingZeros() : value);
    case 'float4':
    case 'float8':
      return (value) => (value === 0 ? 0 : value);
    default:
      return (value) => value;
  }
}

/** The most frequent value; of several the first in order. */
class ModeAccumulator implements Accumulator {
  readonly #values: OrderedMultiset;
  readonly #normal: (value: unknown) => unknown;
  /** Most frequent first. */
  readonly #frequencies: CountedTree<Frequency>;

  constructor(type: DataType, descending: boolean) {
    this.#values = new OrderedMultiset(type, descending);
    this.#normal = normalizer(type);
    const order = totalOrder(type);
    this.#frequencies = new CountedTree(
      (a, b) => b.times - a.times || (descending ? order(b.value, a.value) : order(a.value, b.value)),
    );
  }

  add(given: unknown, weight: number): void {
    if (given === null) return;
    const value = this.#normal(given);
    const { before, after } = this.#values.add(value, weight);
    if (before > 0) this.#frequencies.remove({ value, times: before, count: 1 });
    if (after > 0) this.#frequencies.insert({ value, times: after, count: 1 });
  }

  value(): unknown {
    return this.#frequencies.first()?.value ?? null;
  }

  merge(other: ModeAccumulator): void {
    other.#values.forEach((value, count) => {
      this.add(value, count);
    });
  }

  snapshot(writer: ByteWriter): void {
    this.#values.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#values.restore(reader);
    this.#values.forEach((value, times) => {
      if (times > 0) this.#frequencies.insert({ value, times, count: 1 });
    });
  }
}
