import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { CHANGES_02, GROUPS_02 } from './group-02.fixture.ts';
import type { GroupAggregate, GroupLayout } from './group-layout.ts';
import { GroupState } from './group-state.ts';
import { Kernel } from './kernel.ts';
import type { GroupOutput } from './keyed-records.ts';

const plain = { fitsInt8: false, average: false, distinct: false };
const count: GroupAggregate = { ...plain, function: 'count', argument: 'i32' };
const sum: GroupAggregate = { ...plain, function: 'sum-integer', argument: 'i64' };
const changing: GroupLayout = {
  keys: [
    { physical: 'str', isBound: false },
    { physical: 'i32', isBound: false },
  ],
  aggregates: [count, sum],
  windowed: false,
  listsChanges: true,
  retracts: true,
  keepsEmitted: true,
};
const appending = (ofRows: boolean): GroupLayout => ({
  ...changing,
  aggregates: [
    { ...count, ofRows },
    { ...sum, ofRows },
  ],
  retracts: false,
  keepsEmitted: false,
});

interface Row {
  readonly text: string | null;
  readonly number: number | null;
  readonly value: bigint | null;
  readonly weight: 1 | -1;
}

const row = (text: string | null, number: number | null, value: bigint | null, weight: 1 | -1 = 1): Row => ({
  text,
  number,
  value,
  weight,
});

/** Adds rows, and returns what the groups that changed say: key, weight, count, sum (undefined without a value). */
class Groups {
  readonly kernel = Kernel.create();
  readonly state: GroupState;
  readonly #retracts: boolean;

  constructor(layout: GroupLayout) {
    this.state = new GroupState(this.kernel, layout);
    this.#retracts = layout.retracts;
  }

  add(rows: readonly Row[]): string[] {
    const { kernel, state } = this;
    kernel.arenaReset();
    const column = (bytes: number): number => kernel.arenaAlloc(Math.max(1, rows.length) * bytes);
    const [texts, noText, numbers, noNumber] = [column(16), column(1), column(4), column(1)];
    const [values, noValue, weights] = [column(8), column(1), column(4)];
    rows.forEach(({ text, number, value, weight }, at) => {
      kernel.storeText(texts + at * 16, text ?? '');
      kernel.u8()[noText + at] = text === null ? 1 : 0;
      kernel.i32()[numbers / 4 + at] = number ?? 0;
      kernel.u8()[noNumber + at] = number === null ? 1 : 0;
      kernel.i64()[values / 8 + at] = value ?? 0n;
      kernel.u8()[noValue + at] = value === null ? 1 : 0;
      kernel.i32()[weights / 4 + at] = weight;
    });
    const keys = [
      { physical: 'str', data: texts, nulls: noText },
      { physical: 'i32', data: numbers, nulls: noNumber },
    ] as const;
    const batch = { keys, ends: 0, endAdd: 0n, watermarks: 0, selection: 0, selected: rows.length, weights };
    const found = state.assign(batch, 0n);
    state.add(0, undefined, weights, found);
    state.add(1, { physical: 'i64', data: values, nulls: noValue }, weights, found);
    const said = this.#read(state.takeChanges(0, state.changes));
    state.forgetChanges();
    return said;
  }

  #read(output: GroupOutput): string[] {
    const { kernel, state } = this;
    const text = state.keyColumn(0, output.records, output.count);
    const number = state.keyColumn(1, output.records, output.count);
    return Array.from({ length: output.count }, (_, at) => {
      const key =
        text.nulls !== 0 && kernel.u8()[text.nulls + at] === 1 ? null : kernel.textOfReference(text.data + at * 16);
      const second =
        number.nulls !== 0 && kernel.u8()[number.nulls + at] === 1 ? null : kernel.i32()[number.data / 4 + at];
      const weight = this.#retracts ? kernel.i32()[output.weights / 4 + at]! : 1;
      const rows = kernel.i64()[(output.results + at * 48) / 8]!;
      const total = state.integerResult(1, at, output);
      return `${weight} ${key}/${second}: ${rows} ${total.count === 0n ? 'null' : `${total.sum} of ${total.count}`}`;
    });
  }

  snapshot(delta: boolean): Uint8Array {
    const snapshot = this.state.beginSnapshot(delta);
    const writer = new ByteWriter(new Uint8Array(1024));
    snapshot.next(writer, Number.POSITIVE_INFINITY);
    snapshot.end();
    return writer.written().slice();
  }

  restore(...parts: readonly Uint8Array[]): this {
    for (const part of parts) this.state.restore(new ByteReader(part));
    return this;
  }
}

const FIRST = [
  row('alpha', 1, 5n),
  row('alpha', null, 2n ** 62n),
  row(null, 7, -3n),
  row('', 7, -(2n ** 50n)),
  row('a key of more than sixteen characters', 2, 1n),
  row('alpha', null, 2n ** 62n),
  row('alpha', null, 2n ** 62n),
];
const SECOND = [row('alpha', 1, 6n), row(null, 7, -3n, -1), row('new', 3, 9n)];
/** One row more for each group shows what it was. */
const LAST = [
  row('alpha', 1, 0n),
  row('alpha', null, 0n),
  row(null, 7, 0n),
  row('', 7, 0n),
  row('a key of more than sixteen characters', 2, 0n),
  row('new', 3, 0n),
];

