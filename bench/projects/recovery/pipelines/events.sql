CREATE SOURCE events (
  event_id   text NOT NULL,
  event_type text NOT NULL,
  timestamp  timestamptz NOT NULL,
  amount     float8 FROM '$.data.amount',
  source     text FROM '$.metadata.source',
  WATERMARK FOR timestamp AS timestamp - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '10 seconds');

-- The state of this benchmark: one key per event of the last hour.
CREATE VIEW unique_events WITH (ttl = '1 hour') AS
SELECT DISTINCT ON (event_id) * FROM events;

CREATE MATERIALIZED VIEW events_1h AS
SELECT window_start, window_end, event_type, source, count(*) AS events, sum(amount) AS amount
FROM TUMBLE(unique_events, timestamp, INTERVAL '1 hour')
GROUP BY window_start, window_end, event_type, source;
