import { textOf, utf8 } from '../../base/bytes.ts';
import type { LedgerPut, Log } from '../../log/log.ts';
import type { Principal } from '../../security/principal.ts';

/** Space of the ledger that holds the positions of connectors, by name. */
export const CONNECTOR_SPACE = 'connector';

export const CONNECTOR_PRINCIPAL: Principal = { id: 'system', scopes: ['admin'] };

/** The position of one connector; what was stored for another file or mode does not count. */
export class PositionLedger<Position extends object> {
  readonly #log: Pick<Log, 'ledgerGet'>;
  readonly #key: string;
  readonly #identity: string;

  constructor(log: Pick<Log, 'ledgerGet'>, connector: string, identity: string) {
    this.#log = log;
    this.#key = connector;
    this.#identity = identity;
  }

  read(): Position | undefined {
    const value = this.#log.ledgerGet(CONNECTOR_SPACE, this.#key);
    if (value === undefined) return undefined;
    const stored = JSON.parse(textOf(value)) as { readonly identity: string; readonly position: Position };
    return stored.identity === this.#identity ? stored.position : undefined;
  }

  /** To be committed with the records that it follows. */
  put(position: Position): LedgerPut {
    return {
      space: CONNECTOR_SPACE,
      key: this.#key,
      value: utf8(JSON.stringify({ identity: this.#identity, position })),
    };
  }
}
