-- State that comes and goes: ids for 20 seconds, windows of 10, sessions of users; results of few keys.
CREATE SOURCE events (
  event_id   text NOT NULL,
  event_type text NOT NULL,
  timestamp  timestamptz NOT NULL,
  user_id    text NOT NULL,
  amount     float8 FROM '$.data.amount',
  source     text FROM '$.metadata.source',
  WATERMARK FOR timestamp AS timestamp - INTERVAL '2 seconds'
) WITH (topic = 'events', format = 'json', idle_timeout = '10 seconds');

CREATE VIEW unique_events WITH (ttl = '20 seconds') AS
SELECT DISTINCT ON (event_id) * FROM events;

CREATE VIEW windows AS
SELECT window_start, window_end, event_type, source, count(*) AS n, sum(amount) AS amount
FROM TUMBLE(unique_events, timestamp, INTERVAL '10 seconds')
GROUP BY window_start, window_end, event_type, source;

CREATE MATERIALIZED VIEW by_type AS
SELECT event_type, source, count(*) AS windows, sum(n) AS events FROM windows GROUP BY event_type, source;

CREATE VIEW sessions AS
SELECT window_start, window_end, user_id, count(*) AS n
FROM SESSION(unique_events, timestamp, INTERVAL '2 seconds', user_id)
GROUP BY window_start, window_end, user_id;

CREATE MATERIALIZED VIEW session_sizes AS
SELECT n AS size, count(*) AS sessions FROM sessions GROUP BY n;
