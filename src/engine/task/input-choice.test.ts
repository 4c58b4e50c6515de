import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALIGNMENT_BACKLOG_RECORDS, ALIGNMENT_US, CHUNK_BYTES } from '../limits.ts';
import { WATERMARK_MIN } from '../operator/batch.ts';
import { chooseInputs } from './input-choice.ts';

const input = (available: number, watermark: bigint) => ({ available, watermark });

const BUDGET = 16 * CHUNK_BYTES;
const BACKLOG = ALIGNMENT_BACKLOG_RECORDS;

describe('chooseInputs', () => {
  it('shares the budget among partitions that are about as far', () => {
    expect(chooseInputs([input(BACKLOG, 0n), input(BACKLOG, ALIGNMENT_US), input(0, 0n)], BUDGET)).toEqual([
      BUDGET / 2,
      BUDGET / 2,
      0,
    ]);
  });

  it('reads a partition slowly that is far ahead of one with a backlog', () => {
    const ahead = input(BACKLOG, ALIGNMENT_US + 1n);
    expect(chooseInputs([input(BACKLOG, 0n), ahead], BUDGET)).toEqual([BUDGET, CHUNK_BYTES]);
  });

  it('waits for nobody who is at the end, or nearly: events that are always old hold back no others', () => {
    const ahead = input(BACKLOG, 10n * ALIGNMENT_US);
    expect(chooseInputs([input(0, 0n), ahead], BUDGET)).toEqual([0, BUDGET]);
    expect(chooseInputs([input(BACKLOG - 1, 0n), ahead], BUDGET)).toEqual([BUDGET / 2, BUDGET / 2]);
  });

  it('reads a partition first whose event time is not known yet', () => {
    expect(chooseInputs([input(BACKLOG, WATERMARK_MIN), input(5, 0n)], BUDGET)).toEqual([BUDGET, CHUNK_BYTES]);
  });

  it('reads of every partition that has something, and nothing that is not there', () => {
    const inputs = fc.array(
      fc.record({ available: fc.oneof(fc.nat(3), fc.nat(3 * BACKLOG)), watermark: fc.bigInt(-(2n ** 63n), 2n ** 62n) }),
    );
    fc.assert(
      fc.property(inputs, (states) => {
        const chosen = chooseInputs(states, BUDGET);
        states.forEach(({ available }, i) => {
          expect(chosen[i]! > 0).toBe(available > 0);
        });
      }),
    );
  });
});
