import { tableScanNode } from '../../plan/factory.ts';
import type { PlanNode, SortKey } from '../../plan/node.ts';
import { isOrdered } from './best-rows.ts';
import { columnsAggregated, isScanned, readBy, SCAN_RELATION_PREFIX } from './scan-plan.ts';

/** Rows of a topic that a query needs, through the filters and projections that stand right above it. */
export interface RowScan {
  /** The relation that stands for them in the rest of the query. */
  readonly name: string;
  readonly relation: string;
  readonly top: PlanNode;
  /** Columns of `top` that are read above it, ascending. */
  readonly wanted: readonly number[];
  /** So many rows are enough: whichever, or the first in the order. */
  readonly limit: number | undefined;
  readonly order: readonly SortKey[] | undefined;
}

type Wanted = ReadonlySet<number>;
type Rewrite = (node: PlanNode, wanted: Wanted, limit: number | undefined, order?: readonly SortKey[]) => PlanNode;

/**
 * Takes the parts of a query that read large topics row by row out of it: what remains has their rows as relations, of
 * which only the wanted columns have values.
 */
export function takeRowScans(
  plan: PlanNode,
  scannable: (top: PlanNode, wanted: Wanted, relation: string) => boolean,
  rowsMax: number,
): { readonly plan: PlanNode; readonly scans: readonly RowScan[] } {
  const scans: RowScan[] = [];
  const rewrite: Rewrite = (node, wanted, limit, order) => {
    const relation = scannedThrough(node);
    const read = wanted.size === 0 ? new Set([cheapestColumn(node)]) : wanted;
    if (relation !== undefined && scannable(node, read, relation)) {
      const name = `${SCAN_RELATION_PREFIX}rows:${scans.length}`;
      scans.push({ name, relation, top: node, wanted: [...read].sort((a, b) => a - b), limit, order });
      return tableScanNode(name, node.columns);
    }
    // Without its order, a limit says nothing about what lies below.
    return rewriteBelow(node, wanted, order === undefined ? limit : undefined, rewrite);
  };
  return { plan: rewrite(plan, all(plan), rowsMax), scans };
}

function rewriteBelow(node: PlanNode, wanted: Wanted, limit: number | undefined, rewrite: Rewrite): PlanNode {
  switch (node.kind) {
    case 'filter':
      return { ...node, input: rewrite(node.input, readBy([node.predicate], wanted), undefined) };
    case 'project': {
      // All of its expressions are computed, so all that they read is needed.
      return { ...node, input: rewrite(node.input, readBy(node.expressions), limit) };
    }
    case 'limit': {
      const least = Math.min(node.limit ?? Number.POSITIVE_INFINITY, limit ?? Number.POSITIVE_INFINITY);
      const enough = Number.isFinite(least) ? least + node.offset : undefined;
      return { ...node, input: rewrite(node.input, wanted, enough) };
    }
    case 'sort': {
      const keys = node.keys.map((key) => key.expression);
      const first = limit !== undefined && scannedThrough(node.input) !== undefined && isOrdered(node.keys);
      const input = first
        ? rewrite(node.input, readBy(keys, wanted), limit, node.keys)
        : rewrite(node.input, readBy(keys, wanted), undefined);
      return { ...node, input };
    }
    case 'aggregate':
      return { ...node, input: rewrite(node.input, columnsAggregated(node), undefined) };
    case 'join':
      return {
        ...node,
        left: rewrite(node.left, all(node.left), undefined),
        right: rewrite(node.right, all(node.right), undefined),
      };
    case 'set-operation':
      return { ...node, inputs: node.inputs.map((input) => rewrite(input, all(input), undefined)) };
    default:
      return 'input' in node ? { ...node, input: rewrite(node.input, all(node.input), undefined) } : node;
  }
}

const all = (node: PlanNode): Wanted => new Set(node.columns.keys());

/** Rows must be told from no rows even when nothing of them is read. */
function cheapestColumn(node: PlanNode): number {
  return Math.max(
    0,
    node.columns.findIndex(({ name }) => name === '_partition'),
  );
}

function scannedThrough(top: PlanNode): string | undefined {
  let node = top;
  while (isScanned(node)) node = node.input;
  return node.kind === 'table-scan' ? node.name : undefined;
}
