const FRACTION_BITS = 52;
/** The least double is 2^-1074. */
const LEAST_EXPONENT = -1074;

/** The double nearest to `numerator / denominator * 2^exponent`, rounded once, ties to even; `denominator` is positive. */
export function nearestRatio(numerator: bigint, denominator: bigint, exponent: number): number {
  if (numerator === 0n) return 0;
  const magnitude = numerator < 0n ? -numerator : numerator;
  let power = bitsOf(magnitude) - bitsOf(denominator);
  // Now the quotient is between 2^(power - 1) and 2^(power + 1).
  if (shifted(magnitude, -power) < shifted(denominator, power)) power--;
  const unit = Math.max(power + exponent - FRACTION_BITS, LEAST_EXPONENT);
  const up = exponent - unit;
  const dividend = shifted(magnitude, up);
  const divisor = shifted(denominator, -up);
  const rounded = Number(nearestEven(dividend, divisor)) * 2 ** unit;
  return numerator < 0n ? -rounded : rounded;
}

/** Shifted left; not at all by a negative number: the other side of the comparison is. */
function shifted(value: bigint, bits: number): bigint {
  return bits > 0 ? value << BigInt(bits) : value;
}

function bitsOf(value: bigint): number {
  const hex = value.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0]!, 16)) + 28;
}

/** The integer nearest to a quotient, ties to even; `denominator` is positive. */
export function nearestEven(numerator: bigint, denominator: bigint): bigint {
  const floor = numerator / denominator - (numerator < 0n && numerator % denominator !== 0n ? 1n : 0n);
  const twice = (numerator - floor * denominator) * 2n;
  return twice > denominator || (twice === denominator && floor % 2n !== 0n) ? floor + 1n : floor;
}
