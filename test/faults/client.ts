/** A client that keeps its own record of what was acknowledged, and sends again what was not. */
import { createEventBody } from '../../bench/load/event-body.ts';
import { sleep } from './fault.ts';

const PAUSE_MS = 10;

interface Request {
  readonly key: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly ids: readonly string[];
}

/** What an answer said, so that a fault can tell whether clients were told clearly. */
export type Answers = Map<string, number>;

/** Numbers of events are given out to all clients of a trial. */
export interface EventCounter {
  next: number;
}

export interface ClientOptions {
  readonly name: string;
  readonly seed: number;
  readonly eventsPerRequest: number;
  readonly counter: EventCounter;
  readonly answers: Answers;
  /** Between two requests of it. */
  readonly pauseMs: number;
}

/** The answer was neither "accepted" nor "later": what was sent can never be accepted. */
class Refused extends Error {}

const LATER: readonly number[] = [429, 503, 507];

export class Client {
  readonly acknowledged: string[] = [];
  readonly #options: ClientOptions;
  readonly #make: ReturnType<typeof createEventBody>;
  #unanswered: Request | undefined;
  #sent = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#make = createEventBody(options.eventsPerRequest, options.seed);
  }

  #newRequest(): Request {
    const { name, counter, eventsPerRequest } = this.#options;
    this.#make.patch(counter.next, Date.now());
    counter.next += eventsPerRequest;
    const body = Uint8Array.from(this.#make.bytes);
    return { key: `${name}-${this.#sent++}`, body, ids: idsOf(this.#make.bytes) };
  }

  /** Sends one request after another; each until it is acknowledged. */
  async sendUntil(url: string, stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      this.#unanswered ??= this.#newRequest();
      const acknowledged = await this.#send(url, this.#unanswered);
      await sleep(acknowledged ? this.#options.pauseMs : PAUSE_MS);
    }
  }

  /** Sends what is still unanswered; afterwards every request of this client is acknowledged. */
  async settle(url: string): Promise<void> {
    while (this.#unanswered !== undefined) {
      if (!(await this.#send(url, this.#unanswered))) await sleep(PAUSE_MS);
    }
  }

  async #send(url: string, request: Request): Promise<boolean> {
    try {
      const response = await fetch(`${url}/api/v2/ingest/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': request.key },
        body: request.body,
      });
      const answer = (await response.json()) as { readonly accepted?: number; readonly code?: string };
      this.#count(response.status === 200 ? '200' : `${response.status} ${answer.code}`);
      if (LATER.includes(response.status)) return false;
      if (response.status !== 200 || answer.accepted !== request.ids.length) {
        throw new Refused(`sending ${request.key}: ${response.status} ${JSON.stringify(answer)}`);
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      this.#count('no answer');
      return false;
    }
    for (const id of request.ids) this.acknowledged.push(id);
    this.#unanswered = undefined;
    return true;
  }

  #count(answer: string): void {
    const { answers } = this.#options;
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
}

function idsOf(body: Buffer): string[] {
  return [...body.toString().matchAll(/"event_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
}
