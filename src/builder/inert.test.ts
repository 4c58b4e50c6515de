import { describe, expect, it } from 'vitest';
import * as builder from './index.ts';
import * as inert from './inert.ts';

describe('the builder inside a worker', () => {
  it('exports what the builder exports', () => {
    expect(Object.keys(inert).sort()).toEqual(Object.keys(builder).sort());
  });

  it('leaves user functions as they are', () => {
    const double = inert.udf('double', [], undefined, (value) => Number(value) * 2);
    expect(double(21)).toBe(42);
  });

  it('takes any use of everything else', async () => {
    const anything = inert.t as typeof builder.t;
    const stream = (inert.source as typeof builder.source)('s', { columns: { id: anything.text().notNull() } });
    expect(`${String(anything.numeric(12, 2))}`).toBe('');
    expect([...(stream as unknown as Iterable<unknown>)]).toEqual([]);
    expect(await stream.select((r) => ({ id: r.id })).filter((r) => r.id.isNull())).toBe(stream);
    expect(new inert.Stream()).toBe(stream);
  });
});
