import { Decimal } from '../value/decimal.ts';
import { formatNumberAs, numberFormat, scanNumber } from '../value/number-format.ts';
import { compiledOnce } from './compiled-cache.ts';
import { type FunctionOverload, overload } from './overload.ts';

const formatOf = compiledOnce(numberFormat);

const whole = (a: number | bigint, format: string): string => formatNumberAs(Decimal.of(a), formatOf(format));

function float(a: number, format: string): string {
  const parsed = formatOf(format);
  if (Number.isFinite(a)) return formatNumberAs(Decimal.fromFloat(a), parsed);
  return Number.isNaN(a) ? 'NaN' : a > 0 ? 'Infinity' : '-Infinity';
}

/** Numbers as text by a pattern, and back (PostgreSQL manual, section 9.8). */
export const NUMBER_FORMAT_FUNCTIONS: readonly FunctionOverload[] = [
  overload('to_char', ['int4', 'text'], 'text', whole),
  overload('to_char', ['int8', 'text'], 'text', whole),
  overload('to_char', ['numeric', 'text'], 'text', (a: Decimal, format: string) => formatNumberAs(a, formatOf(format))),
  overload('to_char', ['float8', 'text'], 'text', float),
  overload('to_number', ['text', 'text'], 'numeric', (text: string, format: string) =>
    scanNumber(text, formatOf(format)),
  ),
];
