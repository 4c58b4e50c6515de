import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { explain } from '../plan/explain.ts';
import type { Pipeline } from '../plan/node.ts';
import { planHash } from '../plan/pipeline-text.ts';
import { compilePipeline } from '../sql/pipeline-compiler.ts';
import {
  avg,
  cases,
  count,
  countDistinct,
  isPipeline,
  max,
  pipeline,
  type Row,
  source,
  sum,
  t,
  text,
} from './index.ts';

const sql = (path: string, name: string): Promise<Pipeline> =>
  compilePipeline(readFileSync(new URL(`../../examples/${path}`, import.meta.url), 'utf8'), { name });

const requests = source('requests', {
  columns: {
    id: t.text().notNull(),
    time: t.timestamptz().notNull(),
    ip: t.text().notNull(),
    method: t.text().notNull(),
    path: t.text().notNull(),
    status: t.int4().notNull(),
    bytes: t.int8().notNull(),
  },
  watermark: { column: 'time', delay: '5 seconds', idleTimeout: '10 seconds' },
});

const classified = requests.deduplicate('id', { ttl: '1 hour' }).select((r) => ({
  time: r.time,
  ip: r.ip,
  bytes: r.bytes,
  status: r.status,
  section: text('/').concat(r.path.splitPart('/', 2)),
  status_class: r.status.divide(100).cast(t.text()).concat('xx'),
}));

const webTraffic = pipeline('web-traffic', (p) => {
  for (const [name, size] of [
    ['requests_1m', '1 minute'],
    ['requests_5m', '5 minutes'],
    ['requests_1h', '1 hour'],
  ] as const) {
    const counted = classified
      .tumble('time', size)
      .groupBy('section', 'status_class')
      .aggregate((r) => ({
        requests: count(),
        bytes: sum(r.bytes),
        errors: count().filter(r.status.ge(400)),
        visitors: countDistinct(r.ip),
      }));
    p.view(name, counted);
  }
  const rate = classified
    .tumble('time', '1 minute')
    .groupBy()
    .aggregate((r) => ({ requests: count(), errors: count().filter(r.status.ge(400)) }));
  p.alert('high_error_rate', {
    view: p.view('error_rate', rate),
    when: (r) => r.requests.ge(100).and(r.errors.multiply(100).gt(r.requests.multiply(5))),
    severity: 'critical',
    summary: 'More than 5 % of the requests of a minute failed',
  });
});

const trips = source('rides', {
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
})
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

const rides = pipeline('rides', (p) => {
  p.view(
    'rides_10m',
    trips
      .tumble('pickup_datetime', '10 minutes')
      .groupBy('company')
      .aggregate((r) => ({
        trips: count(),
        miles: sum(r.trip_miles),
        average_seconds: avg(r.trip_time),
        fares: sum(r.fare),
        highest_tip: max(r.tips),
      })),
  );
  p.view(
    'busiest_zones',
    trips.groupBy('pickup_zone').aggregate((r) => ({ trips: count(), fares: sum(r.fare) })),
  );
});

describe('a pipeline from the builder', () => {
  it.each([
    ['web-traffic', 'web-traffic/pipelines/web-traffic.sql', webTraffic],
    ['rides', 'rides/pipelines/rides.sql', rides],
  ])('is the same plan as %s in SQL', async (name, file, built) => {
    const compiled = await sql(file, name);

    expect(isPipeline(built)).toBe(true);
    expect(explain(built)).toBe(explain(compiled));
    expect(planHash(built)).toBe(planHash(compiled));
  });

  it('refuses a misspelt column, to the compiler and when it runs', () => {
    // @ts-expect-error there is no column "statsu"
    expect(() => requests.filter((r) => r.statsu.ge(400))).toThrow('did you mean "status"?');
    // @ts-expect-error there is no column "sectoin" to group by
    expect(() => classified.tumble('time', '1 minute').groupBy('sectoin')).not.toThrow();
    // @ts-expect-error the time of a window is a timestamp column
    expect(() => classified.tumble('ip', '1 minute')).toThrow('a window needs a timestamp column');
  });

  it('refuses operands of the wrong type to the compiler', () => {
    const wrong = (r: Row<{ status: 'int4'; path: 'text' }>): unknown => [
      // @ts-expect-error a number is not compared with a boolean
      r.status.eq(true),
      // @ts-expect-error text has no division
      r.path.divide(2),
    ];
    expect(wrong).toBeTypeOf('function');
  });
});
