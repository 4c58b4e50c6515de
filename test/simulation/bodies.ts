import { utf8 } from '../../src/base/bytes.ts';
import type { Ingest, IngestRequest, IngestResult } from '../../src/ingest/ingest.ts';
import type { Clients } from './clients.ts';
import { type EventGenerator, isBroken } from './input.ts';
import type { Sent } from './sent.ts';

const BODIES_MAX = 5;
const TOPICS = ['events', 'others'] as const;

interface Keyed {
  readonly sent: Sent;
  readonly request: IngestRequest;
  busy: boolean;
}

/** Those who come through the door of ingest: small bodies side by side, and larger ones that may carry an idempotency key. */
export class Bodies {
  readonly #clients: Clients;
  readonly #generator: EventGenerator;
  readonly #below: (count: number) => number;
  readonly #keyed: Keyed[] = [];

  constructor(clients: Clients, generator: EventGenerator, below: (count: number) => number) {
    this.#clients = clients;
    this.#generator = generator;
    this.#below = below;
  }

  /** Several events, each in a body of its own; not waited for. */
  sendSmall(ingest: Ingest): void {
    for (let left = 1 + this.#below(BODIES_MAX); left > 0; left--) {
      const topic = TOPICS[this.#below(2)]!;
      const request = requestOf(topic, [this.#generator.single()]);
      const sent = this.#begin(request);
      this.#clients.attempt(sent, () => accepted(ingest, request, sent));
    }
  }

  /** Lines in one body; not waited for. */
  sendLines(ingest: Ingest): void {
    const topic = TOPICS[this.#below(2)]!;
    const lines = Array.from({ length: 2 + this.#below(8) }, () => this.#generator.single());
    if (this.#below(2) === 0) {
      const request = requestOf(topic, lines);
      const sent = this.#begin(request);
      this.#clients.attempt(sent, () => accepted(ingest, request, sent));
      return;
    }
    const request = { ...requestOf(topic, lines), idempotencyKey: `request ${this.#keyed.length}` };
    this.#keyed.push({ sent: this.#begin(request), request, busy: false });
    this.#attempt(ingest, this.#keyed.at(-1)!);
  }

  /** A body with a key once more, whatever became of it before. */
  repeat(ingest: Ingest): void {
    if (this.#keyed.length > 0) this.#attempt(ingest, this.#keyed[this.#below(this.#keyed.length)]!);
  }

  #attempt(ingest: Ingest, keyed: Keyed): void {
    const { sent, request } = keyed;
    if (keyed.busy) return;
    keyed.busy = true;
    const before = sent.outcome;
    this.#clients.attempt(
      sent,
      async () => {
        const result = await ingest.accept(request);
        requireAnswer(sent, result);
        const { replayed } = result;
        if (before === 'done' && !replayed) throw new Error(`a request is answered anew: ${request.idempotencyKey}`);
        if (before === 'refused' && replayed) throw new Error(`a refused request is known: ${request.idempotencyKey}`);
      },
      () => {
        keyed.busy = false;
      },
    );
  }

  /** The process died. */
  disconnect(): void {
    for (const keyed of this.#keyed) keyed.busy = false;
  }

  #begin(request: IngestRequest): Sent {
    const lines = new TextDecoder().decode(request.body as Uint8Array).split('\n');
    const letters = lines.filter(isBroken);
    return this.#clients.begin([{ topic: request.topic, values: lines.filter((line) => !isBroken(line)) }], letters);
  }
}

function requestOf(topic: string, lines: readonly string[]): IngestRequest {
  return {
    topic,
    principal: { id: 'local', scopes: ['write'] },
    body: utf8(lines.join('\n')),
    format: 'ndjson',
    idempotencyKey: undefined,
  };
}

async function accepted(ingest: Ingest, request: IngestRequest, sent: Sent): Promise<void> {
  requireAnswer(sent, await ingest.accept(request));
}

/** Keeps where the events are said to be. @throws Error when they are not those that were sent */
function requireAnswer({ parts, letters }: Sent, { accepted, refused, placements, replayed }: IngestResult): void {
  const part = parts[0]!;
  const told = placements.reduce((sum, { records }) => sum + records, 0);
  const isWhole = accepted === part.values.length && refused === letters.length;
  if (!isWhole || (told !== accepted && !(replayed && told === 0)) || placements.length > 1)
    throw new Error(
      `${accepted} events are accepted and ${refused} refused, ${told} of them placed: ${part.values[0]}`,
    );
  const [place] = placements;
  if (place !== undefined) part.place = { partition: place.partition, offset: place.baseOffset };
}
