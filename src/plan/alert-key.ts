import type { OutputNode } from './node.ts';
import { windowGroupColumns } from './output-key.ts';

/** Without KEYS, instances of an alert are told apart by the key columns of the view, the window's aside. */
export function resolveAlertKeys(output: OutputNode | undefined): readonly number[] {
  if (output === undefined) return [];
  const windows = windowGroupColumns(output.input);
  return output.keys.filter((key) => !windows.has(key));
}
