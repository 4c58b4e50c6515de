import { foundInJson, type LookupTarget } from '../connector/lookup/lookup-source.ts';
import type { Answer } from '../engine/effect/effect.ts';
import type { LookupFactory } from '../engine/effect/lookup.ts';
import type { TestRow } from './pipeline-test.ts';

/** The rows of each look-up of a test, by its name: no other system is asked. */
export type LookupRows = Readonly<Record<string, readonly TestRow[]>>;

/** Look-ups that find the rows of the test; of one that has none nothing is found. */
export function scriptedLookups(rows: LookupRows): LookupFactory {
  return (target) => {
    const own = byKey(target, rows[target.name] ?? []);
    return {
      find: async (key) => found(target, own.get(JSON.stringify(key)), key as readonly string[]),
      close: async () => {},
    };
  };
}

function byKey(target: LookupTarget, rows: readonly TestRow[]): ReadonlyMap<string, TestRow> {
  const found = target.keyNames.map((name, at) => {
    const column = target.found.find((candidate) => candidate.name === name);
    return column ?? { name, type: target.keyTypes[at]!, nullable: true, path: [name] };
  });
  const keys = { ...target, found, keyNames: [] };
  return new Map(rows.map((row) => [JSON.stringify(foundInJson({ value: row, exact: row }, keys, [])), row]));
}

function found(target: LookupTarget, row: TestRow | undefined, key: readonly string[]): Answer {
  if (row === undefined) return null;
  try {
    return foundInJson({ value: row, exact: row }, target, key) ?? null;
  } catch (error) {
    return (error as Error).message;
  }
}
