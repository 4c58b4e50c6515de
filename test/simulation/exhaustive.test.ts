import { expect, test } from 'vitest';
import { damageSnapshotEverywhere, flipBelowEngine } from './exhaustive-engine.ts';
import { crashLogEverywhere, emptyDamage, flipLogEverywhere, tearLogEverywhere } from './exhaustive-log.ts';

/** Slices; all of it: `npm run test:exhaustive`. */

test('a crash in the middle of any operation of the log loses nothing that was acknowledged', async () => {
  expect(await crashLogEverywhere(7)).toBeGreaterThan(60);
}, 60_000);

test('a commit log or a segment that ends at any byte is a torn tail, repaired, or told', async () => {
  const tally = emptyDamage();
  await tearLogEverywhere(37, tally);
  expect(tally.told).toBeGreaterThan(10);
}, 60_000);

test('a flipped bit in any byte of the log is told, or changes nothing', async () => {
  const tally = emptyDamage();
  await flipLogEverywhere(97, tally);
  expect(tally.told).toBeGreaterThan(10);
}, 60_000);

test('a snapshot that is damaged at any byte is done without', async () => {
  const tally = emptyDamage();
  await damageSnapshotEverywhere(149, tally);
  expect(tally.places).toBeGreaterThan(10);
  expect(tally.harmless).toBe(tally.places);
}, 60_000);

test('a flipped bit in the log below a pipeline is told, or changes nothing of its rows', async () => {
  const tally = emptyDamage();
  await flipBelowEngine(797, tally);
  expect(tally.told).toBeGreaterThan(5);
}, 60_000);
