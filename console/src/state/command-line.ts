/** The commands that empty pages hand out; in one place, so that they stay those of the CLI. */

/** `event` is quoted for a POSIX shell. */
export function ingestCommand(origin: string, topic: string, event?: string): string {
  const body = event ?? `'{"id":"1","time":"${new Date().toISOString()}"}'`;
  return `curl -X POST ${origin}/api/v2/ingest/${encodeURIComponent(topic)} -H 'content-type: application/json' \\\n  -d ${body}`;
}

export const INIT_COMMAND = 'npx headrace init app && cd app && npx headrace dev';
export const INIT_FROM_COMMAND = 'npx headrace init app --from events.ndjson';
export const START_COMMAND = 'npx headrace start';
export const TOPICS_COMMAND = 'npx headrace topics';
export const DEAD_LETTERS_COMMAND = 'npx headrace dlq';

export const VIEW_EXAMPLE = `CREATE MATERIALIZED VIEW events_1m AS
SELECT window_start, window_end, count(*) AS events
FROM TUMBLE(events, time, INTERVAL '1 minute')
GROUP BY window_start, window_end;`;

export const ALERT_EXAMPLE = `CREATE ALERT too_quiet ON events_1m
WHEN events < 10
WITH (severity = 'warning', summary = 'Fewer than 10 events in a minute');`;
