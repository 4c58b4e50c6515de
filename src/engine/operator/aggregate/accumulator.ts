import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { HeadraceError } from '../../../base/error.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { Decimal } from '../../../plan/decimal.ts';
import { outOfRange } from '../../../plan/evaluation-error.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { groupingKey, type ValueOrder, valueOrder } from '../../../plan/value-order.ts';
import { readValue, writeValue } from '../state-value.ts';
import { ExactSum } from './exact-sum.ts';

/** One aggregate of one group. Values are never null: the operator leaves nulls out. */
export interface Accumulator {
  add(value: unknown, weight: number): void;
  /** The result with PostgreSQL's type; null when nothing was added. */
  value(): unknown;
  snapshot(writer: ByteWriter): void;
  restore(reader: ByteReader): void;
}

const INT8_MAX = 2n ** 63n - 1n;
const INT8_MIN = -(2n ** 63n);

/** Makes accumulators of one aggregate call. `appendOnly`: no row is ever taken back. */
export function accumulatorFactory(call: AggregateCall, appendOnly: boolean): () => Accumulator {
  const argument = call.argument?.type;
  const inner = innerFactory(call, appendOnly);
  if (!call.distinct || argument === undefined) return inner;
  return () => new DistinctAccumulator(argument, inner());
}

function innerFactory(call: AggregateCall, appendOnly: boolean): () => Accumulator {
  const argument = call.argument?.type ?? { kind: 'boolean' };
  switch (call.function) {
    case 'count':
      return () => new CountAccumulator();
    case 'sum':
    case 'avg':
      return sumFactory(call, argument);
    case 'min':
    case 'max': {
      const direction = call.function === 'max' ? 1 : -1;
      return appendOnly
        ? () => new ExtremeAccumulator(argument, direction)
        : () => new RetractableExtremeAccumulator(argument, direction);
    }
    default:
      throw new HeadraceError(`planning ${call.function}: no engine for it`, {
        code: 'ENGINE_AGGREGATE_UNSUPPORTED',
        domain: 'engine',
      });
  }
}

function sumFactory(call: AggregateCall, argument: DataType): () => Accumulator {
  const average = call.function === 'avg';
  switch (argument.kind) {
    case 'int2':
    case 'int4':
    case 'int8':
      return () => new IntegerSum(average, call.type);
    case 'numeric':
      return () => new DecimalSum(average);
    case 'float4':
    case 'float8':
      return () => new FloatSum(average, call.type.kind === 'float4');
    default:
      throw new HeadraceError(`planning ${call.function}(${argument.kind}): it has no sum`, {
        code: 'ENGINE_AGGREGATE_UNSUPPORTED',
        domain: 'engine',
        next: 'cast the argument to a number',
      });
  }
}

class CountAccumulator implements Accumulator {
  #count = 0;

  add(_value: unknown, weight: number): void {
    this.#count += weight;
  }

  value(): bigint {
    return BigInt(this.#count);
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#count);
  }

  restore(reader: ByteReader): void {
    this.#count = reader.signed();
  }
}

/** sum(int2, int4) -> int8, sum(int8) -> numeric, avg -> numeric. */
class IntegerSum implements Accumulator {
  readonly #average: boolean;
  readonly #type: DataType;
  #sum = 0n;
  #count = 0;

  constructor(average: boolean, type: DataType) {
    this.#average = average;
    this.#type = type;
  }

  add(value: unknown, weight: number): void {
    const whole = typeof value === 'bigint' ? value : BigInt(value as number);
    this.#sum += weight < 0 ? -whole : whole;
    this.#count += weight;
  }

