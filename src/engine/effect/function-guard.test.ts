import { describe, expect, it } from 'vitest';
import { FunctionGuard } from './function-guard.ts';

const spec = { name: 'f', key: 'm#f', timeoutMs: 1_000, volatile: false };
const hangsOn = (bad: unknown) => {
  const seen: unknown[] = [];
  const called = (...[value]: readonly unknown[]): unknown => {
    seen.push(value);
    while (value === bad) {}
    return value;
  };
  return { called, seen };
};

describe('calls on the thread of a task', () => {
  it('tell the watchdog that they run, and that they have ended', () => {
    const heartbeat = new Int32Array(2);
    const guard = new FunctionGuard({ heartbeat });
    let during = 0;
    guard.watched(spec, () => {
      during = heartbeat[1]!;
    })();
    expect(during).toBe(1_000);
    expect([...heartbeat]).toEqual([1, 0]);
    const throws = guard.watched(spec, () => {
      throw new Error('no');
    });
    expect(throws).toThrow('no');
    expect([...heartbeat]).toEqual([2, 0]);
  });

  it('are ended when they do not return, once guarded; the same call is not made again', () => {
    const guard = new FunctionGuard({ guarded: true });
    const { called, seen } = hangsOn(2n);
    expect(guard.watched(spec, called)(1n)).toBe(1n);
    expect(() => guard.watched(spec, called)(2n)).toThrow('user function f: timeout, it took longer than 1000 ms');
    expect(() => guard.watched(spec, called)(2n)).toThrow('timeout');
    expect(guard.watched(spec, called)(3n)).toBe(3n);
    expect(seen).toEqual([1n, 2n, 3n]);
  });

  it('that did not return are journaled with every epoch that comes to them, and a replay does not make them', () => {
    const live = new FunctionGuard({ guarded: true });
    const { called } = hangsOn(2);
    live.asking.begin([], false);
    expect(() => live.watched(spec, called)(2)).toThrow('timeout');
    const first = live.asking.taken();
    live.asking.begin([], false);
    live.watched(spec, called)(1);
    expect(live.asking.taken()).toEqual([]);
    live.asking.begin([], false);
    expect(() => live.watched(spec, called)(2)).toThrow('timeout');
    const third = live.asking.taken();

    const replay = new FunctionGuard();
    for (const effects of [first, third]) {
      replay.asking.begin(JSON.parse(JSON.stringify(effects)), true);
      expect(() => replay.watched(spec, called)(2)).toThrow('user function f: timeout');
      expect(replay.asking.taken()).toEqual(effects);
    }
  });

  it('of functions that stop the pipeline fail the epoch', () => {
    const guard = new FunctionGuard();
    const stopping = guard.stopping(() => {
      throw new Error('broken');
    });
    expect(() => stopping()).toThrow('broken');
    expect(() => guard.asking.taken()).toThrow("broken (on_error = 'fail' stops the pipeline)");
  });
});
