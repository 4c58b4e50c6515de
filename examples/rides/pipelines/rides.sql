-- For-hire trips of New York City: one file, read to its end.
-- The same pipeline in TypeScript: ../typescript/pipelines/rides.ts

CREATE SOURCE rides (
  hvfhs_license_num   text NOT NULL,
  pickup_datetime     timestamp NOT NULL,
  "PULocationID"      int4 NOT NULL,
  "DOLocationID"      int4 NOT NULL,
  trip_miles          float8 NOT NULL,
  trip_time           int4 NOT NULL,
  base_passenger_fare numeric(12, 2) NOT NULL,
  tips                numeric(12, 2),
  driver_pay          numeric(12, 2),
  WATERMARK FOR pickup_datetime AS pickup_datetime - INTERVAL '1 hour'
) WITH (topic = 'rides', format = 'json');

CREATE VIEW trips AS
SELECT
  pickup_datetime,
  CASE hvfhs_license_num
    WHEN 'HV0003' THEN 'Uber'
    WHEN 'HV0004' THEN 'Via'
    WHEN 'HV0005' THEN 'Lyft'
    ELSE 'other'
  END AS company,
  "PULocationID" AS pickup_zone,
  trip_miles,
  trip_time,
  base_passenger_fare AS fare,
  tips
FROM rides
WHERE trip_time > 0;

CREATE MATERIALIZED VIEW rides_10m AS
SELECT
  window_start,
  window_end,
  company,
  count(*) AS trips,
  sum(trip_miles) AS miles,
  avg(trip_time) AS average_seconds,
  sum(fare) AS fares,
  max(tips) AS highest_tip
FROM TUMBLE(trips, pickup_datetime, INTERVAL '10 minutes')
GROUP BY window_start, window_end, company;

CREATE MATERIALIZED VIEW busiest_zones AS
SELECT
  pickup_zone,
  count(*) AS trips,
  sum(fare) AS fares
FROM trips
GROUP BY pickup_zone;
