import { describe, expect, it } from 'vitest';
import { LookupCache } from './lookup-cache.ts';

const cache = (entriesMax = 2) => new LookupCache({ entriesMax, ttlMs: 100, negativeTtlMs: 10 });

describe('the cache of a look-up', () => {
  it('keeps what was found for its time, and that nothing was for a shorter one', () => {
    const kept = cache();
    kept.set('a', ['A'], 0);
    kept.set('b', undefined, 0);
    expect(kept.get('a', 9)).toMatchObject({ found: ['A'] });
    expect(kept.get('b', 9)).toMatchObject({ found: undefined });
    expect(kept.get('b', 10)).toBeUndefined();
    expect(kept.get('a', 99)).toBeDefined();
    expect(kept.get('a', 100)).toBeUndefined();
    expect(kept.size).toBe(0);
  });

  it('is bounded: what was asked for longest ago goes first', () => {
    const kept = cache(2);
    kept.set('a', ['A'], 0);
    kept.set('b', ['B'], 0);
    kept.get('a', 1);
    kept.set('c', ['C'], 1);
    expect(kept.size).toBe(2);
    expect(kept.get('a', 2)).toBeDefined();
    expect(kept.get('b', 2)).toBeUndefined();
  });

  it('keeps nothing without room or time', () => {
    const kept = cache(0);
    kept.set('a', ['A'], 0);
    expect(kept.get('a', 0)).toBeUndefined();
    const timeless = new LookupCache({ entriesMax: 2, ttlMs: 0, negativeTtlMs: 0 });
    timeless.set('a', ['A'], 0);
    expect(timeless.get('a', 0)).toBeUndefined();
  });
});
