// Requests of a web server: counted by section of the site and class of status, in windows of
// one minute, five minutes and one hour, with an alert when too many of them fail.
// The same pipeline in SQL: ../../pipelines/web-traffic.sql
import { count, countDistinct, pipeline, source, sum, t, text } from 'headrace';

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

const classified = requests
  // Each request once, whatever is sent twice within the hour.
  .deduplicate('id', { ttl: '1 hour' })
  .select((r) => ({
    time: r.time,
    ip: r.ip,
    bytes: r.bytes,
    status: r.status,
    section: text('/').concat(r.path.splitPart('?', 1).splitPart('/', 2)),
    status_class: r.status.divide(100).cast(t.text()).concat('xx'),
  }));

const countedEvery = (size: string) =>
  classified
    .tumble('time', size)
    .groupBy('section', 'status_class')
    .aggregate((r) => ({
      requests: count(),
      bytes: sum(r.bytes),
      errors: count().filter(r.status.ge(400)),
      visitors: countDistinct(r.ip),
    }));

const errorRate = classified
  .tumble('time', '1 minute')
  .groupBy()
  .aggregate((r) => ({ requests: count(), errors: count().filter(r.status.ge(400)) }));

export default pipeline('web-traffic', (p) => {
  p.view('requests_1m', countedEvery('1 minute'));
  p.view('requests_5m', countedEvery('5 minutes'));
  p.view('requests_1h', countedEvery('1 hour'));
  p.alert('high_error_rate', {
    view: p.view('error_rate', errorRate),
    when: (r) => r.requests.ge(100).and(r.errors.multiply(100).gt(r.requests.multiply(5))),
    severity: 'critical',
    summary: 'More than 5 % of the requests of a minute failed',
  });
});
