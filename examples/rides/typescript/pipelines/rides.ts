// For-hire trips of New York City: one file, read to its end.
// The same pipeline in SQL: ../../pipelines/rides.sql
import { avg, cases, count, max, pipeline, source, sum, t } from 'headrace';

const rides = source('rides', {
  columns: {
    hvfhs_license_num: t.text().notNull(),
    pickup_datetime: t.timestamp().notNull(),
    PULocationID: t.int4().notNull(),
    DOLocationID: t.int4().notNull(),
    trip_miles: t.float8().notNull(),
    trip_time: t.int4().notNull(),
    base_passenger_fare: t.numeric(12, 2).notNull(),
    tips: t.numeric(12, 2),
    driver_pay: t.numeric(12, 2),
  },
  watermark: { column: 'pickup_datetime', delay: '1 hour' },
});

const trips = rides
  .filter((r) => r.trip_time.gt(0))
  .select((r) => ({
    pickup_datetime: r.pickup_datetime,
    company: cases<'text'>(
      [
        [r.hvfhs_license_num.eq('HV0003'), 'Uber'],
        [r.hvfhs_license_num.eq('HV0004'), 'Via'],
        [r.hvfhs_license_num.eq('HV0005'), 'Lyft'],
      ],
      'other',
    ),
    pickup_zone: r.PULocationID,
    trip_miles: r.trip_miles,
    trip_time: r.trip_time,
    fare: r.base_passenger_fare,
    tips: r.tips,
  }));

const everyTenMinutes = trips
  .tumble('pickup_datetime', '10 minutes')
  .groupBy('company')
  .aggregate((r) => ({
    trips: count(),
    miles: sum(r.trip_miles),
    average_seconds: avg(r.trip_time),
    fares: sum(r.fare),
    highest_tip: max(r.tips),
  }));

const byZone = trips.groupBy('pickup_zone').aggregate((r) => ({ trips: count(), fares: sum(r.fare) }));

export default pipeline('rides', (p) => {
  p.view('rides_10m', everyTenMinutes);
  p.view('busiest_zones', byZone);
});
