import fc from 'fast-check';
import { expect } from 'vitest';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { Kernel } from '../../kernel/kernel.ts';
import type { Column } from '../../plan/data-type.ts';
import type { PlanNode } from '../../plan/node.ts';
import { WATERMARK_MIN } from './batch.ts';
import type { Operator } from './operator.ts';
import { batchOfRows, type Observed, observe, type TestRow } from './row-batch.test-fixture.ts';

/** A change of an input: a row that comes, or one of those that stand (by a number that picks one) that goes. */
export type Change =
  | { readonly input: number; readonly comes: TestRow }
  | { readonly input: number; readonly goes: number };

/** Rows that stand in an input, in the order in which they came. */
export type Standing = readonly (readonly TestRow[])[];

export interface ModelOptions {
  readonly inputs: readonly PlanNode[];
  readonly columns: readonly Column[];
  readonly make: () => Operator;
  /** The result over the rows that stand: what a batch would give. */
  readonly model: (standing: Standing) => readonly (readonly unknown[])[];
  /** What of an emitted row is compared with the model. */
  readonly shown?: (values: readonly unknown[]) => readonly unknown[];
}

/** Epochs of changes: rows of `values` for each input, and removals as often as `removals` says (0 to 1). */
export function changesOf(
  values: readonly fc.Arbitrary<readonly unknown[]>[],
  removals: number,
): fc.Arbitrary<Change[][]> {
  const one = fc
    .record({ input: fc.nat({ max: values.length - 1 }), dice: fc.nat({ max: 99 }), pick: fc.nat() })
    .chain(({ input, dice, pick }) =>
      dice < removals * 100
        ? fc.constant<Change>({ input, goes: pick })
        : values[input]!.map((row): Change => ({ input, comes: { values: row } })),
    );
  return fc.array(fc.array(one, { maxLength: 25 }), { minLength: 1, maxLength: 8 });
}

/**
 * Runs the changes, and after every epoch compares what was emitted, net, with the model; beside it an operator that is restored from
 * a snapshot after every epoch must emit the same, row by row.
 */
export function checkModel(options: ModelOptions, epochs: readonly (readonly Change[])[]): void {
  const [plain, restored] = [new Subject(options), new Subject(options)];
  const standing: TestRow[][] = options.inputs.map(() => []);
  for (const epoch of epochs) {
    const batches = rowsOf(epoch, standing);
    plain.run(batches);
    restored.run(batches);
    restored.restart();
    expect(restored.observed).toEqual(plain.observed);
    expect(netOf(plain.observed, options.shown)).toEqual(bagOf(options.model(standing)));
  }
  expect(plain.operator.state().bytes).toBeGreaterThanOrEqual(0);
}

/** The changes as batches, one for each run of changes of one input; applied to what stands. The last of equal rows goes. */
function rowsOf(epoch: readonly Change[], standing: TestRow[][]): { input: number; rows: TestRow[] }[] {
  const batches: { input: number; rows: TestRow[] }[] = [];
  for (const change of epoch) {
    const rows = standing[change.input]!;
    let row: TestRow;
    if ('comes' in change) {
      row = change.comes;
      rows.push(row);
    } else {
      if (rows.length === 0) continue;
      const text = textOf(rows[change.goes % rows.length]!.values);
      const at = rows.findLastIndex((candidate) => textOf(candidate.values) === text);
      row = { ...rows[at]!, weight: -1 };
      rows.splice(at, 1);
    }
    const last = batches.at(-1);
    if (last?.input === change.input) last.rows.push(row);
    else batches.push({ input: change.input, rows: [row] });
  }
  return batches;
}

let shared: Kernel | undefined;

/** Operators give back what they keep in it; making one takes longer than a test. */
function sharedKernel(): Kernel {
  shared ??= Kernel.create();
  return shared;
}

/** An operator under test with what it has said. */
export class Subject {
  readonly #options: Pick<ModelOptions, 'inputs' | 'columns' | 'make'>;
  readonly #kernel = sharedKernel();
  readonly observed: Observed = { rows: [], letters: [] };
  operator: Operator;

  constructor(options: Pick<ModelOptions, 'inputs' | 'columns' | 'make'>) {
    this.#options = options;
    this.operator = this.#open();
  }

  #open(): Operator {
    const operator = this.#options.make();
    const seen = observe(this.#kernel, operator, this.#options.columns);
    seen.rows.push = (...rows) => this.observed.rows.push(...rows);
    seen.letters.push = (...letters) => this.observed.letters.push(...letters);
    return operator;
  }

  /** One epoch; every third row of a batch is followed by one that is not alive. */
  run(
    batches: readonly { readonly input: number; readonly rows: readonly TestRow[] }[],
    watermark = WATERMARK_MIN,
  ): void {
    for (const { input, rows } of batches) {
      this.#kernel.arenaReset();
      this.operator.processBatch(batchOfRows(this.#kernel, this.#options.inputs[input]!.columns, rows, true), input);
    }
    this.#kernel.arenaReset();
    this.operator.endEpoch();
    this.#kernel.arenaReset();
    this.operator.onWatermark(watermark);
  }

  /** Goes on from a snapshot, in another operator. */
  restart(): void {
    const writer = new ByteWriter();
    this.operator.snapshot(writer);
    this.operator.close();
    this.operator = this.#open();
    if (writer.length > 0) this.operator.restore(new ByteReader(writer.written().slice()));
  }
}

/** The values of a row as text. */
export function textOf(values: readonly unknown[]): string {
  return JSON.stringify(values, (_, value: unknown) =>
    typeof value === 'bigint'
      ? `${value}n`
      : typeof value === 'number' && !Number.isFinite(value)
        ? String(value)
        : value,
  );
}

/** How often each row stands, by its text; rows that do not stand are left out. */
export function netOf(
  observed: Observed,
  shown: (values: readonly unknown[]) => readonly unknown[] = (values) => values,
): ReadonlyMap<string, number> {
  const net = new Map<string, number>();
  for (const { values, weight } of observed.rows) {
    const text = textOf(shown(values));
    const count = (net.get(text) ?? 0) + weight;
    if (count === 0) net.delete(text);
    else net.set(text, count);
  }
  return net;
}

export function bagOf(rows: readonly (readonly unknown[])[]): ReadonlyMap<string, number> {
  return netOf({ rows: rows.map((values) => ({ values, weight: 1 })), letters: [] });
}

/** Expressions without user functions, at midnight of 1970. */
export const plainExpressions = {
  clockMs: (): number => 0,
  userFunction: (): never => {
    throw new Error('there are none');
  },
};
