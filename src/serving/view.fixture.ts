import type { Column } from '../plan/data-type.ts';
import type { OutputMode, OutputNode } from '../plan/node.ts';

/** A view over nothing, with the given columns: enough for what reads its topic. */
export function viewNode(
  name: string,
  columns: readonly Column[],
  keys: readonly number[],
  mode: OutputMode = 'upsert',
): OutputNode {
  return {
    kind: 'output',
    name,
    topic: name,
    input: { kind: 'values', columns, rows: [] },
    mode,
    keys,
    emit: { kind: 'updates' },
  };
}

export const PAGE_COLUMNS: readonly Column[] = [
  { name: 'page', type: { kind: 'text' }, nullable: false },
  { name: 'hits', type: { kind: 'int8' }, nullable: false },
];
