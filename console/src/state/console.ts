import type { ApiClient } from '../api/client.ts';
import type { Monitor } from './monitor.ts';
import type { Route } from './route.ts';
import type { Store } from './store.ts';

/** What every page gets. */
export interface Console {
  readonly client: ApiClient;
  readonly monitor: Monitor;
  readonly route: Store<Route>;
}

export interface PageProps {
  readonly console: Console;
  /** Name of the table or pipeline in the address. */
  readonly item: string | undefined;
}
