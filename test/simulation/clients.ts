import { utf8 } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { HeadraceError } from '../../src/base/error.ts';
import type { Append, Log, ProducerStamp } from '../../src/log/log.ts';
import { encodeRecordBatch } from '../../src/log/record-batch.ts';
import type { Tail } from './tail.ts';

/** `unknown`: no answer came; all of it happened or nothing. */
type Outcome = 'pending' | 'done' | 'refused' | 'unknown';

interface Part {
  readonly topic: string;
  readonly partition: number;
  readonly values: readonly string[];
  readonly stamp?: ProducerStamp;
  baseOffset: number;
}

interface Sent {
  readonly parts: readonly Part[];
  outcome: Outcome;
}

interface Producer {
  readonly id: bigint;
  readonly topic: string;
  readonly partition: number;
  sequence: number;
  /** Sent, and not known to be in the log: sent again before anything else. */
  open: Sent | undefined;
  busy: boolean;
}

/** Refusals after which the log is as it was. */
const REFUSALS: readonly string[] = ['LOG_DISK_FULL', 'LOG_CLOSED'];

/** Those who write: each keeps a record of its own of what was acknowledged. */
export class Clients {
  readonly #clock: Clock;
  readonly #requireExplained: (error: unknown) => void;
  readonly #sent: Sent[] = [];
  readonly #producers: Producer[];
  readonly #waiting = new Set<Promise<void>>();
  /** The log said that it will take no more writes. */
  isLogDead = false;

  /** @param requireExplained is told of every error: a fault must explain it */
  constructor(
    clock: Clock,
    places: readonly { readonly topic: string; readonly partition: number }[],
    requireExplained: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#requireExplained = requireExplained;
    this.#producers = places.map((place, i) => ({
      ...place,
      id: BigInt(1000 + i),
      sequence: 0,
      open: undefined,
      busy: false,
    }));
  }

  /** One commit of one or several batches; not waited for. */
  send(log: Log, parts: readonly { topic: string; partition: number; values: readonly string[] }[]): void {
    const sent: Sent = { parts: parts.map((part) => ({ ...part, baseOffset: -1 })), outcome: 'pending' };
    this.#sent.push(sent);
    this.#wait(this.#commit(log, sent));
  }

  /** The next batch of an idempotent producer, or the last once more; `values` makes the records of a new one. */
  produce(log: Log, which: number, values: () => readonly string[]): void {
    const producer = this.#producers[which % this.#producers.length]!;
    if (producer.busy) return;
    if (producer.open === undefined) {
      const stamp = { id: producer.id, epoch: 0, baseSequence: producer.sequence };
      const { topic, partition } = producer;
      producer.open = { parts: [{ topic, partition, values: values(), stamp, baseOffset: -1 }], outcome: 'pending' };
      this.#sent.push(producer.open);
    }
    producer.busy = true;
    this.#wait(this.#produceOne(log, producer, producer.open));
  }

  async #produceOne(log: Log, producer: Producer, sent: Sent): Promise<void> {
    await this.#commit(log, sent);
    producer.busy = false;
    if (sent.outcome !== 'done') return;
    producer.sequence += sent.parts[0]!.values.length;
    producer.open = undefined;
  }

  async #commit(log: Log, sent: Sent): Promise<void> {
    // One that had no answer and is refused now may be there all the same.
    const before = sent.outcome;
    sent.outcome = 'pending';
    try {
      const timestamp = this.#clock.now();
      const appends = sent.parts.map((part): Append => {
        const records = part.values.map((value) => ({ key: null, value: utf8(value), timestamp }));
        return { topic: part.topic, partition: part.partition, ...encodeRecordBatch(records, part.stamp) };
      });
      const { baseOffsets } = await log.commit({ appends, puts: [] });
      sent.parts.forEach((part, i) => {
        part.baseOffset = baseOffsets[i]!;
      });
      sent.outcome = 'done';
    } catch (error) {
      const outcome = this.#outcomeOf(error);
      sent.outcome = before === 'unknown' ? before : outcome;
    }
  }

  #outcomeOf(error: unknown): Outcome {
    const code = error instanceof HeadraceError ? error.code : 'none';
    this.#requireExplained(error);
    if (REFUSALS.includes(code)) return 'refused';
    this.isLogDead = true;
    return 'unknown';
  }

  #wait(promise: Promise<void>): void {
    this.#waiting.add(promise);
    void promise.then(() => this.#waiting.delete(promise));
  }

  /** Everything sent was answered. */
  async answered(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.all(this.#waiting);
  }

  /** The process died: nobody answers any more. */
  disconnect(): void {
    this.#waiting.clear();
    this.isLogDead = false;
    for (const producer of this.#producers) producer.busy = false;
    for (const sent of this.#sent) if (sent.outcome === 'pending') sent.outcome = 'unknown';
  }

  /** Producers that have sent something of which they do not know whether it is there. */
  get open(): readonly number[] {
    return this.#producers.flatMap(({ open }, i) => (open === undefined ? [] : [i]));
  }

  /** What was acknowledged is there once; what was refused is not; what had no answer is there wholly or not at all. */
  verify(tail: Tail): void {
    const found = new Map<string, { place: string; offset: number }>();
    for (const topic of ['events', 'others']) {
      for (const { partition, offset, value } of tail.records(topic)) {
        if (found.has(value!)) throw new Error(`an event is there twice: ${value} at ${topic}/${partition} ${offset}`);
        found.set(value!, { place: `${topic}/${partition}`, offset });
      }
    }
    let known = 0;
    for (const { parts, outcome } of this.#sent) {
      const values = parts.flatMap((part) => part.values);
      const there = values.filter((value) => found.has(value)).length;
      known += there;
      if (outcome === 'pending') continue;
      const isWhole = there === values.length || (outcome !== 'done' && there === 0);
      if (!isWhole) throw new Error(`of ${values.length} events (${outcome}) ${there} are there: ${values[0]}`);
      if (outcome === 'refused' && there > 0) throw new Error(`a refused event is there: ${values[0]}`);
      if (outcome === 'done') for (const part of parts) requirePlaced(part, found);
    }
    if (known !== found.size) throw new Error(`${found.size} events are there, and ${known} of them were sent`);
  }
}

function requirePlaced(part: Part, found: ReadonlyMap<string, { place: string; offset: number }>): void {
  part.values.forEach((value, i) => {
    const at = found.get(value)!;
    if (at.place === `${part.topic}/${part.partition}` && at.offset === part.baseOffset + i) return;
    throw new Error(`an event was acknowledged at offset ${part.baseOffset + i} and is at ${at.offset}: ${value}`);
  });
}
