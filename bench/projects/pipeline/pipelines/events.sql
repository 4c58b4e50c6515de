CREATE SOURCE events (
  event_id   text NOT NULL,
  event_type text NOT NULL,
  timestamp  timestamptz NOT NULL,
  amount     float8 FROM '$.data.amount',
  source     text FROM '$.metadata.source',
  WATERMARK FOR timestamp AS timestamp - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '10 seconds');

CREATE VIEW unique_events WITH (ttl = '10 minutes') AS
SELECT DISTINCT ON (event_id) * FROM events;

CREATE MATERIALIZED VIEW events_1m AS
SELECT window_start, window_end, event_type, source, count(*) AS events, sum(amount) AS amount
FROM TUMBLE(unique_events, timestamp, INTERVAL '1 minute')
GROUP BY window_start, window_end, event_type, source;

CREATE MATERIALIZED VIEW events_5m AS
SELECT window_start, window_end, event_type, source, count(*) AS events, sum(amount) AS amount
FROM TUMBLE(unique_events, timestamp, INTERVAL '5 minutes')
GROUP BY window_start, window_end, event_type, source;

CREATE MATERIALIZED VIEW events_1h AS
SELECT window_start, window_end, event_type, source, count(*) AS events, sum(amount) AS amount
FROM TUMBLE(unique_events, timestamp, INTERVAL '1 hour')
GROUP BY window_start, window_end, event_type, source;
