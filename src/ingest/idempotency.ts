import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { LedgerPut, Log } from '../log/log.ts';
import { partsOf } from './body-bytes.ts';
import type { IngestRequest, IngestResult } from './ingest.ts';
import {
  IDEMPOTENCY_ENTRIES_MAX,
  IDEMPOTENCY_KEEP_MS,
  IDEMPOTENCY_KEY_LENGTH_MAX,
  IDEMPOTENCY_RECENT_MAX,
  IDEMPOTENCY_SWEEP_CHUNK,
} from './limits.ts';

/** Space of the ledger that holds answers. */
export const IDEMPOTENCY_SPACE = 'idempotency';

/** Value of an entry: u64 time in milliseconds, SHA-256 of the body, then the answer as JSON. Big-endian. */
const HASH_START = 8;
const ANSWER_START = HASH_START + 32;

/** One request that carries an idempotency key. */
export interface IdempotentRequest {
  readonly ledgerKey: string;
  readonly bodyHash: Uint8Array;
}

type Answer = Omit<IngestResult, 'replayed'>;

/**
 * The answers to idempotent requests. An answer is written in the same commit as its events, so it exists exactly when
 * they do. Offsets are not known when it is written; they are remembered in memory only.
 */
export class IdempotencyLedger {
  readonly #log: Pick<Log, 'ledgerGet' | 'ledgerEntries' | 'commit'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #inFlight = new Map<string, Promise<unknown>>();
  readonly #recent = new Map<string, Answer>();

  constructor(log: Pick<Log, 'ledgerGet' | 'ledgerEntries' | 'commit'>, clock: Pick<Clock, 'now'>) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Undefined for a request without a key. @throws HeadraceError `INGEST_IDEMPOTENCY_KEY_INVALID` */
  identify(request: IngestRequest): IdempotentRequest | undefined {
    const key = request.idempotencyKey;
    if (key === undefined) return undefined;
    if (key.length === 0 || key.length > IDEMPOTENCY_KEY_LENGTH_MAX) {
      throw new HeadraceError(`reading the idempotency key: it has ${key.length} characters`, {
        code: 'INGEST_IDEMPOTENCY_KEY_INVALID',
        domain: 'ingest',
        next: `send 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX}, for example a UUID`,
      });
    }
    const scope = JSON.stringify([request.principal.id, request.topic, key]);
    return {
      ledgerKey: createHash('sha256').update(scope).digest('base64url'),
      bodyHash: bodyHash(request),
    };
  }

  /**
   * Runs `work` unless the same request was answered before; requests with one key run one after another.
   * @throws HeadraceError `INGEST_IDEMPOTENCY_CONFLICT`
   */
  async once(request: IdempotentRequest, work: () => Promise<IngestResult>): Promise<IngestResult> {
    for (;;) {
      const running = this.#inFlight.get(request.ledgerKey);
      if (running === undefined) break;
      await running;
    }
    const known = this.#answer(request);
    if (known !== undefined) return known;
    const running = work();
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    this.#inFlight.set(request.ledgerKey, settled);
    try {
      const result = await running;
      this.#remember(request.ledgerKey, result);
      return result;
    } finally {
      this.#inFlight.delete(request.ledgerKey);
    }
  }

  /** The entry to commit with the events. */
  put(request: IdempotentRequest, answer: Answer): LedgerPut {
    const text = Buffer.from(JSON.stringify({ ...answer, placements: [] }));
    const value = Buffer.allocUnsafe(ANSWER_START + text.length);
    value.writeBigUInt64BE(BigInt(this.#clock.now()), 0);
    value.set(request.bodyHash, HASH_START);
    value.set(text, ANSWER_START);
    return { space: IDEMPOTENCY_SPACE, key: request.ledgerKey, value };
  }

  /** Removes what has expired, and the oldest beyond the limit; the owner calls it on a timer. */
  async sweep(): Promise<{ readonly removed: number }> {
    const entries: { key: string; time: number }[] = [];
    for (const [key, value] of this.#log.ledgerEntries(IDEMPOTENCY_SPACE)) entries.push({ key, time: timeOf(value) });
    entries.sort((a, b) => a.time - b.time);
    const oldest = this.#clock.now() - IDEMPOTENCY_KEEP_MS;
    const excess = entries.length - IDEMPOTENCY_ENTRIES_MAX;
    const gone = entries.filter((entry, at) => at < excess || entry.time <= oldest);
    for (let at = 0; at < gone.length; at += IDEMPOTENCY_SWEEP_CHUNK) {
      const chunk = gone.slice(at, at + IDEMPOTENCY_SWEEP_CHUNK);
      const puts = chunk.map(({ key }) => ({ space: IDEMPOTENCY_SPACE, key, value: undefined }));
      await this.#log.commit({ appends: [], puts });
      for (const { key } of chunk) this.#recent.delete(key);
    }
    return { removed: gone.length };
  }

  #answer(request: IdempotentRequest): IngestResult | undefined {
    const value = this.#log.ledgerGet(IDEMPOTENCY_SPACE, request.ledgerKey);
    if (value === undefined || timeOf(value) <= this.#clock.now() - IDEMPOTENCY_KEEP_MS) return undefined;
    if (Buffer.compare(value.subarray(HASH_START, ANSWER_START), request.bodyHash) !== 0) {
      throw new HeadraceError('accepting an idempotent request: its key was used before with another body', {
        code: 'INGEST_IDEMPOTENCY_CONFLICT',
        domain: 'ingest',
        next: 'send a new key with new content',
      });
    }
    const answer =
      this.#recent.get(request.ledgerKey) ??
      (JSON.parse(Buffer.from(value.subarray(ANSWER_START)).toString('utf8')) as Answer);
    return { ...answer, replayed: true };
  }

  #remember(key: string, answer: Answer): void {
    this.#recent.set(key, answer);
    if (this.#recent.size <= IDEMPOTENCY_RECENT_MAX) return;
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest);
      return;
    }
  }
}

function bodyHash({ format, body }: IngestRequest): Uint8Array {
  const hash = createHash('sha256').update(`${format}\n`);
  for (const part of partsOf(body)) hash.update(part);
  return hash.digest();
}

function timeOf(value: Uint8Array): number {
  return Number(Buffer.from(value.buffer, value.byteOffset, value.length).readBigUInt64BE(0));
}
