import { textOf } from '../../src/base/bytes.ts';
import { SinkLoop } from '../../src/connector/sink-loop.ts';
import type {
  SinkBatch,
  SinkDelivery,
  SinkOpening,
  SinkProgress,
  SinkRefusal,
  SinkTarget,
} from '../../src/connector/sink-target.ts';
import { TargetBusy } from '../../src/delivery/target-busy.ts';
import type { Log } from '../../src/log/log.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { isBroken } from './input.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { Tail } from './tail.ts';

/** Attempts that fail before they do anything, and after they have done it. */
const BUSY_PART = 0.1;

interface SinkWorld {
  readonly log: Log;
  readonly clock: SimulatedClock;
  readonly random: () => number;
  /** Resolves when the other system has its turn. */
  readonly turn: () => Promise<void>;
}

/** A system that a sink writes to. It outlives the process, refuses broken records, and is busy or loses an answer now and then. */
export class Outside {
  readonly topic: string;
  /** Whether rows and position are one transaction here; if not, a repeated request is known by its key. */
  readonly #keepsPosition: boolean;
  readonly #partitions: number;
  /** By partition: the offsets and values that came, in that order. */
  readonly #rows: { readonly offset: number; readonly value: string }[][];
  readonly #positions: number[];
  readonly #requests = new Set<string>();

  constructor(topic: string, partitions: number, keepsPosition: boolean) {
    this.topic = topic;
    this.#keepsPosition = keepsPosition;
    this.#partitions = partitions;
    this.#rows = Array.from({ length: partitions }, () => []);
    this.#positions = Array.from({ length: partitions }, () => 0);
  }

  get name(): string {
    return `to ${this.topic}`;
  }

  /** One process begins to write here. */
  connect({ log, clock, random, turn }: SinkWorld): SinkLoop<null> {
    const sink = new SinkLoop<null>({
      name: this.name,
      topic: this.topic,
      identity: 'outside',
      target: this.#target(random, turn),
      start: 'earliest',
      rowsMax: 1 + Math.floor(random() * 12),
      bytesMax: 4_096,
      waitMs: 5,
      retryMsMax: 1_000,
      log,
      clock,
      logger: silentLogger,
      random,
    });
    sink.start();
    return sink;
  }

  #target(random: () => number, turn: () => Promise<void>): SinkTarget<null> {
    return {
      fixedBatches: !this.#keepsPosition,
      keepsPosition: this.#keepsPosition,
      open: async (_: SinkProgress<null> | undefined): Promise<SinkOpening<null>> => {
        await turn();
        if (random() < BUSY_PART) throw busy();
        return this.#keepsPosition ? { state: null, offsets: [...this.#positions] } : { state: null };
      },
      write: async (batch: SinkBatch): Promise<SinkDelivery<null>> => {
        await turn();
        if (random() < BUSY_PART) throw busy();
        const delivery = this.#keepsPosition ? this.#transaction(batch) : this.#request(batch);
        await turn();
        if (random() < BUSY_PART) throw busy();
        return delivery;
      },
      close: async () => {},
    };
  }

  #transaction(batch: SinkBatch): SinkDelivery<null> {
    const { partition, from, next } = batch;
    // Its answer was lost.
    if (this.#positions[partition]! >= next) return { kind: 'delivered', state: null, refused: [] };
    if (this.#positions[partition] !== from)
      throw new Error(`${this.name}: a batch begins at ${from}, and ${this.#positions[partition]} is the position`);
    const refused = refusedOf(batch);
    if (refused.length > 0) return { kind: 'refused', refused };
    this.#take(batch);
    this.#positions[partition] = next;
    return { kind: 'delivered', state: null, refused: [] };
  }

  #request(batch: SinkBatch): SinkDelivery<null> {
    const key = `${batch.partition} ${batch.from} ${batch.next}`;
    if (!this.#requests.has(key)) this.#take(batch);
    this.#requests.add(key);
    return { kind: 'delivered', state: null, refused: refusedOf(batch) };
  }

  #take({ partition, records }: SinkBatch): void {
    for (const { offset: at, value } of records) {
      const text = textOf(value!);
      if (!isBroken(text)) this.#rows[partition]!.push({ offset: at, value: text });
    }
  }

  /** Every record came once, in order, and those that were refused are dead letters once. @throws Error */
  verify(tail: Tail): void {
    const records = tail.records(this.topic);
    for (let partition = 0; partition < this.#partitions; partition++) {
      const own = records.filter((record) => record.partition === partition && !isBroken(record.value!));
      requireSame(`${this.name}, partition ${partition}`, this.#rows[partition]!, own);
    }
    const letters = tail
      .records('_dead_letters')
      .map(({ value }) => JSON.parse(value!) as { operator?: string; partition: number; offset: number; value: string })
      .filter(({ operator }) => operator === `sink:${this.name}`);
    const broken = records.filter(({ value }) => isBroken(value!));
    const order = (a: { offset: number; partition: number }, b: { offset: number; partition: number }): number =>
      a.partition - b.partition || a.offset - b.offset;
    requireSame(`dead letters of ${this.name}`, letters.sort(order), [...broken].sort(order));
  }
}

interface Row {
  readonly offset: number;
  readonly value: string | null;
}

function requireSame(what: string, actual: readonly Row[], expected: readonly Row[]): void {
  const text = ({ offset: at, value }: Row): string => `${at} ${value}`;
  const at = expected.findIndex((row, i) => actual[i] === undefined || text(actual[i]) !== text(row));
  if (at < 0 && actual.length === expected.length) return;
  const found = actual[at < 0 ? expected.length : at];
  throw new Error(
    `${what} has ${actual.length} rows, not ${expected.length}: number ${at} is ${found && text(found)}, not ${expected[at] && text(expected[at])}`,
  );
}

const refusedOf = ({ records }: SinkBatch): SinkRefusal[] =>
  records
    .filter(({ value }) => isBroken(textOf(value!)))
    .map((record) => ({ record, message: 'it is not a document' }));

const busy = (): TargetBusy => new TargetBusy('writing to the outside: it is busy; it is tried again', undefined);