  value(): unknown {
    if (this.#count === 0) return null;
    if (this.#average) return Decimal.of(this.#sum).divide(Decimal.of(this.#count));
    if (this.#type.kind === 'numeric') return Decimal.of(this.#sum);
    if (this.#sum > INT8_MAX || this.#sum < INT8_MIN) throw outOfRange('bigint');
    return this.#sum;
  }

  snapshot(writer: ByteWriter): void {
    writer.text(this.#sum.toString());
    writer.signedVarint(this.#count);
  }

  restore(reader: ByteReader): void {
    this.#sum = BigInt(reader.text());
    this.#count = reader.signed();
  }
}

class DecimalSum implements Accumulator {
  readonly #average: boolean;
  #sum = Decimal.of(0);
  #count = 0;

  constructor(average: boolean) {
    this.#average = average;
  }

  add(value: unknown, weight: number): void {
    const decimal = value as Decimal;
    this.#sum = weight < 0 ? this.#sum.subtract(decimal) : this.#sum.add(decimal);
    this.#count += weight;
  }

  value(): unknown {
    if (this.#count === 0) return null;
    return this.#average ? this.#sum.divide(Decimal.of(this.#count)) : this.#sum;
  }

  snapshot(writer: ByteWriter): void {
    writer.text(this.#sum.toString());
    writer.signedVarint(this.#count);
  }

  restore(reader: ByteReader): void {
    this.#sum = Decimal.parse(reader.text());
    this.#count = reader.signed();
  }
}

class FloatSum implements Accumulator {
  readonly #average: boolean;
  readonly #single: boolean;
  readonly #sum = new ExactSum();
  #count = 0;

  constructor(average: boolean, single: boolean) {
    this.#average = average;
    this.#single = single;
  }

  add(value: unknown, weight: number): void {
    this.#sum.add(value as number, weight);
    this.#count += weight;
  }

  value(): unknown {
    if (this.#count === 0) return null;
    const sum = this.#average ? this.#sum.value() / this.#count : this.#sum.value();
    return this.#single ? Math.fround(sum) : sum;
  }

  snapshot(writer: ByteWriter): void {
    this.#sum.snapshot(writer);
    writer.signedVarint(this.#count);
  }

  restore(reader: ByteReader): void {
    this.#sum.restore(reader);
    this.#count = reader.signed();
  }
}

class ExtremeAccumulator implements Accumulator {
  readonly #type: DataType;
  readonly #order: ValueOrder;
  readonly #direction: 1 | -1;
  #best: unknown = null;

  constructor(type: DataType, direction: 1 | -1) {
    this.#type = type;
    this.#order = valueOrder(type);
    this.#direction = direction;
  }

  add(value: unknown): void {
    if (this.#best === null || this.#order(value, this.#best) * this.#direction > 0) this.#best = value;
  }

  value(): unknown {
    return this.#best;
  }

  snapshot(writer: ByteWriter): void {
    writeValue(writer, this.#best, this.#type);
  }

  restore(reader: ByteReader): void {
    this.#best = readValue(reader, this.#type);
  }
}

/** Distinct values with their weights, in a map. */
class Multiset {
  readonly #type: DataType;
  readonly entries = new Map<string, { readonly value: unknown; count: number }>();

  constructor(type: DataType) {
    this.#type = type;
  }

  /** Returns +1 when the value appears, -1 when it disappears, else 0. */
  add(value: unknown, weight: number): -1 | 0 | 1 {
    const key = groupingKey(value, this.#type);
    const entry = this.entries.get(key);
    if (entry === undefined) {
      this.entries.set(key, { value, count: weight });
      return weight > 0 ? 1 : 0;
    }
    const before = entry.count;
    entry.count += weight;
    if (entry.count === 0) this.entries.delete(key);
    if (before > 0 && entry.count <= 0) return -1;
    return before <= 0 && entry.count > 0 ? 1 : 0;
  }

  snapshot(writer: ByteWriter): void {
    writer.varint(this.entries.size);
    for (const { value, count } of this.entries.values()) {
      writeValue(writer, value, this.#type);
      writer.signedVarint(count);
    }
  }

  restore(reader: ByteReader): void {
    let size = reader.unsigned();
    while (size-- > 0) {
      const value = readValue(reader, this.#type);
      this.entries.set(groupingKey(value, this.#type), { value, count: reader.signed() });
    }
  }
}

class RetractableExtremeAccumulator implements Accumulator {
  readonly #values: Multiset;
  readonly #order: ValueOrder;
  readonly #direction: 1 | -1;

  constructor(type: DataType, direction: 1 | -1) {
    this.#values = new Multiset(type);
    this.#order = valueOrder(type);
    this.#direction = direction;
  }

  add(value: unknown, weight: number): void {
    this.#values.add(value, weight);
  }

  value(): unknown {
    let best: unknown = null;
    for (const { value, count } of this.#values.entries.values()) {
      if (count > 0 && (best === null || this.#order(value, best) * this.#direction > 0)) best = value;
    }
    return best;
  }

  snapshot(writer: ByteWriter): void {
    this.#values.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#values.restore(reader);
  }
}

/** Passes each distinct value on once. */
class DistinctAccumulator implements Accumulator {
  readonly #values: Multiset;
  readonly #inner: Accumulator;

  constructor(type: DataType, inner: Accumulator) {
    this.#values = new Multiset(type);
    this.#inner = inner;
  }

  add(value: unknown, weight: number): void {
    const change = this.#values.add(value, weight);
    if (change !== 0) this.#inner.add(value, change);
  }

  value(): unknown {
    return this.#inner.value();
  }

  snapshot(writer: ByteWriter): void {
    this.#values.snapshot(writer);
    this.#inner.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#values.restore(reader);
    this.#inner.restore(reader);
  }
}
