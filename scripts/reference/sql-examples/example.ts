/** How a function is written in SQL, what it does, and an example that a test runs, also on the query database. */
export interface SqlExample {
  readonly group: string;
  readonly write: string;
  readonly does: string;
  /** An expression, or a whole query when it begins with SELECT. */
  readonly example: string;
  /** As text, the way a query prints it; null for null. */
  readonly result: string | null;
}

export function exampleGroup(
  name: string,
  entries: readonly (readonly [string, string, string, string | null])[],
): readonly SqlExample[] {
  return entries.map(([write, does, example, result]) => ({ group: name, write, does, example, result }));
}
