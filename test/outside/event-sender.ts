import { setTimeout as wait } from 'node:timers/promises';

const RETRY_MS = 20;
const ANSWER_MS_MAX = 5_000;

export interface SentEvent {
  readonly id: string;
  readonly account: string;
  readonly cents: number;
}

const ACCOUNTS = 40;
const CENTS_MAX = 10_000;
/** An amount that a table may be made to refuse. */
export const REFUSED_CENTS = 6_666;

function numeric(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}

/**
 * Sends events over HTTP, batch after batch, and keeps its own record of what was acknowledged. A request without an answer is sent again
 * with the same Idempotency-Key until it is acknowledged, whatever process answers by then.
 */
export class EventSender {
  readonly acknowledged: SentEvent[] = [];
  readonly #name: string;
  readonly #random: () => number;
  readonly #url: () => string;
  #sent = 0;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(name: string, random: () => number, url: () => string) {
    this.#name = name;
    this.#random = random;
    this.#url = url;
  }

  start(eventsPerRequest: number, everyMs: number): void {
    this.#running = this.#run(eventsPerRequest, everyMs);
  }

  /** Resolves when everything that was sent is acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(count: number, everyMs: number): Promise<void> {
    while (!this.#stopped) {
      const events = Array.from({ length: count }, () => this.#event());
      const body = events.map(
        ({ id, account, cents }) => `{"id":"${id}","account":"${account}","amount":${numeric(cents)}}`,
      );
      while (!(await this.#send(`${this.#name}-${this.#sent}`, body.join('\n'), count))) await wait(RETRY_MS);
      this.acknowledged.push(...events);
      await wait(everyMs);
    }
  }

  #event(): SentEvent {
    const id = `${this.#name}-${this.#sent++}`;
    const account = `a${Math.floor(this.#random() * ACCOUNTS)}`;
    const cents = this.#random() < 0.001 ? REFUSED_CENTS : Math.floor(this.#random() * CENTS_MAX);
    return { id, account, cents };
  }

  /** False when there was no answer, or none that acknowledges. */
  async #send(key: string, body: string, count: number): Promise<boolean> {
    try {
      const response = await fetch(`${this.#url()}/api/v2/ingest/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': key },
        body,
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      const answer = (await response.json()) as { readonly accepted?: number };
      if (response.status === 429 || response.status === 503) return false;
      if (response.status === 200 && answer.accepted === count) return true;
      throw new Refused(`${response.status} ${JSON.stringify(answer)}`);
    } catch (error) {
      if (error instanceof Refused) throw error;
      return false;
    }
  }
}

class Refused extends Error {}
