import { expect, test } from 'vitest';
import { fileShares } from './open-files.ts';

test('connections and the log share what files the system allows, and leave some', () => {
  expect(fileShares(undefined)).toEqual({ connectionsMax: 8_192, logFilesMax: 512 });
  expect(fileShares(1_048_576)).toEqual({ connectionsMax: 8_192, logFilesMax: 512 });
  expect(fileShares(1_024)).toEqual({ connectionsMax: 512, logFilesMax: 128 });
  expect(fileShares(256)).toEqual({ connectionsMax: 128, logFilesMax: 32 });
});
