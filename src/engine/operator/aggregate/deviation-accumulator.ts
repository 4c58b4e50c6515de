import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { outOfRange } from '../../../plan/evaluation-error.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { Decimal } from '../../../plan/value/decimal.ts';
import type { Accumulator } from './accumulator.ts';
import { DecimalTotal } from './decimal-total.ts';
import { ExactProductSum } from './exact-product-sum.ts';
import { nearestRatio } from './exact-ratio.ts';
import { ExactSum } from './exact-sum.ts';

interface Deviation {
  /** Divided by the number of values less one. */
  readonly sample: boolean;
  /** The square root is taken. */
  readonly root: boolean;
}

/** Of `var_pop`, `var_samp`, `stddev_pop`, `stddev_samp`. */
export function deviationFactory(call: AggregateCall): () => Accumulator {
  const deviation = deviationOf(call);
  switch (call.argument?.type.kind) {
    case 'numeric':
      return () => new DecimalDeviation(deviation);
    case 'float4':
    case 'float8':
      return () => new FloatDeviation(deviation);
    default:
      return () => new IntegerDeviation(deviation);
  }
}

export function deviationOf({ function: name }: AggregateCall): Deviation {
  return { sample: name.endsWith('_samp'), root: name.startsWith('stddev') };
}

/** PostgreSQL's numeric result (its numeric_stddev_internal): `(n * sum(x^2) - sum(x)^2) / (n * (n - 1))`, with the scale of that quotient. */
export function decimalDeviation(
  count: number,
  sum: Decimal,
  squares: Decimal,
  { sample, root }: Deviation,
): Decimal | null {
  if (count === 0 || (sample && count === 1)) return null;
  const n = Decimal.of(count);
  const numerator = n.multiply(squares).subtract(sum.multiply(sum));
  if (numerator.unscaled <= 0n) return Decimal.of(0);
  const variance = numerator.divide(n.multiply(Decimal.of(sample ? count - 1 : count)));
  return root ? variance.sqrt(variance.scale) : variance;
}

/** A running total that can be put together with another. */
interface Total<T> {
  merge(other: T): void;
  snapshot(writer: ByteWriter): void;
  restore(reader: ByteReader): void;
}

/** Counts values, and keeps their sum and the sum of their squares. */
abstract class SumAndSquares<Sum extends Total<Sum>, Squares extends Total<Squares>> implements Accumulator {
  protected readonly deviation: Deviation;
  protected readonly sum: Sum;
  protected readonly squares: Squares;
  protected count = 0;

  constructor(deviation: Deviation, sum: Sum, squares: Squares) {
    this.deviation = deviation;
    this.sum = sum;
    this.squares = squares;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    this.count += weight;
    this.total(value, weight);
  }

  protected abstract total(value: unknown, weight: number): void;

  abstract value(): unknown;

  merge(other: SumAndSquares<Sum, Squares>): void {
    this.count += other.count;
    this.sum.merge(other.sum);
    this.squares.merge(other.squares);
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.count);
    this.sum.snapshot(writer);
    this.squares.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.count = reader.signed();
    this.sum.restore(reader);
    this.squares.restore(reader);
  }
}

class IntegerTotal implements Total<IntegerTotal> {
  value = 0n;

  merge(other: IntegerTotal): void {
    this.value += other.value;
  }

  snapshot(writer: ByteWriter): void {
    writer.text(this.value.toString());
  }

  restore(reader: ByteReader): void {
    this.value = BigInt(reader.text());
  }
}

class IntegerDeviation extends SumAndSquares<IntegerTotal, IntegerTotal> {
  constructor(deviation: Deviation) {
    super(deviation, new IntegerTotal(), new IntegerTotal());
  }

  protected override total(value: unknown, weight: number): void {
    const whole = typeof value === 'bigint' ? value : BigInt(value as number);
    const sign = BigInt(weight);
    this.sum.value += sign * whole;
    this.squares.value += sign * whole * whole;
  }

  override value(): unknown {
    return decimalDeviation(this.count, Decimal.of(this.sum.value), Decimal.of(this.squares.value), this.deviation);
  }
}

class DecimalDeviation extends SumAndSquares<DecimalTotal, DecimalTotal> {
  constructor(deviation: Deviation) {
    super(deviation, new DecimalTotal(), new DecimalTotal());
  }

  protected override total(value: unknown, weight: number): void {
    const decimal = value as Decimal;
    this.sum.add(decimal, weight);
    this.squares.add(decimal.multiply(decimal), weight);
  }

  override value(): unknown {
    return decimalDeviation(this.count, this.sum.value(), this.squares.value(), this.deviation);
  }
}

/** The exact result, rounded once: the same in any order and after rows were taken back. PostgreSQL's depends on the order in its last digits. */
class FloatDeviation extends SumAndSquares<ExactSum, ExactProductSum> {
  constructor(deviation: Deviation) {
    super(deviation, new ExactSum(), new ExactProductSum());
  }

  protected override total(value: unknown, weight: number): void {
    const x = value as number;
    this.sum.add(x, weight);
    this.squares.add(x, x, weight);
  }

  override value(): unknown {
    const { sample, root } = this.deviation;
    const { count } = this;
    if (count === 0 || (sample && count === 1)) return null;
    const sum = this.sum.exact();
    const squares = this.squares.exact();
    if (sum === undefined || squares === undefined) return Number.NaN;
    const n = BigInt(count);
    const variance = nearestRatio(n * squares - sum * sum, n * (sample ? n - 1n : n), -2148);
    if (!Number.isFinite(variance)) throw outOfRange('double precision');
    return root ? Math.sqrt(variance) : variance;
  }
}
