import type { ColumnVector } from '../../../kernel/column.ts';
import type { GroupPartial } from '../../../kernel/group-state.ts';

/** What a partial was made of: two aggregates share it when all of it is the same. */
export interface PartialSource {
  /** Of the groups, as text. */
  readonly layout: string;
  /** Keys but for the bounds of windows, then arguments. */
  readonly columns: readonly (ColumnVector | undefined)[];
  readonly selection: number;
  readonly selected: number;
  readonly weights: number;
}

/**
 * The partials of batches that are being processed, by the first of their columns: operators of one task find here what another
 * has made of the same rows. A column belongs to one batch and goes with it, and so do its partials.
 */
const partials = new WeakMap<ColumnVector, { readonly source: PartialSource; readonly partial: GroupPartial }[]>();

function isSame(a: PartialSource, b: PartialSource): boolean {
  return (
    a.layout === b.layout &&
    a.selection === b.selection &&
    a.selected === b.selected &&
    a.weights === b.weights &&
    a.columns.length === b.columns.length &&
    a.columns.every((column, i) => column === b.columns[i])
  );
}

export function findPartial(source: PartialSource): GroupPartial | undefined {
  const first = source.columns[0];
  if (first === undefined) return undefined;
  return partials.get(first)?.find((known) => isSame(known.source, source))?.partial;
}

export function sharePartial(source: PartialSource, partial: GroupPartial): void {
  const first = source.columns[0];
  if (first === undefined) return;
  const known = partials.get(first);
  if (known === undefined) partials.set(first, [{ source, partial }]);
  else known.push({ source, partial });
}
