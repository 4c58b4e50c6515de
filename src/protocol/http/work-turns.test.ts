import { expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { WORK_TURN_MS } from './limit.ts';
import { WorkTurns } from './work-turns.ts';

function turns() {
  const clock = new ManualClock();
  const deferred: (() => void)[] = [];
  const done: string[] = [];
  const work = new WorkTurns(clock, (callback) => deferred.push(callback));
  return {
    done,
    begin: (name: string, tookMs: number) =>
      work.run(async () => {
        clock.advance(tookMs);
        done.push(name);
        return name;
      }),
    /** What was deferred, once; false when nothing was. */
    turn: () => {
      const callback = deferred.shift();
      callback?.();
      return callback !== undefined;
    },
  };
}

it('work is done at once while the turn has time, and then waits for the next turns, in order', () => {
  const { begin, done, turn } = turns();
  for (const name of ['a', 'b', 'c', 'd']) void begin(name, WORK_TURN_MS / 2);
  expect(done).toEqual(['a', 'b']);
  turn();
  expect(done).toEqual(['a', 'b', 'c', 'd']);
});

it('a piece that is longer than a turn has a turn of its own', () => {
  const { begin, done, turn } = turns();
  for (const name of ['a', 'b', 'c']) void begin(name, 3 * WORK_TURN_MS);
  expect(done).toEqual(['a']);
  turn();
  expect(done).toEqual(['a', 'b']);
  void begin('d', 0);
  turn();
  turn();
  expect(done).toEqual(['a', 'b', 'c', 'd']);
});

it('a new turn has all its time again, and when nothing waits there are no more turns', () => {
  const { begin, done, turn } = turns();
  void begin('a', WORK_TURN_MS);
  turn();
  void begin('b', WORK_TURN_MS);
  expect(done).toEqual(['a', 'b']);
  turn();
  expect(turn()).toBe(false);
});

it('what the work comes to, or why it fails, is the answer to whoever asked', async () => {
  const { begin, turn } = turns();
  void begin('a', WORK_TURN_MS);
  const second = begin('b', 0);
  turn();
  expect(await second).toBe('b');
  const work = new WorkTurns(new ManualClock());
  await expect(work.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
});
