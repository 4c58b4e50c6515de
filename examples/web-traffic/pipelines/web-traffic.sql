-- Requests of a web server: counted by section of the site and class of status, in windows of
-- one minute, five minutes and one hour, with an alert when too many of them fail.
-- The same pipeline in TypeScript: ../typescript/pipelines/web-traffic.ts

CREATE SOURCE requests (
  id     text NOT NULL,
  time   timestamptz NOT NULL,
  ip     text NOT NULL,
  method text NOT NULL,
  path   text NOT NULL,
  status int4 NOT NULL,
  bytes  int8 NOT NULL,
  WATERMARK FOR time AS time - INTERVAL '5 seconds'
) WITH (topic = 'requests', format = 'json', idle_timeout = '10 seconds');

-- Each request once, whatever is sent twice within the hour.
CREATE VIEW unique_requests WITH (ttl = '1 hour') AS
SELECT DISTINCT ON (id) * FROM requests;

CREATE VIEW classified AS
SELECT
  time,
  ip,
  bytes,
  status,
  '/' || split_part(split_part(path, '?', 1), '/', 2) AS section,
  (status / 100)::text || 'xx' AS status_class
FROM unique_requests;

CREATE MATERIALIZED VIEW requests_1m AS
SELECT
  window_start,
  window_end,
  section,
  status_class,
  count(*) AS requests,
  sum(bytes) AS bytes,
  count(*) FILTER (WHERE status >= 400) AS errors,
  count(DISTINCT ip) AS visitors
FROM TUMBLE(classified, time, INTERVAL '1 minute')
GROUP BY window_start, window_end, section, status_class;

CREATE MATERIALIZED VIEW requests_5m AS
SELECT
  window_start,
  window_end,
  section,
  status_class,
  count(*) AS requests,
  sum(bytes) AS bytes,
  count(*) FILTER (WHERE status >= 400) AS errors,
  count(DISTINCT ip) AS visitors
FROM TUMBLE(classified, time, INTERVAL '5 minutes')
GROUP BY window_start, window_end, section, status_class;

CREATE MATERIALIZED VIEW requests_1h AS
SELECT
  window_start,
  window_end,
  section,
  status_class,
  count(*) AS requests,
  sum(bytes) AS bytes,
  count(*) FILTER (WHERE status >= 400) AS errors,
  count(DISTINCT ip) AS visitors
FROM TUMBLE(classified, time, INTERVAL '1 hour')
GROUP BY window_start, window_end, section, status_class;

CREATE MATERIALIZED VIEW error_rate AS
SELECT
  window_start,
  window_end,
  count(*) AS requests,
  count(*) FILTER (WHERE status >= 400) AS errors
FROM TUMBLE(classified, time, INTERVAL '1 minute')
GROUP BY window_start, window_end;

CREATE ALERT high_error_rate ON error_rate
WHEN requests >= 100 AND errors * 100 > requests * 5
WITH (severity = 'critical', summary = 'More than 5 % of the requests of a minute failed');
