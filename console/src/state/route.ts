import { Store } from './store.ts';

export type PageName = 'overview' | 'pipeline' | 'tables' | 'dead-letters' | 'alerts' | 'sql' | 'topics';

export interface PageInfo {
  readonly name: PageName;
  readonly title: string;
  /** Pressed after `g`. */
  readonly key: string;
}

export const PAGES: readonly PageInfo[] = [
  { name: 'overview', title: 'Overview', key: 'o' },
  { name: 'pipeline', title: 'Pipeline', key: 'p' },
  { name: 'tables', title: 'Tables', key: 't' },
  { name: 'sql', title: 'SQL', key: 's' },
  { name: 'alerts', title: 'Alerts', key: 'a' },
  { name: 'dead-letters', title: 'Dead letters', key: 'd' },
  { name: 'topics', title: 'Topics', key: 'c' },
];

export interface Route {
  readonly page: PageName;
  /** What the page shows: the name of a table or pipeline. */
  readonly item: string | undefined;
}

/** Routes live behind the `#`, so that any server of static files can serve the console. */
export function parseRoute(hash: string): Route {
  const [page = '', ...rest] = hash.replace(/^#\/?/, '').split('/');
  const known = PAGES.find((info) => info.name === page);
  const item = rest.join('/');
  return { page: known?.name ?? 'overview', item: known === undefined || item === '' ? undefined : decodeItem(item) };
}

function decodeItem(item: string): string {
  try {
    return decodeURIComponent(item);
  } catch {
    return item;
  }
}

export function hashOf(page: PageName, item?: string): string {
  return item === undefined ? `#/${page}` : `#/${page}/${encodeURIComponent(item)}`;
}

export function createRoute(): Store<Route> {
  const store = new Store(parseRoute(location.hash));
  addEventListener('hashchange', () => store.set(parseRoute(location.hash)));
  return store;
}
