import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, utf8 } from '../base/bytes.ts';
import { type ColumnVector, PHYSICAL_WIDTH, type PhysicalType } from './column.ts';
import { KERNEL_MEMORY_BYTES_MIN, Kernel } from './kernel.ts';
import { type RowInput, type RowLayout, type RowList, RowStore } from './row-store.ts';

type Value = number | bigint | string | null;
type Row = readonly Value[];

const COLUMNS: readonly PhysicalType[] = ['i64', 'str', 'f64', 'i32', 'str'];
const LAYOUT: RowLayout = { columns: COLUMNS, keys: [1, 0], bucketUs: undefined };
const DATED: RowLayout = { ...LAYOUT, bucketUs: 10n };

function columnOf(kernel: Kernel, physical: PhysicalType, values: readonly Value[]): ColumnVector {
  const data = kernel.arenaAlloc(Math.max(1, values.length) * PHYSICAL_WIDTH[physical]);
  const nulls = kernel.arenaAlloc(Math.max(1, values.length));
  values.forEach((value, row) => {
    kernel.u8()[nulls + row] = value === null ? 1 : 0;
    if (physical === 'i32') kernel.i32()[data / 4 + row] = Number(value ?? 0);
    else if (physical === 'f64') kernel.f64()[data / 8 + row] = Number(value ?? 0);
    else if (physical === 'i64') kernel.i64()[data / 8 + row] = BigInt(value ?? 0);
    else {
      const bytes = utf8((value ?? '') as string);
      const address = kernel.arenaCopy(bytes);
      const first = new DataView(kernel.memory.buffer).getUint32(address, true);
      const prefix = bytes.length >= 4 ? first : first & ((1 << (bytes.length * 8)) - 1);
      kernel.u32().set([bytes.length, prefix, address, 0], (data + row * 16) / 4);
    }
  });
  return { physical, data, nulls };
}

function inputOf(kernel: Kernel, rows: readonly Row[]): RowInput {
  const columns = COLUMNS.map((physical, i) =>
    columnOf(
      kernel,
      physical,
      rows.map((row) => row[i]!),
    ),
  );
  return { columns, selection: 0, selected: rows.length };
}

function timesOf(kernel: Kernel, times: readonly number[]): number {
  return columnOf(kernel, 'i64', times).data;
}

function readColumn(kernel: Kernel, { physical, data, nulls }: ColumnVector, count: number): Value[] {
  return Array.from({ length: count }, (_, row) => {
    if (nulls !== 0 && kernel.u8()[nulls + row] === 1) return null;
    if (physical === 'i32') return kernel.i32()[data / 4 + row]!;
    if (physical === 'f64') return kernel.f64()[data / 8 + row]!;
    if (physical === 'i64') return kernel.i64()[data / 8 + row]!;
    return kernel.textOfReference(data + row * 16);
  });
}

function rowsOf(kernel: Kernel, store: RowStore, list: RowList): Row[] {
  const columns = COLUMNS.map((_, i) => readColumn(kernel, store.gather(list, i), list.count));
  return Array.from({ length: list.count }, (_, at) => columns.map((column) => column[at]!));
}

function listOf(kernel: Kernel, references: readonly number[]): RowList {
  const address = kernel.arenaAlloc(references.length * 4);
  kernel.u32().set(references, address / 4);
  return { references: address, count: references.length };
}

const referencesOf = (kernel: Kernel, { references, count }: RowList): number[] => [
  ...kernel.u32().subarray(references / 4, references / 4 + count),
];

/** What the store holds for each of these keys, in order. */
function found(kernel: Kernel, store: RowStore, keys: readonly Row[], room = 7): Row[][] {
  const { columns, selection, selected } = inputOf(kernel, keys);
  const probe = store.probe({ keys: [columns[1]!, columns[0]!], selection, selected }, room);
  const result: Row[][] = keys.map(() => []);
  while (!probe.done) {
    const pairs = probe.next();
    const numbers = referencesOf(kernel, { references: pairs.numbers, count: pairs.count });
    rowsOf(kernel, store, pairs).forEach((row, at) => {
      result[numbers[at]!]!.push(row);
    });
  }
  return result;
}

const text = fc.oneof(
  fc.constantFrom('', 'a', 'abc', 'abcd', 'abcde', 'x'.repeat(40)),
  fc.integer({ min: 0, max: 3 }).map((n) => 'long'.repeat(n * 500)),
);
const anyRow: fc.Arbitrary<Row> = fc.tuple<Value[]>(
  fc.option(fc.bigInt({ min: 0n, max: 3n })),
  fc.option(fc.constantFrom('', 'k', 'key', 'a longer key')),
  fc.option(fc.constantFrom(0, 1.5, -3)),
  fc.option(fc.integer({ min: 0, max: 2 })),
  fc.option(text),
);

