import { evaluationError } from '../evaluation-error.ts';
import { type FunctionOverload, overload } from './overload.ts';

type Real = (value: number) => number;

function outside(): Error {
  return evaluationError('PLAN_OUT_OF_RANGE', 'input is out of range');
}

/** Of a circle, an infinite angle has no place on it. */
const circular =
  (of: Real): Real =>
  (angle) => {
    if (angle === Number.POSITIVE_INFINITY || angle === Number.NEGATIVE_INFINITY) throw outside();
    return of(angle);
  };

const within =
  (low: number, high: number, of: Real): Real =>
  (value) => {
    if (value < low || value > high) throw outside();
    return of(value);
  };

const RADIANS = Math.PI / 180;
const HALF_SINE = Math.sin(30 * RADIANS);
const HALF_COSINE = 1 - Math.cos(60 * RADIANS);

/** The sine of 0 to 30 degrees, exact at the ends, as PostgreSQL's sind_0_to_30. */
const smallSine = (degrees: number): number => Math.sin(degrees * RADIANS) / HALF_SINE / 2;
const smallCosine = (degrees: number): number => 1 - (1 - Math.cos(degrees * RADIANS)) / HALF_COSINE / 2;
const quadrantSine = (degrees: number): number => (degrees <= 30 ? smallSine(degrees) : smallCosine(90 - degrees));
const quadrantCosine = (degrees: number): number => (degrees <= 60 ? smallCosine(degrees) : smallSine(90 - degrees));

/** Sine and cosine of degrees, exact where they are 0, 0.5 or 1. */
function sineOfDegrees(angle: number): number {
  let degrees = angle % 360;
  let sign = 1;
  if (degrees < 0) [degrees, sign] = [-degrees, -1];
  if (degrees > 180) [degrees, sign] = [360 - degrees, -sign];
  if (degrees > 90) degrees = 180 - degrees;
  return sign * quadrantSine(degrees);
}

function cosineOfDegrees(angle: number): number {
  let degrees = Math.abs(angle % 360);
  let sign = 1;
  if (degrees > 180) degrees = 360 - degrees;
  if (degrees > 90) [degrees, sign] = [180 - degrees, -sign];
  return sign * quadrantCosine(degrees) + 0;
}

/** Exact at 45 degrees and its multiples. */
function tangentOfDegrees(angle: number): number {
  const rest = Math.abs(angle % 180);
  if (rest === 45 || rest === 135) return (rest === 45) === angle > 0 ? 1 : -1;
  const cosine = cosineOfDegrees(angle);
  return cosine === 0
    ? sineOfDegrees(angle) > 0
      ? Number.POSITIVE_INFINITY
      : Number.NEGATIVE_INFINITY
    : sineOfDegrees(angle) / cosine + 0;
}

const ASIN_HALF = Math.asin(0.5);
const ACOS_HALF = Math.acos(0.5);
const ATAN_ONE = Math.atan(1);
const positiveArcSine = (x: number): number =>
  x <= 0.5 ? (Math.asin(x) / ASIN_HALF) * 30 : 90 - (Math.acos(x) / ACOS_HALF) * 60;
const arcSine: Real = (x) => (x >= 0 ? positiveArcSine(x) : -positiveArcSine(-x));
const positiveArcCosine = (x: number): number =>
  x <= 0.5 ? 90 - (Math.asin(x) / ASIN_HALF) * 30 : (Math.acos(x) / ACOS_HALF) * 60;
const arcCosine: Real = (x) => (x >= 0 ? positiveArcCosine(x) : 90 + positiveArcSine(-x));

const one = ['float8'] as const;
const two = ['float8', 'float8'] as const;
const real = (name: string, of: Real): FunctionOverload => overload(name, one, 'float8', of);

/** PostgreSQL's trigonometric and hyperbolic functions (its manual, tables 9.7 and 9.8); those that end in d take or give degrees. */
export const TRIGONOMETRY: readonly FunctionOverload[] = [
  real('sin', circular(Math.sin)),
  real('cos', circular(Math.cos)),
  real('tan', circular(Math.tan)),
  real(
    'cot',
    circular((a) => 1 / Math.tan(a)),
  ),
  real('asin', within(-1, 1, Math.asin)),
  real('acos', within(-1, 1, Math.acos)),
  real('atan', Math.atan),
  overload('atan2', two, 'float8', Math.atan2),
  real('sind', circular(sineOfDegrees)),
  real('cosd', circular(cosineOfDegrees)),
  real('tand', circular(tangentOfDegrees)),
  real(
    'cotd',
    circular((a) => tangentOfDegrees(90 - a)),
  ),
  real('asind', within(-1, 1, arcSine)),
  real('acosd', within(-1, 1, arcCosine)),
  real('atand', (a) => (Math.atan(a) / ATAN_ONE) * 45),
  overload('atan2d', two, 'float8', (y: number, x: number) => (Math.atan2(y, x) / ATAN_ONE) * 45),
  real('sinh', Math.sinh),
  real('cosh', Math.cosh),
  real('tanh', Math.tanh),
  real('asinh', Math.asinh),
  real('acosh', within(1, Number.POSITIVE_INFINITY, Math.acosh)),
  real('atanh', within(-1, 1, Math.atanh)),
];
