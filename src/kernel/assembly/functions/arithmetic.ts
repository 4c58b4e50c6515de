// Checks that take more than an instruction or two.

/** Whether the product of two 64-bit integers is out of range. */
export function multiplyOverflows(a: i64, b: i64): bool {
  if (a == 0 || b == 0) return false;
  if ((a == -1 && b == i64.MIN_VALUE) || (b == -1 && a == i64.MIN_VALUE)) return true;
  return (a * b) / b != a;
}

/** Divides by a positive number, rounding half away from zero. */
export function divideRounded(value: i64, divisor: i64): i64 {
  const quotient = value / divisor;
  const rest = value % divisor;
  // Twice the rest may not fit; what is missing to the divisor does.
  if (abs<i64>(rest) < divisor - abs<i64>(rest)) return quotient;
  return value < 0 ? quotient - 1 : quotient + 1;
}
