import { divisionByZero, evaluationError, invalidText, outOfRange } from '../evaluation-error.ts';

/** Decimal digits that a quotient keeps at least (PostgreSQL's NUMERIC_MIN_SIG_DIGITS). */
const SIGNIFICANT_DIGITS_MIN = 16;
/** PostgreSQL's NUMERIC_MAX_DISPLAY_SCALE. */
const DISPLAY_SCALE_MAX = 1000;
/** PostgreSQL's limits on a stored numeric: 131072 digits before the point, 16383 after it. */
const INTEGER_DIGITS_MAX = 131_072;
const SCALE_MAX = 16_383;
/** PostgreSQL computes in base 10^4, which shows in the scale of quotients and roots. */
const BASE_DIGITS = 4;

const DECIMAL_TEXT = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?\s*$/;

/**
 * An exact decimal number, `unscaled / 10^scale`, with the scale rules of PostgreSQL's numeric ("Numeric Types",
 * section 8.1.2 of its manual). Finite numbers only: NaN and infinities are refused where they would come in.
 */
export class Decimal {
  readonly unscaled: bigint;
  /** Digits after the point, as displayed; never negative. */
  readonly scale: number;

  constructor(unscaled: bigint, scale: number) {
    this.unscaled = unscaled;
    this.scale = scale;
  }

  /** @throws HeadraceError `PLAN_INVALID_TEXT` */
  static parse(text: string): Decimal {
    const match = DECIMAL_TEXT.exec(text);
    const whole = match?.[2] ?? '';
    const fraction = match?.[3] ?? '';
    if (match === null || whole.length + fraction.length === 0) throw invalidText('numeric', text);
    const exponent = Number(match[4] ?? 0);
    if (Math.abs(exponent) > INTEGER_DIGITS_MAX)
      throw evaluationError('PLAN_OUT_OF_RANGE', 'value overflows numeric format');
    let unscaled = BigInt(whole + fraction);
    if (match[1] === '-') unscaled = -unscaled;
    const scale = fraction.length - exponent;
    return scale >= 0 ? new Decimal(unscaled, scale).#checked() : new Decimal(unscaled * power10(-scale), 0).#checked();
  }

  static of(value: bigint | number): Decimal {
    return new Decimal(BigInt(value), 0);
  }

  /** As PostgreSQL's cast from double precision: 15 significant digits (6 for real). */
  static fromFloat(value: number, significantDigits = 15): Decimal {
    if (!Number.isFinite(value)) {
      throw evaluationError(
        'PLAN_OUT_OF_RANGE',
        `cannot convert ${Number.isNaN(value) ? 'NaN' : 'infinity'} to numeric`,
      );
    }
    const parsed = Decimal.parse(value.toPrecision(significantDigits));
    return parsed.withoutTrailingZeros();
  }

  add(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.#at(scale) + other.#at(scale), scale).#checked();
  }

  subtract(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.#at(scale) - other.#at(scale), scale).#checked();
  }

  multiply(other: Decimal): Decimal {
    const product = new Decimal(this.unscaled * other.unscaled, this.scale + other.scale);
    return (product.scale > SCALE_MAX ? product.round(SCALE_MAX) : product).#checked();
  }

  /** The quotient, rounded half away from zero at the scale that PostgreSQL's select_div_scale gives. */
  divide(other: Decimal): Decimal {
    if (other.unscaled === 0n) throw divisionByZero();
    const dividend = leadingDigits(this);
    const divisor = leadingDigits(other);
    const quotientWeight = dividend.weight - divisor.weight - (dividend.first <= divisor.first ? 1 : 0);
    const significant = SIGNIFICANT_DIGITS_MIN - quotientWeight * BASE_DIGITS;
    const scale = Math.min(Math.max(significant, this.scale, other.scale, 0), DISPLAY_SCALE_MAX);
    const shift = scale + other.scale - this.scale;
    const numerator = shift >= 0 ? this.unscaled * power10(shift) : this.unscaled;
    const denominator = shift >= 0 ? other.unscaled : other.unscaled * power10(-shift);
    return new Decimal(divideRounded(numerator, denominator), scale).#checked();
  }

  /** The remainder of truncating division: it has the sign of the dividend. */
  modulo(other: Decimal): Decimal {
    if (other.unscaled === 0n) throw divisionByZero();
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.#at(scale) % other.#at(scale), scale);
  }

  negate(): Decimal {
    return new Decimal(-this.unscaled, this.scale);
  }

  abs(): Decimal {
    return this.unscaled < 0n ? this.negate() : this;
  }

  sign(): Decimal {
    return new Decimal(this.unscaled > 0n ? 1n : this.unscaled < 0n ? -1n : 0n, 0);
  }