const sameRow = (a: Row, b: Row): boolean => a.every((value, i) => value === b[i]);
const sameKey = (a: Row, b: Row): boolean => a[0] === b[0] && a[1] === b[1];

interface Kept {
  readonly row: Row;
  readonly time: number;
}

type Step =
  | { readonly kind: 'append'; readonly rows: readonly Row[]; readonly times: readonly number[] }
  | { readonly kind: 'take'; readonly rows: readonly Row[]; readonly picks: readonly number[] }
  | { readonly kind: 'drop'; readonly horizon: number }
  | { readonly kind: 'snapshot'; readonly partBytes: number }
  | { readonly kind: 'next' }
  | { readonly kind: 'restore' };

const rowsArbitrary = fc.array(anyRow, { maxLength: 30 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      rows: rowsArbitrary,
      times: fc.array(fc.integer({ min: -40, max: 60 }), { minLength: 30, maxLength: 30 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      rows: fc.array(anyRow, { maxLength: 3 }),
      picks: fc.array(fc.nat(), { maxLength: 20 }),
    }),
  },
  fc.record({ kind: fc.constant('drop' as const), horizon: fc.integer({ min: -45, max: 70 }) }),
  fc.record({ kind: fc.constant('snapshot' as const), partBytes: fc.constantFrom(1, 5000, 1e9) }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('next' as const) }) },
  fc.record({ kind: fc.constant('restore' as const) }),
);

/** A store beside a list that says what it must hold. */
class Pair {
  readonly kernel = Kernel.create();
  readonly layout: RowLayout;
  store: RowStore;
  model: Kept[] = [];
  #snapshot: ReturnType<RowStore['beginSnapshot']> | undefined;
  #partBytes = 0;
  #parts: Uint8Array[] = [];
  #saved: Kept[] = [];
  #whole: { parts: readonly Uint8Array[]; model: Kept[] } | undefined;

  constructor(layout: RowLayout) {
    this.layout = layout;
    this.store = new RowStore(this.kernel, layout, 'a test');
  }

