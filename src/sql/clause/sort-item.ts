import type { Node } from 'libpg-query';
import type { BindContext } from '../expression-binder.ts';
import { nodeLocation } from '../text/syntax-tree.ts';

/** An item of ORDER BY. NULLS LAST for ascending order and NULLS FIRST for descending, unless it says otherwise. */
export function sortItem(
  context: BindContext,
  item: Node,
): { readonly node: Node; readonly descending: boolean; readonly nullsFirst: boolean } {
  if (!('SortBy' in item)) return { node: item, descending: false, nullsFirst: false };
  const node = item.SortBy.node!;
  if (item.SortBy.sortby_dir === 'SORTBY_USING') {
    throw context.source.error(context.place(nodeLocation(node)), 'ORDER BY ... USING is not supported', {
      code: 'SQL_NOT_SUPPORTED',
      next: 'write ASC or DESC',
    });
  }
  const descending = item.SortBy.sortby_dir === 'SORTBY_DESC';
  const nulls = item.SortBy.sortby_nulls;
  const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && descending);
  return { node, descending, nullsFirst };
}
