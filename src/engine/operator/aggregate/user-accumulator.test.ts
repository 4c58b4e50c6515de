import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { HeadraceError } from '../../../base/error.ts';
import { userAggregateCall } from '../../../plan/aggregate/aggregate-call.ts';
import type { DataType } from '../../../plan/data-type.ts';
import type { Expression } from '../../../plan/expression.ts';
import type { AggregateCall } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import type { UserFunction } from '../row-evaluator.ts';
import { type Accumulator, NO_MORE } from './accumulator.ts';
import { accumulatorFactory } from './accumulator-factory.ts';

type Parts = Readonly<Record<string, UserFunction>>;

/** As the modules of a pipeline are looked up: `name.part`. */
const lookup =
  (parts: Parts) =>
  (_: string, exportName: string): UserFunction => {
    const part = parts[exportName.split('.')[1]!];
    if (part !== undefined) return part;
    throw new HeadraceError('calling: missing', { code: 'ENGINE_USER_FUNCTION_MISSING', domain: 'engine' });
  };

const value: Expression = { kind: 'column', type: TYPE.int4, index: 0, name: 'x' };
const key: Expression = { kind: 'column', type: TYPE.int4, index: 1, name: 'k' };

function callOf(returns: DataType, options: Parameters<typeof userAggregateCall>[2] = {}): AggregateCall {
  const declared = { name: 'mine', module: 'm', exportName: 'mine', args: [TYPE.int4], returns };
  return userAggregateCall(declared, [value], options);
}

function restarted(make: () => Accumulator, accumulator: Accumulator): Accumulator {
  const writer = new ByteWriter();
  accumulator.snapshot(writer);
  const again = make();
  again.restore(new ByteReader(writer.written().slice()));
  return again;
}

/** The second largest value: what it says after a row is gone cannot be told from its state. */
const second: Parts = {
  init: () => ({ first: Number.NEGATIVE_INFINITY, second: Number.NEGATIVE_INFINITY }),
  accumulate: (state, x) => {
    const best = state as { first: number; second: number };
    const [first, next] = [best.first, best.second, x as number].sort((a, b) => b - a);
    return { first, second: next };
  },
  merge: (a, b) =>
    second.accumulate!(second.accumulate!(a, (b as { first: number }).first), (b as { second: number }).second),
  finish: (state) => {
    const found = (state as { second: number }).second;
    return Number.isFinite(found) ? found : null;
  },
};
const total: Parts = {
  init: () => ({ sum: 0n }),
  accumulate: (state, x) => {
    (state as { sum: bigint }).sum += BigInt((x as number | null) ?? 0);
  },
  retract: (state, x) => ({ sum: (state as { sum: bigint }).sum - BigInt((x as number | null) ?? 0) }),
  finish: (state) => (state as { sum: bigint }).sum,
};

describe('an aggregate that a user wrote', () => {
  it('keeps its state, which survives a restart with infinities and bigints', () => {
    for (const [parts, type, result] of [
      [second, TYPE.int4, 5],
      [total, TYPE.int8, 15n],
    ] as const) {
      const make = accumulatorFactory(callOf(type), true, lookup(parts));
      let accumulator = make();
      accumulator.add(7, 1, NO_MORE);
      accumulator = restarted(make, accumulator);
      accumulator.add(5, 1, NO_MORE);
      accumulator.add(3, 1, NO_MORE);
      expect(accumulator.value()).toBe(result);
    }
  });

  it('is what no rows give before there are any', () => {
    expect(accumulatorFactory(callOf(TYPE.int4), true, lookup(second))().value()).toBeNull();
    expect(accumulatorFactory(callOf(TYPE.int8), true, lookup(total))().value()).toBe(0n);
  });

  it('takes rows back itself, or is made anew of the rows that are left', () => {
    for (const [parts, type, result] of [
      [second, TYPE.int4, 3],
      [total, TYPE.int8, 8n],
    ] as const) {
      const make = accumulatorFactory(callOf(type), false, lookup(parts));
      let accumulator = make();
      for (const x of [7, 5, 3]) accumulator.add(x, 1, NO_MORE);
      accumulator = restarted(make, accumulator);
      accumulator.add(7, -1, NO_MORE);
      expect(accumulator.value()).toBe(result);
    }
  });

  it('takes each value once with DISTINCT, and rows in their order with ORDER BY', () => {
    const list: Parts = { init: () => [], accumulate: (state, x) => [...(state as unknown[]), x] };
    const once = accumulatorFactory(callOf(TYPE.jsonb, { distinct: true }), true, lookup(list))();
    for (const x of [2, 1, 2]) once.add(x, 1, [x]);
    expect(once.value()).toEqual([1, 2]);
    const orderBy = [{ expression: key, descending: true, nullsFirst: false }];
    const ordered = accumulatorFactory(callOf(TYPE.jsonb, { orderBy }), true, lookup(list))();
    [1, 2, 3].forEach((x, i) => {
      ordered.add(x, 1, [i === 1 ? 9 : i]);
    });
    expect(ordered.value()).toEqual([2, 3, 1]);
  });

  it('merges states where it can', () => {
    const make = accumulatorFactory(callOf(TYPE.int4), true, lookup(second));
    const [left, right] = [make(), make()];
    for (const x of [1, 9]) left.add(x, 1, NO_MORE);
    for (const x of [8, 2]) right.add(x, 1, NO_MORE);
    left.merge!(right);
    expect(left.value()).toBe(8);
    expect(accumulatorFactory(callOf(TYPE.int8), true, lookup(total))().merge).toBeUndefined();
  });

  it('is refused when its state is more than data', () => {
    const set: Parts = { init: () => ({ seen: new Set() }), accumulate: () => undefined };
    const accumulator = accumulatorFactory(callOf(TYPE.int4), true, lookup(set))();
    expect(() => accumulator.add(1, 1, NO_MORE)).toThrow('its state holds a Set');
  });

  it('gives a value of the type that was declared', () => {
    const accumulator = accumulatorFactory(callOf(TYPE.boolean), true, lookup(total))();
    expect(() => accumulator.value()).toThrow('user function mine returned a bigint where boolean was declared');
  });
});
