import { describe, expect, it } from 'vitest';
import { aggregateCall } from '../../../plan/aggregate/aggregate-call.ts';
import type { Expression } from '../../../plan/expression.ts';
import { TYPE } from '../../../plan/type-name.ts';
import { accumulatorFactory } from './accumulator-factory.ts';
import { CallInputs } from './call-inputs.ts';

const column = (index: number): Expression => ({ kind: 'column', type: TYPE.text, index, name: `c${index}` });

describe('a row that an aggregate refuses', () => {
  it.each([true, false])('is given to none (rows only come: %s)', (appendOnly) => {
    const calls = [
      aggregateCall('count', undefined),
      aggregateCall('jsonb_object_agg', column(0), { extra: [column(1)] }),
      aggregateCall('jsonb_object_agg', column(1), { extra: [column(0)] }),
    ];
    const inputs = new CallInputs(calls);
    const accumulators = calls.map((call) => accumulatorFactory(call, appendOnly)());
    inputs.apply(accumulators, ['a', 'x', 'x', 'a'], 1);
    inputs.apply(accumulators, ['a', 'y', 'y', 'a'], 1);
    expect(() => inputs.apply(accumulators, ['a', null, null, 'a'], 1)).toThrow('field name must not be null');
    expect(accumulators.map((accumulator) => accumulator.value())).toEqual([2n, { a: 'y' }, { x: 'a', y: 'a' }]);
    inputs.apply(accumulators, ['b', 'z', 'z', 'b'], 1);
    expect(accumulators.map((accumulator) => accumulator.value())).toEqual([
      3n,
      { a: 'y', b: 'z' },
      { x: 'a', y: 'a', z: 'b' },
    ]);
  });
});
