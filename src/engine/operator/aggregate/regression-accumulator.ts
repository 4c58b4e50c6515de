import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { outOfRange } from '../../../plan/evaluation-error.ts';
import type { AggregateCall, AggregateFunction } from '../../../plan/node.ts';
import type { Accumulator } from './accumulator.ts';
import { ExactProductSum } from './exact-product-sum.ts';
import { nearestRatio } from './exact-ratio.ts';
import { ExactSum } from './exact-sum.ts';

/** Exact sums over pairs of doubles: of x and y in multiples of 2^-1074, the others of 2^-2148; undefined with NaN or infinities. */
interface Moments {
  readonly n: bigint;
  readonly x: bigint | undefined;
  readonly y: bigint | undefined;
  /** `n * sum(x^2) - sum(x)^2`, and so on. */
  readonly xx: bigint | undefined;
  readonly yy: bigint | undefined;
  readonly xy: bigint | undefined;
}

const SUM_EXPONENT = -1074;
const PRODUCT_EXPONENT = -2148;

/** Of one result: null where PostgreSQL gives null. There is at least one pair. */
type Statistic = (moments: Moments) => number | null;

/** A statistic of exact sums; NaN when one of them is none. */
function of(
  parts: readonly ('x' | 'y' | 'xx' | 'yy' | 'xy')[],
  compute: (n: bigint, ...sums: readonly bigint[]) => number | null,
): Statistic {
  return (moments) => {
    const sums: bigint[] = [];
    for (const part of parts) {
      const sum = moments[part];
      if (sum === undefined) return Number.NaN;
      sums.push(sum);
    }
    return compute(moments.n, ...sums);
  };
}

const STATISTICS: Readonly<Partial<Record<AggregateFunction, Statistic>>> = {
  covar_pop: of(['xy'], (n, xy) => nearestRatio(xy!, n * n, PRODUCT_EXPONENT)),
  covar_samp: of(['xy'], (n, xy) => (n < 2n ? null : nearestRatio(xy!, n * (n - 1n), PRODUCT_EXPONENT))),
  corr: of(['xx', 'yy', 'xy'], (_, xx, yy, xy) => {
    if (xx === 0n || yy === 0n) return null;
    const squared = nearestRatio(xy! * xy!, xx! * yy!, 0);
    return xy! < 0n ? -Math.sqrt(squared) : Math.sqrt(squared);
  }),
  regr_avgx: of(['x'], (n, x) => nearestRatio(x!, n, SUM_EXPONENT)),
  regr_avgy: of(['y'], (n, y) => nearestRatio(y!, n, SUM_EXPONENT)),
  regr_sxx: of(['xx'], (n, xx) => nearestRatio(xx!, n, PRODUCT_EXPONENT)),
  regr_syy: of(['yy'], (n, yy) => nearestRatio(yy!, n, PRODUCT_EXPONENT)),
  regr_sxy: of(['xy'], (n, xy) => nearestRatio(xy!, n, PRODUCT_EXPONENT)),
  regr_slope: of(['xx', 'xy'], (_, xx, xy) => (xx === 0n ? null : nearestRatio(xy!, xx!, 0))),
  regr_intercept: of(['x', 'y', 'xx', 'xy'], (n, x, y, xx, xy) =>
    xx === 0n ? null : nearestRatio(y! * xx! - x! * xy!, n * xx!, SUM_EXPONENT),
  ),
  regr_r2: of(['xx', 'yy', 'xy'], (_, xx, yy, xy) => {
    if (xx === 0n) return null;
    return yy === 0n ? 1 : nearestRatio(xy! * xy!, xx! * yy!, 0);
  }),
};

/** Of `covar_*`, `corr` and `regr_*`. */
export function regressionFactory(call: AggregateCall): () => Accumulator {
  const statistic = STATISTICS[call.function];
  return () => new RegressionAccumulator(statistic);
}

/**
 * Statistics of pairs (Y, X), as SQL calls them; pairs with a null are left out. The exact result, rounded once: the same in any order
 * and after rows were taken back. Without a statistic it counts the pairs.
 */
class RegressionAccumulator implements Accumulator {
  readonly #statistic: Statistic | undefined;
  readonly #x = new ExactSum();
  readonly #y = new ExactSum();
  readonly #xx = new ExactProductSum();
  readonly #yy = new ExactProductSum();
  readonly #xy = new ExactProductSum();
  #count = 0;

  constructor(statistic: Statistic | undefined) {
    this.#statistic = statistic;
  }

  add(value: unknown, weight: number, more: readonly unknown[]): void {
    const [y, x] = [value as number | null, more[0] as number | null];
    if (x === null || y === null) return;
    this.#count += weight;
    if (this.#statistic === undefined) return;
    this.#x.add(x, weight);
    this.#y.add(y, weight);
    this.#xx.add(x, x, weight);
    this.#yy.add(y, y, weight);
    this.#xy.add(x, y, weight);
  }

  value(): unknown {
    if (this.#statistic === undefined) return BigInt(this.#count);
    if (this.#count === 0) return null;
    const n = BigInt(this.#count);
    const [x, y] = [this.#x.exact(), this.#y.exact()];
    const centred = (products: ExactProductSum, a: bigint | undefined, b: bigint | undefined): bigint | undefined => {
      const sum = products.exact();
      return sum === undefined || a === undefined || b === undefined ? undefined : n * sum - a * b;
    };
    const result = this.#statistic({
      n,
      x,
      y,
      xx: centred(this.#xx, x, x),
      yy: centred(this.#yy, y, y),
      xy: centred(this.#xy, x, y),
    });
    if (result === Number.POSITIVE_INFINITY || result === Number.NEGATIVE_INFINITY)
      throw outOfRange('double precision');
    return result;
  }

  merge(other: RegressionAccumulator): void {
    this.#count += other.#count;
    this.#x.merge(other.#x);
    this.#y.merge(other.#y);
    this.#xx.merge(other.#xx);
    this.#yy.merge(other.#yy);
    this.#xy.merge(other.#xy);
  }

  snapshot(writer: ByteWriter): void {
    writer.signedVarint(this.#count);
    for (const part of [this.#x, this.#y, this.#xx, this.#yy, this.#xy]) part.snapshot(writer);
  }

  restore(reader: ByteReader): void {
    this.#count = reader.signed();
    for (const part of [this.#x, this.#y, this.#xx, this.#yy, this.#xy]) part.restore(reader);
  }
}
