import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { Attempts, pause, untilDelivered } from './attempts.ts';
import { TargetBusy } from './target-busy.ts';

let clock: ManualClock;
let stop: AbortController;
let waits: number[];
let attempts: Attempts;

beforeEach(() => {
  clock = new ManualClock();
  stop = new AbortController();
  waits = [];
  attempts = new Attempts(untilDelivered(30_000), {
    clock,
    random: () => 0.999_999,
    signal: stop.signal,
    onRetry: (_, delayMs) => waits.push(delayMs),
  });
});

/** Lets what was awaited go on. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
}

/** An action that fails so often, and how often it was done. */
function failing(times: number, askedMs?: number) {
  const done = { attempts: 0 };
  const action = async (): Promise<void> => {
    done.attempts += 1;
    if (done.attempts <= times) throw new TargetBusy('away', askedMs);
  };
  return { done, action };
}

describe('attempts', () => {
  it('wait longer after each failure, and end with the first success', async () => {
    const { done, action } = failing(3);
    const running = attempts.run(action);
    for (const [delayMs, made] of [
      [199, 2],
      [399, 3],
      [799, 4],
    ] as const) {
      await settle();
      clock.advance(delayMs);
      await settle();
      expect(done.attempts).toBe(made);
    }
    await running;
    expect({ waits, retries: attempts.retries }).toEqual({ waits: [199, 399, 799], retries: 3 });
  });

  it('stop when failures in a row open the breaker, and one is let through when its time is over', async () => {
    const { done, action } = failing(6);
    const running = attempts.run(action);
    await settle();
    for (let failures = 1; failures < 5; failures++) {
      clock.advance(200 * 2 ** failures);
      await settle();
    }
    expect({ attempts: done.attempts, breaker: attempts.breaker }).toEqual({ attempts: 5, breaker: 'open' });
    clock.advance(9_999);
    await settle();
    expect(done.attempts).toBe(5);
    clock.advance(1);
    await settle();
    expect({ attempts: done.attempts, breaker: attempts.breaker }).toEqual({ attempts: 6, breaker: 'open' });
    clock.advance(30_000);
    await running;
    expect({ attempts: done.attempts, breaker: attempts.breaker }).toEqual({ attempts: 7, breaker: 'closed' });
  });

  it('are half open while the one that was let through is on its way', async () => {
    let failures = 5;
    let seen = '';
    const running = attempts.run(async () => {
      seen = attempts.breaker;
      if (failures-- > 0) throw new TargetBusy('away', undefined);
    });
    for (let turns = 0; turns < 10; turns++) {
      await settle();
      clock.advance(30_000);
    }
    await running;
    expect(seen).toBe('half-open');
  });

  it('wait as long as the target asks for', async () => {
    const running = attempts.run(failing(1, 5_000).action);
    await settle();
    clock.advance(5_000);
    await running;
    expect(waits).toEqual([5_000]);
  });

  it('throw what cannot pass, at once', async () => {
    await expect(attempts.run(() => Promise.reject(new Error('wrong')))).rejects.toThrow('wrong');
    expect(waits).toEqual([]);
  });

  it('end without a word when they are stopped while they wait', async () => {
    const { done, action } = failing(Number.POSITIVE_INFINITY);
    const running = attempts.run(action);
    await settle();
    stop.abort();
    await running;
    await pause(clock, 1_000, stop.signal);
    expect(done.attempts).toBe(1);
  });
});
