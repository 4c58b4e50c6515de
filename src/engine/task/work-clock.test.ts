import { expect, it } from 'vitest';
import { WorkClock } from './work-clock.ts';

it('gives each worker its own time, without that of those it called', () => {
  let now = 0;
  const clock = new WorkClock(2, () => now);
  clock.begin(0);
  now = 3;
  clock.begin(1);
  now = 10;
  clock.end();
  now = 12;
  clock.end();
  now = 100;
  clock.begin(1);
  now = 101;
  clock.end();
  expect([clock.busyMs(0), clock.busyMs(1)]).toEqual([5, 8]);
});
