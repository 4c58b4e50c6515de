import { utf8 } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { HeadraceError } from '../../src/base/error.ts';
import type { Append, Log, ProducerStamp } from '../../src/log/log.ts';
import { encodeRecordBatch } from '../../src/log/record-batch.ts';
import type { Sent, SentPart } from './sent.ts';
import type { Tail } from './tail.ts';

interface Part {
  readonly topic: string;
  readonly partition: number;
  readonly values: readonly string[];
}

interface Producer {
  readonly id: bigint;
  readonly topic: string;
  readonly partition: number;
  sequence: number;
  /** Sent, and not known to be in the log: sent again before anything else. */
  open: { readonly sent: Sent; readonly part: Part; readonly stamp: ProducerStamp } | undefined;
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
  send(log: Log, parts: readonly Part[]): void {
    const sent = this.begin(parts);
    this.attempt(sent, () => this.#commit(log, sent, parts));
  }

  /** Something is about to be sent. */
  begin(
    parts: readonly { readonly topic: string; readonly values: readonly string[] }[],
    letters: string[] = [],
  ): Sent {
    const sent: Sent = {
      parts: parts.map(({ topic, values }): SentPart => ({ topic, values, place: undefined })),
      letters,
      outcome: 'pending',
    };
    this.#sent.push(sent);
    return sent;
  }

  /** The next batch of an idempotent producer, or the last once more; `values` makes the records of a new one. */
  produce(log: Log, which: number, values: () => readonly string[]): void {
    const producer = this.#producers[which % this.#producers.length]!;
    if (producer.busy) return;
    if (producer.open === undefined) {
      const { id, topic, partition } = producer;
      const part = { topic, partition, values: values() };
      const stamp = { id, epoch: 0, baseSequence: producer.sequence };
      producer.open = { sent: this.begin([part]), part, stamp };
    }
    producer.busy = true;
    const { sent, part, stamp } = producer.open;
    this.attempt(
      sent,
      () => this.#commit(log, sent, [part], stamp),
      () => {
        producer.busy = false;
        if (sent.outcome !== 'done') return;
        producer.sequence += part.values.length;
        producer.open = undefined;
      },
    );
  }

  /** Tries to get it done; not waited for. @param send sets the places */
  attempt(sent: Sent, send: () => Promise<void>, after?: () => void): void {
    const before = sent.outcome;
    // What was done stays done, whatever becomes of a repetition.
    if (before !== 'done') sent.outcome = 'pending';
    const attempt = send().then(
      () => {
        sent.outcome = 'done';
      },
      (error: unknown) => {
        const outcome = this.#outcomeOf(error);
        // One that had no answer and is refused now may be there all the same.
        if (before !== 'done') sent.outcome = before === 'unknown' ? before : outcome;
      },
    );
    this.#wait(attempt.then(after));
  }

  async #commit(log: Log, sent: Sent, parts: readonly Part[], stamp?: ProducerStamp): Promise<void> {
    const timestamp = this.#clock.now();
    const appends = parts.map(({ topic, partition, values }): Append => {
      const records = values.map((value) => ({ key: null, value: utf8(value), timestamp }));
      return { topic, partition, ...encodeRecordBatch(records, stamp) };
    });
    const { baseOffsets } = await log.commit({ appends, puts: [] });
    parts.forEach(({ partition }, i) => {
      sent.parts[i]!.place = { partition, offset: baseOffsets[i]! };
    });
  }

  #outcomeOf(error: unknown): Sent['outcome'] {
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
    const found = foundIn(tail);
    let known = 0;
    for (const { parts, letters, outcome } of this.#sent) {
      const values = [...parts.flatMap((part) => part.values), ...letters];
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

type Found = ReadonlyMap<string, { readonly place: string; readonly offset: number }>;

/** Every event in the log, and every record that was refused at the door. */
function foundIn(tail: Tail): Found {
  const found = new Map<string, { place: string; offset: number }>();
  const add = (value: string, place: string, offset: number): void => {
    if (found.has(value)) throw new Error(`an event is there twice: ${value} at ${place} ${offset}`);
    found.set(value, { place, offset });
  };
  for (const topic of ['events', 'others']) {
    for (const { partition, offset, value } of tail.records(topic)) add(value!, `${topic}/${partition}`, offset);
  }
  for (const { offset, value } of tail.records('_dead_letters')) {
    const letter = JSON.parse(value!) as { readonly operator?: string; readonly value: string };
    // Others are of pipelines and sinks.
    if (letter.operator === undefined) add(letter.value, 'dead letters', offset);
  }
  return found;
}

/** Those of whom nobody was told where they are may be anywhere. */
function requirePlaced({ topic, values, place }: SentPart, found: Found): void {
  if (place === undefined) return;
  values.forEach((value, i) => {
    const at = found.get(value)!;
    if (at.place === `${topic}/${place.partition}` && at.offset === place.offset + i) return;
    throw new Error(`an event was acknowledged at offset ${place.offset + i} and is at ${at.offset}: ${value}`);
  });
}
