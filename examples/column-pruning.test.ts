import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadProject } from '../src/app/project.ts';
import { columnsNeeded } from '../src/engine/task/columns-needed.ts';

it.each([
  ['web-traffic', ['id', 'time', 'ip', 'path', 'status', 'bytes']],
  ['web-traffic/typescript', ['id', 'time', 'ip', 'path', 'status', 'bytes']],
  [
    'rides',
    ['hvfhs_license_num', 'pickup_datetime', 'PULocationID', 'trip_miles', 'trip_time', 'base_passenger_fare', 'tips'],
  ],
])('the source of %s decodes the fields that its plan needs, and no other', async (example, expected) => {
  const path = fileURLToPath(new URL(example, import.meta.url));
  const [pipeline] = (await loadProject(path, { flags: {}, env: {} })).pipelines;
  const [[source, needed] = []] = columnsNeeded(pipeline!);
  expect(source!.columns.length).toBeGreaterThan(expected.length);
  expect([...needed!].sort((a, b) => a - b).map((index) => source!.columns[index]!.name)).toEqual(expected);
});
