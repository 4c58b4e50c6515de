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

/** Stored by name; a sink that reads another topic or writes to another place begins anew. */
export class SinkLedger<State> {
  readonly #log: Pick<Log, 'ledgerGet'>;
  readonly #sink: string;
  readonly #identity: string;

  constructor(log: Pick<Log, 'ledgerGet'>, sink: string, identity: string) {
    this.#log = log;
    this.#sink = sink;
    this.#identity = identity;
  }

  read(): SinkPosition<State> | undefined {
    const value = this.#log.ledgerGet(SINK_SPACE, this.#sink);
    if (value === undefined) return undefined;
    const stored = JSON.parse(textOf(value)) as { readonly identity: string; readonly position: SinkPosition<State> };
    return stored.identity === this.#identity ? stored.position : undefined;
  }

  put(position: SinkPosition<State>): LedgerPut {
    const value = utf8(JSON.stringify({ identity: this.#identity, position }));
    return { space: SINK_SPACE, key: this.#sink, value };
  }
}
