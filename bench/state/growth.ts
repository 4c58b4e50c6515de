import { freemem } from 'node:os';
import { parseArgs } from 'node:util';
import type { Batch } from '../../src/engine/operator/batch.ts';
import { WATERMARK_MIN } from '../../src/engine/operator/batch.ts';
import type { Operator } from '../../src/engine/operator/operator.ts';
import { BATCH_ROWS_MAX } from '../../src/kernel/column.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { sourceNode } from '../../src/plan/factory.ts';
import { TYPE } from '../../src/plan/type-name.ts';
import { report, rounded } from '../load/report.ts';

/** Rows that are timed once the state has its size. */
const STEADY_ROWS = 1_000_000;
const EPOCH_BATCHES = 8;
const SECOND_US = 1_000_000n;

/** Rows of a stream of bids: whose, what it is worth, when, and a text that must be kept. */
export const bids = sourceNode({
  name: 'bids',
  topic: 'bids',
  columns: [
    { name: 'key', type: TYPE.int8 },
    { name: 'price', type: TYPE.int8 },
    { name: 'time', type: TYPE.timestamptz },
    { name: 'channel', type: TYPE.text },
  ].map((column) => ({ ...column, nullable: false, path: [column.name] })),
  watermark: { columnIndex: 2, delayUs: 0n, idleTimeoutMs: 1, futureLimitMs: 1 },
});

/** One batch of rows, for the operator and, as plain arrays, for the peer. */
export interface Rows {
  readonly keys: Float64Array;
  readonly prices: Float64Array;
  readonly times: Float64Array;
  readonly count: number;
}

/** What does the same with a Map of JavaScript. */
export interface Peer {
  batch(rows: Rows): void;
  epoch(watermarkUs: number): void;
}

