import type { LoggedInput } from './input.ts';

export type SourceName = 'events' | 'once' | 'calm' | 'others' | 'names' | 'totals_in' | 'rows_in';

/** A view of the simulator's pipelines, with its meaning in plain TypeScript. */
export interface SimulatedView {
  readonly name: string;
  readonly sources: readonly SourceName[];
  readonly sql: string;
  /** Rows of a topic that is only appended to are counted one by one; else the topic is a table. */
  readonly appends: boolean;
  /** It holds at every commit, not only when all windows are closed. */
  readonly always: boolean;
  /** A row of the output as text. */
  readonly show: (row: Readonly<Record<string, unknown>>) => string;
  /** All rows as text: computed from the definition. */
  readonly expected: (input: LoggedInput) => readonly string[];
  /** Records that this view alone refuses. */
  readonly letters?: (input: LoggedInput) => readonly ViewLetter[];
}

export interface ViewLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
}

export interface SimulatedPipeline {
  readonly name: string;
  readonly views: readonly SimulatedView[];
  /** What its views may become, and be again. */
  readonly altered: readonly SimulatedView[];
  /** Names of the pipelines whose outputs it reads. */
  readonly after: readonly string[];
}

const SOURCES: Readonly<Record<SourceName, string>> = {
  events: `CREATE SOURCE events (n int8, id text, type text, k int8, time timestamptz, amount numeric(12,2),
  WATERMARK FOR time AS time - INTERVAL '20 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '30 days', future_limit = '30 days');`,
  once: `CREATE VIEW once WITH (ttl = '10 days') AS SELECT DISTINCT ON (id) * FROM events;`,
  calm: `CREATE SOURCE calm (n int8, id text, type text, k int8, time timestamptz, amount numeric(12,2),
  WATERMARK FOR time AS time - INTERVAL '1 day'
) WITH (topic = 'events', format = 'json', idle_timeout = '30 days', future_limit = '30 days');`,
  others: `CREATE SOURCE others (n int8, id text, type text, k int8, time timestamptz, amount numeric(12,2),
  WATERMARK FOR time AS time - INTERVAL '1 day'
) WITH (topic = 'others', format = 'json', idle_timeout = '30 days', future_limit = '30 days');`,
  names: `CREATE LOOKUP names (id text PRIMARY KEY, name text) WITH (connector = 'simulated');`,
  totals_in: `CREATE TABLE totals_in (window_start timestamptz, window_end timestamptz, type text, n int8, total numeric(12,2),
  PRIMARY KEY (window_start, window_end, type)) WITH (topic = 'totals', format = 'json');`,
  rows_in: `CREATE SOURCE rows_in (n int8, type text, amount numeric(12,2)) WITH (topic = 'kept', format = 'json');`,
};

/** Topics that a source's refused records come from. */
export const SOURCE_TOPICS: Readonly<Partial<Record<SourceName, 'events' | 'others'>>> = {
  events: 'events',
  calm: 'events',
  others: 'others',
};

/** The text of a pipeline. */
export function sqlOf(views: readonly SimulatedView[]): string {
  const used = new Set(views.flatMap(({ sources }) => sources));
  if (used.has('once')) used.add('events');
  const order: readonly SourceName[] = ['events', 'once', 'calm', 'others', 'names', 'totals_in', 'rows_in'];
  const sources = order.filter((name) => used.has(name)).map((name) => SOURCES[name]);
  return [...sources, ...views.map(({ name, sql }) => `CREATE MATERIALIZED VIEW ${name} AS ${sql};`)].join('\n');
}

/** Sources that a pipeline declares, those beneath views included. */
export function sourcesOf(views: readonly SimulatedView[]): ReadonlySet<SourceName> {
  const used = new Set(views.flatMap(({ sources }) => sources));
  if (used.has('once')) used.add('events');
  return used;
}
