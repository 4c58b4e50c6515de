/**
 * An inner join on an int8 key as its state grows: `npm run bench:join [-- KEYS...]` (without it 10,000 to 10 million).
 *
 * The right side takes in so many rows of different keys; then rows of the left side, a million at most, each meet one of them, and are
 * kept too. Rows are columns in the kernel's memory, as the engine hands them on; what is emitted is counted. Beside it, in the same
 * run, what one would write in JavaScript: two Maps from key to rows, an object for each row and each result. Times are CPU time of
 * the process, so that a garbage collector in threads of its own counts.
 */

import type { Batch } from '../src/engine/operator/batch.ts';
import { JoinOperator } from '../src/engine/operator/join/join.ts';
import { Kernel } from '../src/kernel/kernel.ts';
import { call, columnReference } from '../src/plan/expression-factory.ts';
import { joinNode, sourceNode } from '../src/plan/factory.ts';
import type { PlanNode } from '../src/plan/node.ts';
import { TYPE } from '../src/plan/type-name.ts';

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];
const BATCH_ROWS = 16_384;
const PROBES_MAX = 1_000_000;
const PROBES_MIN = 200_000;
/** The peer would need several GB of heap beyond this. */
const PEER_KEYS_MAX = 2_000_000;

const stream = (name: string, value: string): PlanNode =>
  sourceNode({
    name,
    topic: name,
    columns: ['id', value].map((column) => ({ name: column, type: TYPE.int8, nullable: false, path: [column] })),
    watermark: undefined,
  });
const LEFT = stream('payments', 'paid');
const RIGHT = stream('orders', 'amount');
const COLUMNS = [...LEFT.columns, ...RIGHT.columns];
const NODE = joinNode('inner', LEFT, RIGHT, call('eq', [columnReference(COLUMNS, 0), columnReference(COLUMNS, 2)]));

/** Different for different numbers, and in no order. */
const keyOf = (number: number): number => Math.imul(number, 0x9e3779b1) >>> 0;

/** Numbers of keys that exist, in no order: the same for both. */
function* probes(keys: number, count: number): Generator<number> {
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield Math.floor((state / 2 ** 32) * keys);
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

interface Figures {
  readonly insertsPerSecond: number;
  readonly probesPerSecond: number;
  readonly bytesPerKey: number;
}

/** Times what `insert` and `probe` take for blocks of keys that were made before. */
function timed(
  keys: number,
  probeCount: number,
  insert: (block: Float64Array) => void,
  probe: (block: Float64Array) => void,
  bytes: () => number,
): Figures {
  let spent = 0;
  const run = (numbers: Iterable<number>, work: (block: Float64Array) => void): number => {
    spent = 0;
    let block: number[] = [];
    const flush = (): void => {
      const made = Float64Array.from(block);
      const before = cpuSeconds();
      work(made);
      spent += cpuSeconds() - before;
      block = [];
    };
    for (const number of numbers) {
      block.push(keyOf(number));
      if (block.length === BATCH_ROWS) flush();
    }
    if (block.length > 0) flush();
    return spent;
  };
  const all = function* (): Generator<number> {
    for (let i = 0; i < keys; i++) yield i;
  };
  const inserting = run(all(), insert);
  const bytesPerKey = bytes() / keys;
  const probing = run(probes(keys, probeCount), probe);
  return { insertsPerSecond: keys / inserting, probesPerSecond: probeCount / probing, bytesPerKey };
}

function headrace(keys: number, probeCount: number): Figures {
  const kernel = Kernel.create();
  const operator = new JoinOperator({
    node: NODE,
    emit: 'updates',
    read: undefined,
    expressions: { clockMs: () => 0, userFunction: () => () => null },
  });
  let emitted = 0;
  operator.open({
    kernel,
    clockMs: () => 0,
    emit: (batch) => {
      emitted += batch.selected;
    },
    deadLetter: () => {
      throw new Error('a row went to dead letters');
    },
  });
  const push = (block: Float64Array, input: number): void => {
    kernel.arenaReset();
    operator.processBatch(batchOf(kernel, block), input);
  };
  const figures = timed(
    keys,
    probeCount,
    (block) => push(block, 1),
    (block) => push(block, 0),
    () => operator.state().bytes,
  );
  if (emitted !== probeCount) throw new Error(`${emitted} pairs were emitted, not ${probeCount}`);
  operator.close();
  return figures;
}

function batchOf(kernel: Kernel, keys: Float64Array): Batch {
  const columns = [0, 1].map(() => ({ physical: 'i64', data: kernel.arenaAlloc(keys.length * 8), nulls: 0 }) as const);
  const words = kernel.u32();
  for (const { data } of columns) {
    for (let row = 0; row < keys.length; row++) {
      words[(data >>> 2) + row * 2] = keys[row]!;
      words[(data >>> 2) + row * 2 + 1] = 0;
    }
  }
  const nothing = { weights: 0, origin: undefined, times: 0, watermarks: 0 };
  return { rows: keys.length, columns, selection: 0, selected: keys.length, ...nothing };
}

interface Kept {
  readonly id: number;
  readonly value: number;
}

function maps(keys: number, probeCount: number): Figures {
  const sides = [new Map<number, Kept[]>(), new Map<number, Kept[]>()] as const;
  let emitted = 0;
  let last: unknown;
  const push = (block: Float64Array, input: 0 | 1): void => {
    const results: { id: number; paid: number; order: number; amount: number }[] = [];
    for (const id of block) {
      const row = { id, value: id };
      const known = sides[input].get(id);
      if (known === undefined) sides[input].set(id, [row]);
      else known.push(row);
      for (const other of sides[1 - input]!.get(id) ?? []) {
        results.push({ id, paid: row.value, order: other.id, amount: other.value });
      }
    }
    emitted += results.length;
    last = results;
  };
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const figures = timed(
    keys,
    probeCount,
    (block) => push(block, 1),
    (block) => push(block, 0),
    () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed - before;
    },
  );
  if (emitted !== probeCount || last === undefined) throw new Error(`${emitted} pairs were made, not ${probeCount}`);
  return figures;
}

function report(keys: number): void {
  const probeCount = Math.max(PROBES_MIN, Math.min(PROBES_MAX, keys));
  // The first round of each is the compiler's.
  headrace(10_000, PROBES_MIN);
  const own = headrace(keys, probeCount);
  if (keys <= PEER_KEYS_MAX) maps(10_000, PROBES_MIN);
  const peer = keys <= PEER_KEYS_MAX ? maps(keys, probeCount) : undefined;
  const rounded = (value: number | undefined): number | null => (value === undefined ? null : Math.round(value));
  const line = {
    bench: 'join',
    value: Math.round(own.probesPerSecond),
    unit: 'rows/s that meet a row and are kept',
    against: 'two JavaScript Maps from key to rows',
    ratio: peer === undefined ? null : Math.round((own.probesPerSecond / peer.probesPerSecond) * 100) / 100,
    detail: {
      keys,
      probes: probeCount,
      insertsPerSecond: rounded(own.insertsPerSecond),
      bytesPerKey: rounded(own.bytesPerKey),
      peerProbesPerSecond: rounded(peer?.probesPerSecond),
      peerInsertsPerSecond: rounded(peer?.insertsPerSecond),
      peerBytesPerKey: rounded(peer?.bytesPerKey),
    },
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const asked = process.argv.slice(2).map(Number).filter(Number.isInteger);
for (const keys of asked.length > 0 ? asked : SIZES) report(keys);
