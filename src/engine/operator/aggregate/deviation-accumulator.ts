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

class IntegerDeviation implements Accumulator {
  readonly #deviation: Deviation;
  #count = 0;
  #sum = 0n;
  #squares = 0n;

  constructor(deviation: Deviation) {
    this.#deviation = deviation;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    const whole = typeof value === 'bigint' ? value : BigInt(value as number);
    const sign = BigInt(weight);
    this.#count += weight;
    this.#sum += sign * whole;
    this.#squares += sign * whole * whole;
  }

  value(): unknown {
    return decimalDeviation(this.#count, Decimal.of(this.#sum), Decimal.of(this.#squares), this.#deviation);
  }

  merge(other: IntegerDeviation): void {
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#squares += other.#squares;
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#count);
    writer.text(this.#sum.toString());
    writer.text(this.#squares.toString());
  }

  restore(reader: ByteReader): void {
    this.#count = reader.signed();
    this.#sum = BigInt(reader.text());
    this.#squares = BigInt(reader.text());
  }
}

class DecimalDeviation implements Accumulator {
  readonly #deviation: Deviation;
  readonly #sum = new DecimalTotal();
  readonly #squares = new DecimalTotal();
  #count = 0;

  constructor(deviation: Deviation) {
    this.#deviation = deviation;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    const decimal = value as Decimal;
    this.#count += weight;
    this.#sum.add(decimal, weight);
    this.#squares.add(decimal.multiply(decimal), weight);
  }

  value(): unknown {
    return decimalDeviation(this.#count, this.#sum.value(), this.#squares.value(), this.#deviation);
  }

  merge(other: DecimalDeviation): void {
    this.#count += other.#count;
    this.#sum.merge(other.#sum);
    this.#squares.merge(other.#squares);
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#count);
    this.#sum.snapshot(writer);
    this.#squares.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#count = reader.signed();
    this.#sum.restore(reader);
    this.#squares.restore(reader);
  }
}

/** The exact result, rounded once: the same in any order and after rows were taken back. PostgreSQL's depends on the order in its last digits. */
class FloatDeviation implements Accumulator {
  readonly #deviation: Deviation;
  readonly #sum = new ExactSum();
  readonly #squares = new ExactProductSum();
  #count = 0;

  constructor(deviation: Deviation) {
    this.#deviation = deviation;
  }

  add(value: unknown, weight: number): void {
    if (value === null) return;
    const x = value as number;
    this.#count += weight;
    this.#sum.add(x, weight);
    this.#squares.add(x, x, weight);
  }

  value(): unknown {
    const { sample, root } = this.#deviation;
    const count = this.#count;
    if (count === 0 || (sample && count === 1)) return null;
    const sum = this.#sum.exact();
    const squares = this.#squares.exact();
    if (sum === undefined || squares === undefined) return Number.NaN;
    const n = BigInt(count);
    const variance = nearestRatio(n * squares - sum * sum, n * (sample ? n - 1n : n), -2148);
    if (!Number.isFinite(variance)) throw outOfRange('double precision');
    return root ? Math.sqrt(variance) : variance;
  }

  merge(other: FloatDeviation): void {
    this.#count += other.#count;
    this.#sum.merge(other.#sum);
    this.#squares.merge(other.#squares);
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#count);
    this.#sum.snapshot(writer);
    this.#squares.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#count = reader.signed();
    this.#sum.restore(reader);
    this.#squares.restore(reader);
  }
}
