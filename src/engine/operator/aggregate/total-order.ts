import type { DataType, Interval } from '../../../plan/data-type.ts';
import type { Decimal } from '../../../plan/value/decimal.ts';
import { compareText } from '../../../plan/value/text-order.ts';
import { type ValueOrder, valueOrder } from '../../../plan/value/value-order.ts';
import { valueToText } from '../../../plan/value/value-text.ts';

/**
 * The order of a type in which only the same values are equal: of those that compare equal (`1.0` and `1.00`, `0` and `-0`, a month and
 * 30 days) one comes first, always. So what is the least or the middle does not depend on which came first, nor on what is gone.
 */
export function totalOrder(type: DataType): ValueOrder {
  const order = valueOrder(type);
  const tie = tieOrder(type);
  return tie === undefined ? order : (a, b) => order(a, b) || tie(a, b);
}

function tieOrder(type: DataType): ValueOrder | undefined {
  switch (type.kind) {
    case 'float4':
    case 'float8':
      return (a, b) => Number(Object.is(b, -0)) - Number(Object.is(a, -0));
    case 'numeric':
      return (a, b) => (a as Decimal).scale - (b as Decimal).scale;
    case 'interval':
      return (a, b) => {
        const [x, y] = [a as Interval, b as Interval];
        return x.months - y.months || x.days - y.days;
      };
    case 'array':
    case 'jsonb':
      return (a, b) => compareText(valueToText(a, type), valueToText(b, type));
    default:
      return undefined;
  }
}
