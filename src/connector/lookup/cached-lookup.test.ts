import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { readSection } from '../../base/config/option-set.ts';
import { YamlSection } from '../../base/config/yaml-section.ts';
import { CachedLookup } from './cached-lookup.ts';
import { LOOKUP_OPTIONS, type LookupOptions } from './lookup-options.ts';
import { LookupBusy, type LookupFound, type LookupKey, LookupRefused } from './lookup-source.ts';

interface Request {
  readonly keys: readonly LookupKey[];
  readonly signal: AbortSignal;
  resolve(found: readonly LookupFound[]): void;
  reject(error: Error): void;
}

function lookup(options: Partial<LookupOptions> = {}, batchMax = 1) {
  const clock = new ManualClock();
  const requests: Request[] = [];
  const made = new CachedLookup(
    {
      batchMax,
      fetch: (keys, signal) =>
        new Promise((resolve, reject) => {
          requests.push({ keys, signal, resolve, reject });
        }),
      close: async () => {},
    },
    { ...readSection(LOOKUP_OPTIONS, new YamlSection([])), ...options },
    { clock, random: () => 0.5 },
  );
  return { clock, requests, lookup: made };
}
const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('a look-up', () => {
  it('asks once for a key that several want at a time, and not at all while it is kept', async () => {
    const { clock, requests, lookup: one } = lookup({ ttl: 1_000 });
    const answers = Promise.all([one.find(['a']), one.find(['a'])]);
    await tick();
    expect(requests).toHaveLength(1);
    requests[0]!.resolve([['A']]);
    expect(await answers).toEqual([['A'], ['A']]);
    expect(await one.find(['a'])).toEqual(['A']);
    clock.advance(1_000);
    void one.find(['a']);
    await tick();
    expect(requests).toHaveLength(2);
  });

  it('keeps that nothing was found', async () => {
    const { clock, requests, lookup: one } = lookup({ negativeTtl: 50 });
    const answer = one.find(['a']);
    await tick();
    requests[0]!.resolve([undefined]);
    expect(await answer).toBeNull();
    expect(await one.find(['a'])).toBeNull();
    clock.advance(50);
    void one.find(['a']);
    await tick();
    expect(requests).toHaveLength(2);
  });

  it('asks for keys together where the source can, and for so many at a time', async () => {
    const { requests, lookup: one } = lookup({ concurrency: 2 }, 2);
    for (const key of ['a', 'b', 'c', 'd', 'e']) void one.find([key]);
    await tick();
    expect(requests.map(({ keys }) => keys)).toEqual([
      [['a'], ['b']],
      [['c'], ['d']],
    ]);
    requests[0]!.resolve([['A'], ['B']]);
    await tick();
    expect(requests[2]!.keys).toEqual([['e']]);
  });

  it('halves what was refused until the key at fault stands alone, and does not ask for that again', async () => {
    const { requests, lookup: one } = lookup({}, 4);
    const answers = Promise.all(['a', 'b', 'c'].map((key) => one.find([key])));
    await tick();
    let served = 0;
    while (served < requests.length) {
      const request = requests[served++]!;
      if (request.keys.some(([key]) => key === 'b')) request.reject(new LookupRefused('b is no key'));
      else request.resolve(request.keys.map(([key]) => [key!.toUpperCase()]));
      await tick();
    }
    expect(await answers).toEqual([['A'], 'b is no key', ['C']]);
  });

  it('tries again with growing waits, or as long as it was asked to wait, and gives up in the end', async () => {
    const { clock, requests, lookup: one } = lookup({ retries: 2 });
    const answer = one.find(['a']);
    await tick();
    requests[0]!.reject(new Error('down'));
    await tick();
    clock.advance(50);
    requests[1]!.reject(new LookupBusy('busy', 5_000));
    await tick();
    clock.advance(4_999);
    expect(requests).toHaveLength(2);
    clock.advance(1);
    requests[2]!.reject(new Error('down'));
    expect(await answer).toBe('down (after 3 attempts)');
    void one.find(['a']);
    await tick();
    expect(requests).toHaveLength(4);
  });

  it('ends a request that takes too long', async () => {
    const { clock, requests, lookup: one } = lookup({ retries: 0, timeout: 100 });
    const answer = one.find(['a']);
    await tick();
    clock.advance(100);
    expect(await answer).toBe('there was no answer within 100 ms');
    expect(requests[0]!.signal.aborted).toBe(true);
  });

  it('leaves a source alone that fails again and again; keys wait for it and lose no attempt', async () => {
    const { clock, requests, lookup: one } = lookup({ retries: 1, concurrency: 8 });
    const first = ['a', 'b', 'c', 'd', 'e'].map((key) => one.find([key]));
    await tick();
    for (const request of requests.splice(0)) request.reject(new Error('down'));
    await tick();
    const late = one.find(['z']);
    await tick();
    clock.advance(9_000);
    expect(requests).toEqual([]);
    clock.advance(1_000);
    expect(requests).toHaveLength(1);
    requests.splice(0)[0]!.resolve([['up']]);
    await tick();
    clock.advance(10_000);
    for (const request of requests.splice(0)) request.resolve([['up']]);
    expect(await Promise.all([...first, late])).toEqual(Array.from({ length: 6 }, () => ['up']));
  });

  it('ends what it does when it is closed', async () => {
    const { clock, requests, lookup: one } = lookup();
    void one.find(['a']);
    await tick();
    await one.close();
    expect(requests[0]!.signal.aborted).toBe(true);
    requests[0]!.reject(new Error('aborted'));
    await tick();
    clock.advance(60_000);
    expect(requests).toHaveLength(1);
  });
});