describe('groups', () => {
  it('hold values of any size', () => {
    const groups = new Groups(appending(true));
    groups.add(FIRST);
    expect(groups.add(LAST.slice(0, 4))).toEqual([
      '1 alpha/1: 2 5 of 2',
      `1 alpha/null: 4 ${3n * 2n ** 62n} of 4`,
      '1 null/7: 2 -3 of 2',
      `1 /7: 2 ${-(2n ** 50n)} of 2`,
    ]);
  });

  it('count what a sum that takes all rows misses', () => {
    const groups = new Groups(appending(true));
    expect(groups.add([row('a', 1, null), row('a', 1, 4n), row('b', 1, null)])).toEqual([
      '1 a/1: 2 4 of 1',
      '1 b/1: 1 null',
    ]);
    const again = new Groups(appending(true)).restore(groups.snapshot(false));
    expect(again.add([row('a', 1, null), row('b', 1, 7n)])).toEqual(['1 a/1: 3 4 of 1', '1 b/1: 2 7 of 1']);
  });

  it('give the memory of large values back', () => {
    const groups = new Groups(changing);
    groups.add([row('a', 1, 1n), row('a', 1, -1n, -1)]);
    const before = groups.state.bytes;
    groups.add([row('b', 1, 2n ** 60n)]);
    groups.add([row('b', 1, 2n ** 60n, -1)]);
    expect(groups.state.bytes).toBe(before);
  });

  it.each([true, false])('are what a map of them is, whatever comes and goes (counts of rows: %s)', (ofRows) => {
    const values = fc.oneof(fc.bigInt(-100n, 100n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.constant(null));
    const fresh = fc.record({ key: fc.nat(40), value: values });
    fc.assert(
      fc.property(fc.array(fc.array(fresh, { maxLength: 30 }), { maxLength: 6 }), fc.gen(), (epochs, gen) => {
        const layout = { ...appending(ofRows), retracts: true, keepsEmitted: true };
        let groups = new Groups(layout);
        const standing: { key: number; value: bigint | null }[] = [];
        const textOf = (key: number): string | null => (key === 0 ? null : 'k'.repeat(key % 20) + key);
        for (const epoch of epochs) {
          const gone = standing.splice(0, gen(fc.nat, standing.length));
          standing.push(...epoch);
          groups.add([
            ...gone.map(({ key, value }) => row(textOf(key), key % 3, value, -1)),
            ...epoch.map(({ key, value }) => row(textOf(key), key % 3, value)),
          ]);
          if (gen(fc.boolean)) groups = new Groups(layout).restore(groups.snapshot(false));
        }
        const keys = [...new Set(standing.map(({ key }) => key))];
        const said = groups.add(keys.map((key) => row(textOf(key), key % 3, null)));
        const expected = keys.map((key) => {
          const held = standing.filter((other) => other.key === key);
          const summed = held.flatMap(({ value }) => (value === null ? [] : [value]));
          const total = summed.reduce((all, value) => all + value, 0n);
          const shown = summed.length === 0 ? 'null' : `${total} of ${summed.length}`;
          return `1 ${textOf(key)}/${key % 3}: ${held.length + 1} ${shown}`;
        });
        expect(said.filter((line) => line.startsWith('1 ')).sort()).toEqual(expected.sort());
        expect(groups.state.groups).toBe(keys.length);
      }),
      { numRuns: 60, seed: 5 },
    );
  });

  it('are found in an index that has grown and shrunk, in less than 40 bytes each', () => {
    const groups = new Groups(appending(true));
    const keys = 60_000;
    const batch = (from: number, value: bigint): Row[] =>
      Array.from({ length: 10_000 }, (_, i) => row(`key ${(from + i) % keys}`.padEnd(12), null, value));
    for (let from = 0; from < keys; from += 10_000) groups.add(batch(from, 1n));
    expect(groups.state.groups).toBe(keys);
    expect(groups.state.bytes / keys).toBeLessThan(40);
    const again = new Groups(appending(true)).restore(groups.snapshot(false));
    expect(again.state.groups).toBe(keys);
    for (const [at, said] of again.add(batch(55_000, 2n)).entries()) {
      expect(said).toBe(`1 ${`key ${(55_000 + at) % keys}`.padEnd(12)}/null: 2 3 of 2`);
    }
    const removing = new Groups(changing);
    for (let from = 0; from < keys; from += 10_000) removing.add(batch(from, 1n));
    const { bytes } = removing.state;
    for (let round = 0; round < 3; round++) {
      for (let from = 0; from < keys; from += 20_000) {
        removing.add(batch(from, 1n).map((gone) => ({ ...gone, weight: -1 as const })));
      }
      expect(removing.state.groups).toBe(keys / 2);
      for (let from = 0; from < keys; from += 20_000) removing.add(batch(from, 1n));
      expect(removing.state.groups).toBe(keys);
    }
    expect(removing.state.bytes - bytes).toBeLessThan(1000);
  });
});

describe('a snapshot of groups', () => {
  it('in the format before is read, and so is what changed after it', () => {
    const groups = new Groups(changing);
    groups.add(FIRST);
    groups.add(SECOND);
    const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
    const again = new Groups(changing).restore(bytes(GROUPS_02), bytes(CHANGES_02));
    expect(again.add(LAST)).toEqual(groups.add(LAST));
  });

  it('of what has changed restores what there was', () => {
    const groups = new Groups(changing);
    groups.add(FIRST);
    const all = groups.snapshot(false);
    groups.add(SECOND);
    const again = new Groups(changing).restore(all, groups.snapshot(true));
    expect(again.add(LAST)).toEqual(groups.add(LAST));
  });
});
