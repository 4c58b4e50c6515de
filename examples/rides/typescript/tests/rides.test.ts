// Rows in, rows out, in TypeScript; run it with "npx headrace test examples/rides/typescript".
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openPipelineTest } from 'headrace/testing';

const ride = (pickup: string, zone: number, minutes: number, fare: number) => ({
  hvfhs_license_num: 'HV0003',
  request_datetime: `2022-01-01 ${pickup}`,
  pickup_datetime: `2022-01-01 ${pickup}`,
  dropoff_datetime: `2022-01-01 ${pickup}`,
  PULocationID: zone,
  DOLocationID: 1,
  trip_miles: 1.5,
  trip_time: minutes * 60,
  base_passenger_fare: fare,
});

it('adds up the fares of ten minutes, to the cent', async () => {
  const test = await openPipelineTest({ project: '.' });
  try {
    await test.send('rides', [ride('00:01:00', 4, 5, 0.1), ride('00:09:59', 4, 5, 0.2), ride('00:10:00', 4, 5, 9)]);
    await test.finish();
    assert.deepEqual(
      test.rows('rides_10m').map(({ window_start, trips, fares }) => [window_start, trips, fares]),
      [
        ['2022-01-01T00:00:00.000', 2, 0.3],
        ['2022-01-01T00:10:00.000', 1, 9],
      ],
    );
    assert.deepEqual(test.rows('busiest_zones'), [{ pickup_zone: 4, trips: 3, fares: 9.3 }]);
  } finally {
    await test.close();
  }
});