  /** Half away from zero; a negative number of digits rounds left of the point. */
  round(digits = 0): Decimal {
    if (digits >= this.scale) return new Decimal(this.#at(Math.min(digits, SCALE_MAX)), Math.min(digits, SCALE_MAX));
    const rounded = divideRounded(this.unscaled, power10(this.scale - digits));
    return digits >= 0 ? new Decimal(rounded, digits) : new Decimal(rounded * power10(-digits), 0);
  }

  truncate(digits = 0): Decimal {
    if (digits >= this.scale) return new Decimal(this.#at(Math.min(digits, SCALE_MAX)), Math.min(digits, SCALE_MAX));
    const cut = this.unscaled / power10(this.scale - digits);
    return digits >= 0 ? new Decimal(cut, digits) : new Decimal(cut * power10(-digits), 0);
  }

  floor(): Decimal {
    const cut = this.truncate();
    return this.unscaled < 0n && cut.compare(this) !== 0 ? new Decimal(cut.unscaled - 1n, 0) : cut;
  }

  ceil(): Decimal {
    const cut = this.truncate();
    return this.unscaled > 0n && cut.compare(this) !== 0 ? new Decimal(cut.unscaled + 1n, 0) : cut;
  }

  /** Square root with at least 16 significant digits, as PostgreSQL's numeric_sqrt chooses the scale; or of that scale. */
  sqrt(wanted?: number): Decimal {
    if (this.unscaled < 0n) {
      throw evaluationError('PLAN_INVALID_ARGUMENT', 'cannot take square root of a negative number');
    }
    const { weight } = leadingDigits(this);
    const rootDigits = Math.trunc((weight * BASE_DIGITS) / 2) + 1;
    const scale = wanted ?? Math.min(Math.max(SIGNIFICANT_DIGITS_MIN - rootDigits, this.scale, 0), DISPLAY_SCALE_MAX);
    const root = squareRoot(this.#at(2 * (scale + 1)));
    return new Decimal(divideRounded(root, 10n), scale);
  }

  compare(other: Decimal): number {
    const scale = Math.max(this.scale, other.scale);
    const a = this.#at(scale);
    const b = other.#at(scale);
    return a < b ? -1 : a > b ? 1 : 0;
  }

  equals(other: Decimal): boolean {
    return this.compare(other) === 0;
  }

  /**
   * The value as numeric(precision, scale) holds it.
   * @throws HeadraceError `PLAN_OUT_OF_RANGE` when it has too many digits before the point
   */
  fit(precision: number, scale: number): Decimal {
    const rounded = this.round(scale);
    if (rounded.abs().compare(new Decimal(power10(precision - scale), 0)) >= 0) {
      throw evaluationError('PLAN_OUT_OF_RANGE', `numeric field overflow: precision ${precision}, scale ${scale}`);
    }
    return rounded;
  }

  withoutTrailingZeros(): Decimal {
    let { unscaled, scale } = this;
    while (scale > 0 && unscaled % 10n === 0n) {
      unscaled /= 10n;
      scale--;
    }
    return new Decimal(unscaled, scale);
  }

  toBigInt(): bigint {
    return this.round().unscaled;
  }

  toNumber(): number {
    return Number(this.toString());
  }

  toString(): string {
    if (this.scale === 0) return this.unscaled.toString();
    const negative = this.unscaled < 0n;
    const digits = (negative ? -this.unscaled : this.unscaled).toString().padStart(this.scale + 1, '0');
    const point = digits.length - this.scale;
    return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
  }

  #at(scale: number): bigint {
    return scale === this.scale ? this.unscaled : this.unscaled * power10(scale - this.scale);
  }

  #checked(): Decimal {
    if (this.scale > SCALE_MAX) return this.round(SCALE_MAX);
    const bits = this.unscaled < 0n ? -this.unscaled : this.unscaled;
    if (bits >> 435_412n !== 0n && bits >= power10(INTEGER_DIGITS_MAX + this.scale)) throw outOfRange('numeric');
    return this;
  }
}

const POWERS: bigint[] = Array.from({ length: 64 }, (_, exponent) => 10n ** BigInt(exponent));

function power10(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent);
}

/** Rounds half away from zero. */
function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const remainder = numerator % denominator;
  const twice = (remainder < 0n ? -remainder : remainder) * 2n;
  if (twice < (denominator < 0n ? -denominator : denominator)) return quotient;
  return numerator < 0n !== denominator < 0n ? quotient - 1n : quotient + 1n;
}

/** Weight (power of 10^4) and value of the first non-zero digit in base 10^4. */
function leadingDigits(value: Decimal): { weight: number; first: number } {
  if (value.unscaled === 0n) return { weight: 0, first: 0 };
  const digits = value.abs().unscaled.toString();
  const top = digits.length - value.scale - 1;
  const weight = Math.floor(top / BASE_DIGITS);
  const taken = top - weight * BASE_DIGITS + 1;
  return { weight, first: Number(digits.slice(0, taken).padEnd(taken, '0')) };
}

/** Floor of the square root, by Newton's iteration. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let x = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (x + value / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
