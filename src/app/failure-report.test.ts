import { expect, test } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { reportFailures } from './failure-report.ts';

const full = new HeadraceError('writing', { code: 'LOG_DISK_FULL', domain: 'log' });

test('a fault that lasts is one line in ten seconds, with how many requests failed; what is not known is always told', () => {
  const clock = new ManualClock(0);
  const lines: unknown[] = [];
  const report = reportFailures({ error: (_, fields) => lines.push(fields) }, clock);
  for (let i = 0; i < 5; i++) report(full, 'POST /ingest');
  report(new Error('a bug'), 'GET /');
  report(new Error('a bug'), 'GET /');
  clock.advance(10_000);
  report(full, 'POST /ingest');
  expect(lines).toEqual([
    { error: full, request: 'POST /ingest' },
    expect.objectContaining({ request: 'GET /' }),
    expect.objectContaining({ request: 'GET /' }),
    { error: full, request: 'POST /ingest', others_since_the_last: 4 },
  ]);
});
