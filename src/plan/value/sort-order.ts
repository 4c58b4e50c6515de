import type { SortKey } from '../node.ts';
import { type ValueOrder, valueOrder } from './value-order.ts';

/** Order of two values of a sort key, nulls included. */
export function sortKeyOrder({ expression, descending, nullsFirst }: SortKey): ValueOrder {
  const order = valueOrder(expression.type);
  const nulls = nullsFirst ? -1 : 1;
  return (a, b) => {
    if (a === null || b === null) return a === b ? 0 : a === null ? nulls : -nulls;
    return descending ? order(b, a) : order(a, b);
  };
}

/** Order of two rows by the values of their sort keys. */
export function sortOrder(keys: readonly SortKey[]): (a: readonly unknown[], b: readonly unknown[]) => number {
  const orders = keys.map(sortKeyOrder);
  const [first] = orders;
  if (orders.length === 1 && first !== undefined) return (a, b) => first(a[0], b[0]);
  return (a, b) => {
    for (let at = 0; at < orders.length; at++) {
      const order = orders[at]!(a[at], b[at]);
      if (order !== 0) return order;
    }
    return 0;
  };
}