  run(step: Step): void {
    this.kernel.arenaReset();
    if (step.kind === 'append') this.#append(step.rows, step.times);
    else if (step.kind === 'take')
      this.#take(
        [
          ...step.rows,
          ...step.picks.flatMap((pick) => this.model[pick % Math.max(1, this.model.length)]?.row ?? []),
        ].filter((row): row is Row => Array.isArray(row)),
      );
    else if (step.kind === 'drop') this.#drop(BigInt(step.horizon));
    else if (step.kind === 'snapshot') this.#begin(step.partBytes);
    else if (step.kind === 'next') this.#next();
    else this.#restore();
    this.check();
  }

  #append(rows: readonly Row[], times: readonly number[]): void {
    const list = this.store.append(inputOf(this.kernel, rows), timesOf(this.kernel, times));
    expect(rowsOf(this.kernel, this.store, list)).toEqual(rows);
    this.model.push(...rows.map((row, i) => ({ row, time: times[i]! })));
  }

  #take(rows: readonly Row[]): void {
    const taken = this.store.take(inputOf(this.kernel, rows));
    const references = referencesOf(this.kernel, taken);
    const content = rowsOf(this.kernel, this.store, taken);
    rows.forEach((row, i) => {
      const at = this.model.findIndex((kept) => sameRow(kept.row, row));
      expect(references[i] !== 0).toBe(at >= 0);
      if (at < 0) return;
      expect(content[i]).toEqual(row);
      this.model.splice(at, 1);
    });
    expect(taken.found).toBe(references.filter((reference) => reference !== 0).length);
    this.store.free(taken);
  }

  #drop(horizon: bigint): void {
    const span = this.layout.bucketUs;
    if (span === undefined) return;
    const numberOf = (time: number): number => Math.floor(time / Number(span));
    const passed = this.model.filter((kept) => numberOf(kept.time) < numberOf(Number(horizon)));
    const order = [...passed].sort((a, b) => numberOf(a.time) - numberOf(b.time));
    const buckets = this.store.passed(horizon);
    const rows: Row[] = [];
    for (let at = 0; at < buckets; at++) rows.push(...rowsOf(this.kernel, this.store, this.store.bucket(at)));
    expect(rows).toEqual(order.map((kept) => kept.row));
    expect(this.store.dropBuckets(buckets)).toBe(passed.length);
    this.model = this.model.filter((kept) => !passed.includes(kept));
  }

  #begin(partBytes: number): void {
    this.#snapshot?.end();
    this.#snapshot = this.store.beginSnapshot(false);
    this.#partBytes = partBytes;
    this.#parts = [];
    this.#saved = [...this.model];
  }

  #next(): void {
    const writer = new ByteWriter();
    if (this.#snapshot?.next(writer, this.#partBytes) === true) this.#parts.push(writer.written().slice());
    else if (this.#snapshot !== undefined) {
      this.#snapshot.end();
      this.#snapshot = undefined;
      this.#whole = { parts: this.#parts, model: this.#saved };
    }
  }

  #restore(): void {
    if (this.#whole === undefined) return;
    this.#snapshot?.end();
    this.#snapshot = undefined;
    this.store.close();
    this.store = new RowStore(this.kernel, this.layout, 'a test');
    for (const part of this.#whole.parts) this.store.restore(new ByteReader(part));
    this.model = [...this.#whole.model];
  }

  check(): void {
    const { kernel, store, model } = this;
    expect(store.rows).toBe(model.length);
    const keys: Row[] = [];
    for (const { row } of model) if (!keys.some((key) => sameKey(key, row))) keys.push(row);
    expect(store.keys).toBe(keys.length);
    const absent: Row = [9n, 'absent', null, null, null];
    expect(found(kernel, store, [...keys, absent])).toEqual([
      ...keys.map((key) => model.filter(({ row }) => sameKey(row, key)).map(({ row }) => row)),
      [],
    ]);
  }
}

describe('a store of rows', () => {
  it.each([
    ['without times', LAYOUT],
    ['with times', DATED],
  ])('holds what a list would, through snapshots and restores: %s', (_, layout) => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 25 }), (steps) => {
        const pair = new Pair(layout);
        for (const step of steps) pair.run(step);
        pair.store.close();
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['without times', LAYOUT],
    ['with times', DATED],
  ])('is, read back, what it was when the snapshot began: %s', (_, layout) => {
    const change = anyStep.filter((step) => ['append', 'take', 'drop'].includes(step.kind));
    const changes = fc.array(change, { maxLength: 12 });
    const begin: Step = { kind: 'snapshot', partBytes: 1 };
    const next: Step = { kind: 'next' };
    fc.assert(
      fc.property(changes, changes, changes, changes, (before, first, second, after) => {
        const pair = new Pair(layout);
        const middle = [...first.flatMap((step): Step[] => [step, next]), ...second];
        const rest = new Array<Step>(100).fill(next);
        for (const step of [...before, begin, ...middle, ...rest, { kind: 'restore' } as const, ...after])
          pair.run(step);
        pair.store.close();
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['without times', LAYOUT],
    ['with times', DATED],
  ])('finds rows of a key that has very many, and of equal ones the first: %s', (_, layout) => {
    const rowOf = (n: number): Row => [0n, n % 5 === 0 ? 'other' : 'key', n, n % 3, 'x'.repeat(n % 40)];
    const many = fc.array(fc.integer({ min: 0, max: 150 }), { minLength: 120, maxLength: 120 });
    const change: fc.Arbitrary<Step> = fc.oneof(
      fc.record({
        kind: fc.constant('append' as const),
        rows: many.map((numbers) => numbers.slice(0, 40).map(rowOf)),
        times: many,
      }),
      fc.record({
        kind: fc.constant('take' as const),
        rows: fc.array(fc.integer({ min: 0, max: 150 }).map(rowOf), { maxLength: 10 }),
        picks: fc.array(fc.nat(), { maxLength: 30 }),
      }),
      fc.record({ kind: fc.constant('drop' as const), horizon: fc.integer({ min: 0, max: 60 }) }),
    );
    const begin: Step = { kind: 'snapshot', partBytes: 5000 };
    const next: Step = { kind: 'next' };
    const changes = fc.array(change, { maxLength: 6 });
    fc.assert(
      fc.property(many, changes, changes, changes, (numbers, first, second, after) => {
        const pair = new Pair(layout);
        pair.run({ kind: 'append', rows: numbers.map(rowOf), times: numbers });
        const rest = new Array<Step>(20).fill(next);
        for (const step of [...first, begin, ...second, ...rest, { kind: 'restore' } as const, ...after])
          pair.run(step);
        pair.store.close();
      }),
      { numRuns: 30 },
    );
  });

  it('holds zeros and NaN of a key to be equal, and tells rows apart by their bits', () => {
    const kernel = Kernel.create();
    const store = new RowStore(kernel, { columns: ['f64'], keys: [0], bucketUs: undefined }, 'a test');
    const input = (values: number[]): RowInput => ({
      columns: [columnOf(kernel, 'f64', values)],
      selection: 0,
      selected: values.length,
    });
    store.append(input([0, -0, Number.NaN]));
    expect(store.keys).toBe(2);
    expect(store.take(input([-0])).found).toBe(1);
    expect(store.take(input([-0])).found).toBe(0);
    expect(store.take(input([Number.NaN])).found).toBe(1);
  });

  it('without keys holds all rows as one list', () => {
    const kernel = Kernel.create();
    const store = new RowStore(kernel, { columns: ['i64'], keys: [], bucketUs: undefined }, 'a test');
    store.append({ columns: [columnOf(kernel, 'i64', [1, 2, 3])], selection: 0, selected: 3 });
    const probe = store.probe({ keys: [], selection: 0, selected: 2 }, 100);
    expect(probe.next().count).toBe(6);
  });

  it('takes the rows of a selection alone', () => {
    const kernel = Kernel.create();
    const store = new RowStore(kernel, { columns: ['i64'], keys: [0], bucketUs: undefined }, 'a test');
    const selection = kernel.arenaAlloc(8);
    kernel.u32().set([1, 3], selection / 4);
    const columns = [columnOf(kernel, 'i64', [10, 11, 12, 13])];
    const list = store.append({ columns, selection, selected: 2 });
    expect(readColumn(kernel, store.gather(list, 0), 2)).toEqual([11n, 13n]);
    const probe = store.probe({ keys: columns, selection: 0, selected: 4 }, 10);
    const pairs = probe.next();
    expect(referencesOf(kernel, { references: pairs.numbers, count: pairs.count })).toEqual([1, 3]);
  });

  it('uses the memory of rows that went again, and gives all of it back', () => {
    const kernel = Kernel.create();
    const before = kernel.allocatedBytes();
    const store = new RowStore(kernel, LAYOUT, 'a test');
    const rows: Row[] = Array.from({ length: 500 }, (_, i) => [
      BigInt(i),
      `key ${i}`,
      i,
      i,
      'x'.repeat((i % 50) * 2000),
    ]);
    store.append(inputOf(kernel, rows));
    const full = store.bytes;
    for (let round = 0; round < 10; round++) {
      kernel.arenaReset();
      const taken = store.take(inputOf(kernel, rows));
      expect(taken.found).toBe(500);
      store.free(taken);
      store.append(inputOf(kernel, rows));
    }
    expect(store.bytes).toBeLessThan(full * 1.01);
    kernel.exports.arenaReset(0);
    expect(kernel.allocatedBytes() - before).toBeLessThan(store.bytes * 1.3);
    store.close();
    expect(kernel.allocatedBytes()).toBeLessThanOrEqual(before);
  });

  it('counts, and finds rows whose counter is zero', () => {
    const kernel = Kernel.create();
    const store = new RowStore(kernel, DATED, 'a test');
    const rows: Row[] = [0n, 1n, 2n].map((key) => [key, 'k', null, null, null]);
    const counters = kernel.arenaAlloc(12);
    kernel.u32().set([0, 4, 0], counters / 4);
    const list = store.append(inputOf(kernel, rows), timesOf(kernel, [5, -6, 7]), counters);
    expect(rowsOf(kernel, store, store.uncounted(list)).map(([key]) => key)).toEqual([0n, 2n]);
    const times = store.times(listOf(kernel, referencesOf(kernel, list)));
    expect([...kernel.i64().subarray(times / 8, times / 8 + 3)]).toEqual([5n, -6n, 7n]);
    expect(store.nextHorizon()).toBe(0n);
  });

  it('names who kept the rows when memory is used up', () => {
    const kernel = Kernel.create({ memoryBytesMax: KERNEL_MEMORY_BYTES_MIN });
    const store = new RowStore(kernel, LAYOUT, 'join "orders"');
    const fill = (): void => {
      for (let i = 0n; ; i++) {
        kernel.arenaReset();
        store.append(inputOf(kernel, [[i, 'k', 0, 0, 'x'.repeat(10_000)]]));
      }
    };
    expect(fill).toThrow(/keeping rows of join "orders" \(\d+ so far\): allocating .* used up/);
  });

  it('does not read a snapshot of another kind', () => {
    const store = new RowStore(Kernel.create(), LAYOUT, 'a test');
    expect(() => store.restore(new ByteReader(new Uint8Array([1])))).toThrow(/format is not known/);
  });
});

describe('the arena', () => {
  it('gives back what was allocated after a position, chunk by chunk', () => {
    const kernel = Kernel.create();
    kernel.arenaAlloc(100);
    const position = kernel.arenaPosition();
    const bytes = kernel.allocatedBytes();
    for (let i = 0; i < 20; i++) kernel.arenaAlloc(500_000);
    kernel.arenaRewind(position);
    expect(kernel.allocatedBytes()).toBe(bytes);
    expect(kernel.arenaAlloc(16)).toBe(position);
  });
});
