import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { CallDriver } from './call-driver.ts';
import type { Answer, Effect } from './effect.ts';

interface Attempt {
  readonly id: string;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

function driver(options: { concurrency?: number; retries?: number; timeoutMs?: number } = {}) {
  const clock = new ManualClock();
  const attempts: Attempt[] = [];
  const done: Effect[] = [];
  const calls = new CallDriver({
    clock,
    random: () => 0.5,
    name: 'f',
    concurrency: options.concurrency ?? 2,
    retries: options.retries ?? 2,
    timeoutMs: options.timeoutMs ?? 1_000,
    run: ([id]) =>
      new Promise((resolve, reject) => {
        attempts.push({ id: id!, resolve, reject });
      }),
    done: (effect) => done.push(effect),
  });
  const ask = (...ids: string[]) => calls.add(ids.map((id, slot) => ({ slot, call: 0, args: [id] })));
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, attempts, done, calls, ask, tick };
}

describe('calls of one function', () => {
  it('run so many at a time', async () => {
    const { attempts, done, ask, tick } = driver({ concurrency: 2 });
    ask('a', 'b', 'c');
    expect(attempts.map(({ id }) => id)).toEqual(['a', 'b']);
    attempts[1]!.resolve(['B']);
    await tick();
    expect(attempts.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(done).toEqual([[1, 0, ['B']]]);
  });

  it('wait longer before each further attempt, and give up after the last', async () => {
    const { clock, attempts, done, ask, tick } = driver({ retries: 2 });
    ask('a');
    attempts[0]!.reject(new Error('busy'));
    await tick();
    clock.advance(49);
    expect(attempts).toHaveLength(1);
    clock.advance(1);
    attempts[1]!.reject(new Error('busy'));
    await tick();
    clock.advance(99);
    expect(attempts).toHaveLength(2);
    clock.advance(1);
    attempts[2]!.reject(new Error('busy'));
    await tick();
    expect(done).toEqual([[0, 0, 'busy\n    after 3 attempts']]);
  });

  it('fail after their timeout, and what comes later is not heard', async () => {
    const { clock, attempts, done, ask, tick } = driver({ retries: 0 });
    ask('a');
    clock.advance(1_000);
    expect(done).toHaveLength(1);
    expect(done[0]![2]).toContain('user function f: timeout');
    attempts[0]!.resolve(['late']);
    await tick();
    expect(done).toHaveLength(1);
  });

  it('report nothing once closed, and hold no timer', async () => {
    const { clock, attempts, done, calls, ask, tick } = driver();
    ask('a', 'b', 'c');
    calls.close();
    attempts[0]!.resolve(['A']);
    clock.advance(60_000);
    await tick();
    expect(done).toEqual([]);
    expect(attempts).toHaveLength(2);
  });
});
