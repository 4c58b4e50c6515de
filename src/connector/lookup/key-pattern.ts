import type { LookupKey } from './lookup-source.ts';

const PLACEHOLDER = /\{([^{}]+)\}/g;

/** The columns that a pattern such as `user:{id}` names. */
export function placeholdersOf(pattern: string): readonly string[] {
  return Array.from(pattern.matchAll(PLACEHOLDER), (match) => match[1]!);
}

/** The pattern with the columns of a key in place of their names. */
export function fillPattern(pattern: string, keyNames: readonly string[], filling: (at: number) => string): string {
  return pattern.replaceAll(PLACEHOLDER, (_, name: string) => filling(keyNames.indexOf(name)));
}

/** {@link fillPattern} with the values as they are. */
export function filledWith(pattern: string, keyNames: readonly string[], key: LookupKey): string {
  return fillPattern(pattern, keyNames, (at) => key[at] ?? '');
}
