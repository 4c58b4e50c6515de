import { WORLD_START } from '../../src/engine/engine-world.fixture.ts';

/** Disorder that the source `events` allows, seconds. */
export const DELAY_SECONDS = 20;
export const EVENT_PARTITIONS_MAX = 3;
export const OTHER_PARTITIONS = 2;
/** Ahead of the receipt by this much, a row goes to dead letters; seconds. */
const FUTURE_SECONDS = 60 * 86_400;

/** One event as it is written; `n` is its own. */
export interface SimulatedEvent {
  readonly n: number;
  /** Events with the same one are duplicates. */
  readonly id: string;
  readonly type: string;
  readonly k: number;
  readonly seconds: number;
  readonly cents: number;
}

/** An event where the log has it. */
export interface LoggedEvent extends SimulatedEvent {
  readonly partition: number;
  readonly offset: number;
}

/** A record that no source can take. */
export interface RefusedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly reason: 'malformed' | 'future';
}

/** What the log holds of one topic, in the order of each partition. */
export interface LoggedTopic {
  readonly events: readonly LoggedEvent[];
  readonly refused: readonly RefusedRecord[];
}

/** Everything that pipelines read. */
export interface LoggedInput {
  readonly partitions: number;
  readonly events: LoggedTopic;
  readonly others: LoggedTopic;
}

/** Makes events: late, duplicate, malformed and far ahead now and then. Event time goes on with each batch. */
export class EventGenerator {
  readonly #random: () => number;
  readonly #sent = new Map<string, SimulatedEvent[]>();
  #seconds = 0;
  #next = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  /** Values of the records of one batch. */
  batch(topic: string, partition: number): string[] {
    this.#seconds += this.#below(25);
    return Array.from({ length: 1 + this.#below(8) }, () => this.#record(`${topic}/${partition}`));
  }

  /** One that duplicates no other: whoever sends it does not choose its partition. */
  single(): string {
    this.#seconds += this.#below(6);
    return this.#record(`alone ${this.#next}`);
  }

  #record(place: string): string {
    const choice = this.#random();
    if (choice < 0.02) return `{"n": ${this.#next++}, "broken`;
    const sent = this.#sent.get(place) ?? [];
    this.#sent.set(place, sent);
    const behind = this.#random() < 0.12 ? this.#below(400) : this.#below(30);
    const ahead = choice < 0.04 ? FUTURE_SECONDS : 0;
    const again = choice > 0.88 && sent.length > 0 ? sent[this.#below(sent.length)]! : undefined;
    const event: SimulatedEvent = {
      n: this.#next++,
      id: again?.id ?? `${place} ${this.#next}`,
      type: 'abc'[this.#below(3)]!,
      k: this.#below(6),
      seconds: again?.seconds ?? this.#seconds - behind + ahead,
      cents: this.#below(1000),
    };
    if (ahead === 0) sent.push(event);
    return recordOf(event);
  }
}

/** Whether no source can read it. */
export function isBroken(record: string): boolean {
  return record.endsWith('"broken');
}

function recordOf({ n, id, type, k, seconds, cents }: SimulatedEvent): string {
  return JSON.stringify({ n, id, type, k, time: timeOf(seconds), amount: cents / 100 });
}

export function timeOf(seconds: number): string {
  return new Date(WORLD_START + seconds * 1000).toISOString();
}

/** The records of a topic, sorted into what sources take and what they refuse. */
export function loggedTopic(records: readonly { partition: number; offset: number; value: string }[]): LoggedTopic {
  const events: LoggedEvent[] = [];
  const refused: RefusedRecord[] = [];
  for (const { partition, offset, value } of records) {
    let parsed: { n: number; id: string; type: string; k: number; time: string; amount: number };
    try {
      parsed = JSON.parse(value);
    } catch {
      refused.push({ partition, offset, reason: 'malformed' });
      continue;
    }
    const { n, id, type, k, time, amount } = parsed;
    const seconds = (Date.parse(time) - WORLD_START) / 1000;
    if (seconds > FUTURE_SECONDS / 2) refused.push({ partition, offset, reason: 'future' });
    else events.push({ partition, offset, n, id, type, k, seconds, cents: Math.round(amount * 100) });
  }
  return { events, refused };
}
