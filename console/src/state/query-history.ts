const KEY = 'headrace.queries';
const QUERIES_MAX = 50;

/** The queries of this browser, newest first, each once. */
export function pastQueries(): readonly string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(stored) ? stored.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

export function rememberQuery(sql: string): readonly string[] {
  const queries = [sql, ...pastQueries().filter((past) => past !== sql)].slice(0, QUERIES_MAX);
  try {
    localStorage.setItem(KEY, JSON.stringify(queries));
  } catch {
    // Storage is switched off or full: the history ends here.
  }
  return queries;
}
