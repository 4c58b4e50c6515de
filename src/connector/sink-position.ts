import { offset } from '../base/brand.ts';
import { textOf, utf8 } from '../base/bytes.ts';
import type { LedgerPut, Log } from '../log/log.ts';

/** Space of the ledger that holds how far each sink is, by name. */
export const SINK_SPACE = 'sink';

export interface RefusedRecord {
  readonly partition: number;
  readonly offset: number;
}

/** How far a sink is. */
export interface SinkPosition<State> {
  /** Next offset of each partition. */
  readonly offsets: readonly number[];
  /** The batch that is on its way (see `SinkTarget.fixedBatches`). */
  readonly pending?: { readonly partition: number; readonly to: number };
  /** Records beyond the offsets that are dead letters already: they are not given to the target again. */
  readonly refused?: readonly RefusedRecord[];
  readonly state: State;
}

/** What the ledger keeps of a sink. */
interface StoredSink<State> {
  readonly identity: string;
  readonly topic: string;
  readonly position: SinkPosition<State>;
}

/** Retention stops where a sink is. */
export function pinSink(log: Pick<Log, 'pin'>, sink: string, topic: string, offsets: readonly number[]): void {
  for (const [partition, from] of offsets.entries()) log.pin(`sink:${sink}`, topic, partition, offset(from));
}

/** For every sink that has ever run: before the first retention, and so before it is known which are declared still. */
export function pinKnownSinks(log: Log): void {
  for (const [sink, value] of log.ledgerEntries(SINK_SPACE)) {
    const { topic, position } = JSON.parse(textOf(value)) as StoredSink<unknown>;
    pinSink(log, sink, topic, position.offsets);
  }
}

/** Nothing is kept for this sink any more. */
export function unpinSink(log: Log, sink: string): void {
  for (const { name, partitions } of log.topics()) {
    for (let partition = 0; partition < partitions; partition++) log.pin(`sink:${sink}`, name, partition, undefined);
  }
}

/** Stored by name; a sink that reads another topic or writes to another place begins anew. */
export class SinkLedger<State> {
  readonly #log: Pick<Log, 'ledgerGet'>;
  readonly #sink: string;
  readonly #topic: string;
  readonly #identity: string;

  constructor(log: Pick<Log, 'ledgerGet'>, sink: string, topic: string, identity: string) {
    this.#log = log;
    this.#sink = sink;
    this.#topic = topic;
    this.#identity = identity;
  }

  read(): SinkPosition<State> | undefined {
    const value = this.#log.ledgerGet(SINK_SPACE, this.#sink);
    if (value === undefined) return undefined;
    const stored = JSON.parse(textOf(value)) as StoredSink<State>;
    return stored.identity === this.#identity ? stored.position : undefined;
  }

  put(position: SinkPosition<State>): LedgerPut {
    const stored: StoredSink<State> = { identity: this.#identity, topic: this.#topic, position };
    return { space: SINK_SPACE, key: this.#sink, value: utf8(JSON.stringify(stored)) };
  }
}
