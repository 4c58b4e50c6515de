import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WATERMARK_MIN } from './batch.ts';
import { chooseInputs } from './input-choice.ts';
import { ALIGNMENT_US } from './limits.ts';

const input = (available: number, watermark: bigint) => ({ available, watermark });

describe('chooseInputs', () => {
  it('shares the budget among partitions that are about as far', () => {
    expect(chooseInputs([input(5, 0n), input(5, ALIGNMENT_US), input(0, 0n)], 100)).toEqual([50, 50, 0]);
  });

  it('lets a partition wait that is too far ahead', () => {
    expect(chooseInputs([input(5, 0n), input(5, ALIGNMENT_US + 1n)], 100)).toEqual([100, 0]);
  });

  it('waits for nobody who has been read to the end', () => {
    expect(chooseInputs([input(0, 0n), input(5, 10n * ALIGNMENT_US)], 100)).toEqual([0, 100]);
  });

  it('reads a partition first whose event time is not known yet', () => {
    expect(chooseInputs([input(5, WATERMARK_MIN), input(5, 0n)], 100)).toEqual([100, 0]);
  });

  it('always makes progress, and reads nothing that is not there', () => {
    const inputs = fc.array(
      fc.record({ available: fc.nat(3), watermark: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 62n }) }),
    );
    fc.assert(
      fc.property(inputs, (states) => {
        const chosen = chooseInputs(states, 1_000_000);
        expect(chosen.some((bytes) => bytes > 0)).toBe(states.some(({ available }) => available > 0));
        states.forEach(({ available }, i) => {
          if (available === 0) expect(chosen[i]).toBe(0);
        });
      }),
    );
  });
});
