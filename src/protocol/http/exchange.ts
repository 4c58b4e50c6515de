import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../../base/error.ts';
import type { Principal } from '../../security/principal.ts';
import { contentEncodingOf, decompress } from './content-encoding.ts';
import type { Gate } from './gate.ts';
import { JSON_BODY_BYTES_MAX } from './limit.ts';
import type { LiveSink } from './live-pump.ts';
import { parseMediaType } from './media-type.ts';
import type { DoorLimits } from './options.ts';
import { httpError } from './problem.ts';
import { type BodyBudget, BodyInMemory, type HeldBody, readBody } from './request-body.ts';
import type { Exchange, Route } from './route.ts';
import type { HttpServices } from './services.ts';
import type { SystemHistory } from './system-history.ts';

/** What all exchanges of a door share. */
export interface DoorState {
  readonly services: HttpServices;
  readonly limits: DoorLimits;
  readonly budget: BodyBudget;
  readonly gate: Gate;
  readonly routes: readonly Route[];
  readonly history: SystemHistory;
}

/** One request under way. */
export class RequestExchange implements Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly principal: Principal;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly openSink: () => LiveSink | Promise<LiveSink>;
  readonly #state: DoorState;
  #held: HeldBody[] | undefined;
  #abort: AbortController | undefined;
  readonly #onClose = (): void => this.#abort?.abort();

  constructor(
    state: DoorState,
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
    parameters: Readonly<Record<string, unknown>>,
    openSink: () => LiveSink | Promise<LiveSink>,
  ) {
    this.#state = state;
    this.request = request;
    this.response = response;
    this.principal = principal;
    this.parameters = parameters;
    this.openSink = openSink;
  }

  get services(): HttpServices {
    return this.#state.services;
  }

  get limits(): DoorLimits {
    return this.#state.limits;
  }

  get routes(): readonly Route[] {
    return this.#state.routes;
  }

  get history(): SystemHistory {
    return this.#state.history;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      if (this.request.socket.destroyed) abort.abort();
      else this.request.socket.once('close', this.#onClose);
    }
    return this.#abort.signal;
  }

  body(): Promise<HeldBody> {
    return this.#read(this.#state.limits.bodyBytesMax);
  }

  async json(): Promise<unknown> {
    const { type } = parseMediaType(this.request.headers['content-type'] ?? '');
    if (type !== 'application/json') {
      throw httpError(
        'HTTP_MEDIA_TYPE',
        `reading the body: Content-Type "${type}" is not taken here`,
        'send application/json',
      );
    }
    const bytes = (await this.#read(JSON_BODY_BYTES_MAX)).whole();
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (error) {
      throw httpError(
        'HTTP_BODY_INVALID',
        `reading the body: it is not JSON in UTF-8 (${messageOf(error)})`,
        'correct it',
        error,
      );
    }
  }

  /** Gives the bytes of the bodies back, and leaves the connection alone; called by the door when the handler is done. */
  release(): void {
    // Its connection may go on for days with other requests.
    this.request.socket.off('close', this.#onClose);
    if (this.#held === undefined) return;
    for (const held of this.#held) held.release();
    this.#held = undefined;
  }

  async #read(bytesMax: number): Promise<HeldBody> {
    const { budget, gate } = this.#state;
    const encoding = contentEncodingOf(this.request.headers['content-encoding']);
    const raw = await readBody(this.request, this.response, bytesMax, budget);
    this.#held = [raw];
    if (encoding === 'identity') return raw;
    const bytes = await gate.run(() => decompress(raw.whole(), encoding, bytesMax));
    budget.take(bytes.byteLength);
    const plain = new BodyInMemory([bytes], bytes.byteLength, budget);
    this.#held.push(plain);
    return plain;
  }
}
