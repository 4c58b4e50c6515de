import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { Column } from '../plan/data-type.ts';
import { deduplicateNode, sourceNode } from '../plan/factory.ts';
import { TYPE } from '../plan/type-name.ts';
import { WATERMARK_MIN } from './batch.ts';
import { DeduplicateOperator } from './deduplicate.ts';
import type { StagedSnapshot } from './operator.ts';
import { batchOfRows, observe } from './row-batch.test-fixture.ts';

const columns: readonly Column[] = [{ name: 'k', type: TYPE.text, nullable: true }];
const TTL_MS = 1_000;
const TTL_US = 1_000_000n;

function deduplication() {
  const source = sourceNode({
    name: 's',
    topic: 's',
    columns: [{ ...columns[0]!, path: ['k'] }],
    watermark: undefined,
  });
  const kernel = Kernel.create();
  const operator = new DeduplicateOperator(deduplicateNode(source, [0], TTL_MS), false);
  const observed = observe(kernel, operator, columns);
  return {
    operator,
    /** The keys that are let through. */
    process(keys: readonly string[], time = 0n): string[] {
      observed.rows.length = 0;
      const rows = keys.map((key) => ({ values: [key], time, watermark: WATERMARK_MIN }));
      operator.processBatch(batchOfRows(kernel, columns, rows));
      kernel.arenaReset();
      return observed.rows.map(({ values }) => String(values[0]));
    },
  };
}

function partsOf(staged: StagedSnapshot, between: () => void = () => {}): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (;;) {
    const writer = new ByteWriter();
    between();
    if (!staged.next(writer)) break;
    parts.push(writer.written().slice());
  }
  staged.end();
  return parts;
}

function restored(parts: readonly Uint8Array[]) {
  const made = deduplication();
  for (const part of parts) made.operator.restore(new ByteReader(part));
  return made;
}

const keys = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `key ${from + i} with more than fifteen bytes`);

describe('a staged snapshot of a deduplication', () => {
  it('holds the keys of the moment at which it began, however many come before it is written', () => {
    const { operator, process } = deduplication();
    process(keys(0, 60_000));
    let next = 60_000;
    const parts = partsOf(operator.stageSnapshot(), () => {
      process(keys(next, next + 5_000));
      next += 5_000;
    });
    expect(parts.length).toBeGreaterThan(2);
    const { operator: again, process: processAgain } = restored(parts);
    expect(again.state().keys).toBe(60_000);
    expect(processAgain(keys(59_990, 60_010))).toEqual(keys(60_000, 60_010));
  });

  it('keeps what falls due meanwhile until it has ended', () => {
    const { operator, process } = deduplication();
    process(keys(0, 100));
    const staged = operator.stageSnapshot();
    operator.onWatermark(10n * TTL_US);
    expect(operator.state().keys).toBe(100);
    const parts = partsOf(staged);
    expect(operator.state().keys).toBe(0);
    expect(restored(parts).operator.state().keys).toBe(100);
  });

  it('that is given up leaves the state as it was', () => {
    const { operator, process } = deduplication();
    process(keys(0, 100));
    const staged = operator.stageSnapshot();
    staged.next(new ByteWriter());
    staged.end();
    staged.end();
    expect(process(keys(90, 110))).toEqual(keys(100, 110));
  });

  it('of an empty state restores to one', () => {
    expect(restored(partsOf(deduplication().operator.stageSnapshot())).operator.state().keys).toBe(0);
  });
});