export interface GrowthSpec {
  readonly bench: string;
  readonly title: string;
  readonly make: () => Operator;
  readonly peer: () => Peer;
  /** How far event time goes on with each row, µs, for a state of so many keys. */
  readonly stepUs?: (keys: number) => number;
}

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes batches in memory that is used again. */
class BidBatches {
  readonly #kernel: Kernel;
  readonly #random = seeded(1);
  readonly #data: number[];
  readonly #watermarks: number;
  readonly #texts: number;
  #timeUs = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#data = [8, 8, 8, 16].map((width) => kernel.alloc(BATCH_ROWS_MAX * width));
    this.#watermarks = kernel.alloc(BATCH_ROWS_MAX * 8);
    kernel.i64().fill(WATERMARK_MIN, this.#watermarks / 8, this.#watermarks / 8 + BATCH_ROWS_MAX);
    const text = Buffer.from('channel-0123456789');
    this.#texts = kernel.alloc(64);
    kernel.u8().set(text, this.#texts);
    const words = kernel.u32();
    for (let row = 0; row < BATCH_ROWS_MAX; row++) {
      words.set([text.length, text.readUInt32LE(0), this.#texts, 0], (this.#data[3]! >>> 2) + row * 4);
    }
  }

  get timeUs(): number {
    return this.#timeUs;
  }

  /** `keyOf` gives the key of the row that comes next. */
  next(count: number, stepUs: number, keyOf: (random: number) => number): { batch: Batch; rows: Rows } {
    const kernel = this.#kernel;
    const [keys, prices, times] = [0, 1, 2].map(() => new Float64Array(count)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const longs = kernel.i64();
    for (let row = 0; row < count; row++) {
      keys[row] = keyOf(this.#random());
      prices[row] = Math.floor(this.#random() * 1e6);
      this.#timeUs += stepUs;
      times[row] = Math.floor(this.#timeUs);
      longs[this.#data[0]! / 8 + row] = BigInt(keys[row]!);
      longs[this.#data[1]! / 8 + row] = BigInt(prices[row]!);
      longs[this.#data[2]! / 8 + row] = BigInt(times[row]!);
    }
    const physical = ['i64', 'i64', 'i64', 'str'] as const;
    const batch: Batch = {
      rows: count,
      columns: physical.map((kind, at) => ({ physical: kind, data: this.#data[at]!, nulls: 0 })),
      selection: 0,
      selected: count,
      weights: 0,
      origin: undefined,
      times: this.#data[2]!,
      watermarks: this.#watermarks,
    };
    return { batch, rows: { keys, prices, times, count } };
  }
}

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** An operator and its peer with the time that each has taken. */
class Race {
  readonly kernel = Kernel.create();
  readonly operator: Operator;
  readonly #peer: Peer | undefined;
  readonly #batches = new BidBatches(this.kernel);
  readonly took = { operator: 0, peer: 0 };
  results = 0;

  constructor(spec: GrowthSpec, withPeer: boolean) {
    this.operator = spec.make();
    this.operator.open({
      kernel: this.kernel,
      clockMs: () => 0,
      emit: (batch) => {
        this.results += batch.selected;
      },
      deadLetter: ({ message }) => {
        throw new Error(message);
      },
    });
    this.#peer = withPeer ? spec.peer() : undefined;
  }

  run(total: number, stepUs: number, keyOf: (random: number) => number): void {
    let left = total;
    for (let batches = 1; left > 0; batches++) {
      const count = Math.min(BATCH_ROWS_MAX, left);
      left -= count;
      const { batch, rows } = this.#batches.next(count, stepUs, keyOf);
      const closes = batches % EPOCH_BATCHES === 0 || left === 0;
      const watermark = Math.floor(this.#batches.timeUs);
      this.took.operator += timed(() => {
        this.kernel.arenaReset();
        this.operator.processBatch(batch, 0);
        if (!closes) return;
        this.kernel.arenaReset();
        this.operator.endEpoch();
        this.operator.onWatermark(BigInt(watermark));
      });
      this.took.peer += timed(() => {
        this.#peer?.batch(rows);
        if (closes) this.#peer?.epoch(watermark);
      });
    }
  }

  close(): void {
    this.operator.close();
  }
}

function timed(work: () => void): number {
  const started = cpuUs();
  work();
  return cpuUs() - started;
}

/** Beyond this a Map of JavaScript has no room for what it would keep. */
const PEER_KEYS_MAX = 2_000_000;
const BYTES_PER_KEY = 400;

/** Prints, for each size of the state, the rows per second of CPU time and the bytes of a key. */
export function growth(spec: GrowthSpec): void {
  const { values } = parseArgs({ options: { keys: { type: 'string', default: '10000,100000,1000000,10000000' } } });
  for (const keys of values.keys.split(',').map(Number)) {
    if (keys * BYTES_PER_KEY > freemem()) {
      console.error(`${spec.title}: ${keys} keys do not fit into ${Math.round(freemem() / 2 ** 20)} MB of memory`);
      continue;
    }
    const withPeer = keys <= PEER_KEYS_MAX;
    const race = new Race(spec, withPeer);
    const stepUs = spec.stepUs?.(keys) ?? Number(SECOND_US) / 1_000_000;
    let next = 0;
    race.run(keys, stepUs, () => next++);
    const filled = { ...race.took };
    race.run(STEADY_ROWS, stepUs, (random) => Math.floor(random * keys));
    const rate = (us: number): number => Math.round((STEADY_ROWS * 1e6) / us);
    const value = rate(race.took.operator - filled.operator);
    const peer = withPeer ? rate(race.took.peer - filled.peer) : null;
    const state = race.operator.state();
    report({
      bench: spec.bench,
      value,
      unit: 'rows/s of CPU time',
      against: peer === null ? null : `a Map of JavaScript, from rows that are objects already: ${peer}`,
      ratio: peer === null ? null : rounded(value / peer),
      detail: {
        title: spec.title,
        keys,
        stateRows: state.keys,
        bytesPerKey: Math.round(state.bytes / keys),
        fillRowsPerSecond: Math.round((keys * 1e6) / filled.operator),
        results: race.results,
      },
    });
    race.close();
  }
}
