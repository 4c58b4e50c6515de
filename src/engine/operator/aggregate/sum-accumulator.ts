import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { HeadraceError } from '../../../base/error.ts';
import type { DataType, Interval } from '../../../plan/data-type.ts';
import { outOfRange } from '../../../plan/evaluation-error.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import { makeInterval } from '../../../plan/value/interval.ts';
import type { Accumulator } from './accumulator.ts';
import { DecimalTotal } from './decimal-total.ts';
import { nearestEven } from './exact-ratio.ts';
import { ExactSum } from './exact-sum.ts';

const INT8_MAX = 2n ** 63n - 1n;
const INT8_MIN = -(2n ** 63n);
const INT4_MAX = 2n ** 31n - 1n;
const DAYS_PER_MONTH = 30n;
const DAY_US = 86_400_000_000n;

/** Of `sum` and `avg`. */
export function sumFactory(call: AggregateCall): () => Accumulator {
  const average = call.function === 'avg';
  const kind = call.argument?.type.kind;
  switch (kind) {
    case 'int2':
    case 'int4':
    case 'int8':
      return () => new IntegerSum(average, call.type);
    case 'numeric':
      return () => new DecimalSum(average);
    case 'float4':
    case 'float8':
      return () => new FloatSum(average, call.type.kind === 'float4');
    case 'interval':
      return () => new IntervalSum(average);
    default:
      throw new HeadraceError(`planning ${call.function}(${kind}): it has no sum`, {
        code: 'ENGINE_AGGREGATE_UNSUPPORTED',
        domain: 'engine',
        next: 'cast the argument to a number',
      });
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
    if (value === null) return;
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

  merge(other: IntegerSum): void {
    this.#sum += other.#sum;
    this.#count += other.#count;
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
  readonly #sum = new DecimalTotal();
  #count = 0;

  constructor(average: boolean) {
    this.#average = average;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    this.#sum.add(value as Decimal, weight);
    this.#count += weight;
  }

  value(): unknown {
    if (this.#count === 0) return null;
    const sum = this.#sum.value();
    return this.#average ? sum.divide(Decimal.of(this.#count)) : sum;
  }

  merge(other: DecimalSum): void {
    this.#sum.merge(other.#sum);
    this.#count += other.#count;
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
    if (value === null) return;
    this.#sum.add(value as number, weight);
    this.#count += weight;
  }

  value(): unknown {
    if (this.#count === 0) return null;
    const sum = this.#average ? this.#sum.value() / this.#count : this.#sum.value();
    return this.#single ? Math.fround(sum) : sum;
  }

  merge(other: FloatSum): void {
    this.#sum.merge(other.#sum);
    this.#count += other.#count;
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

/** The three parts of intervals are summed each; of an average what is left of months goes to days, and of days to the time. */
class IntervalSum implements Accumulator {
  readonly #average: boolean;
  #months = 0n;
  #days = 0n;
  #micros = 0n;
  #count = 0;

  constructor(average: boolean) {
    this.#average = average;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    const { months, days, micros } = value as Interval;
    const sign = weight < 0 ? -1n : 1n;
    this.#months += sign * BigInt(months);
    this.#days += sign * BigInt(days);
    this.#micros += sign * micros;
    this.#count += weight;
  }

  value(): unknown {
    if (this.#count === 0) return null;
    const most = [this.#months, this.#days].some((part) => part > INT4_MAX || part < -INT4_MAX - 1n);
    if (most || this.#micros > INT8_MAX || this.#micros < INT8_MIN) throw outOfRange('interval');
    if (!this.#average) return makeInterval(Number(this.#months), Number(this.#days), this.#micros);
    return meanInterval([this.#months, this.#days, this.#micros], BigInt(this.#count));
  }

  merge(other: IntervalSum): void {
    this.#months += other.#months;
    this.#days += other.#days;
    this.#micros += other.#micros;
    this.#count += other.#count;
  }

  snapshot(writer: ByteWriter): void {
    for (const part of [this.#months, this.#days, this.#micros]) writer.text(part.toString());
    writer.signedVarint(this.#count);
  }

  restore(reader: ByteReader): void {
    this.#months = BigInt(reader.text());
    this.#days = BigInt(reader.text());
    this.#micros = BigInt(reader.text());
    this.#count = reader.signed();
  }
}

/** A month that is cut is of 30 days, a day of 24 hours, as in PostgreSQL; exact, then rounded to the microsecond, ties to even. */
function meanInterval([months, days, micros]: readonly [bigint, bigint, bigint], count: bigint): Interval {
  const daysOfMonths = (months % count) * DAYS_PER_MONTH;
  const parts = (days % count) + (daysOfMonths % count);
  const wholeDays = days / count + daysOfMonths / count + parts / count;
  return makeInterval(Number(months / count), Number(wholeDays), nearestEven(micros + (parts % count) * DAY_US, count));
}
