import { Backoff } from './backoff.ts';
import type { ApiClient } from './client.ts';
import { decodeFrame } from './decode.ts';
import { ApiError, decodeError } from './error.ts';
import { EventStreamParser } from './event-stream.ts';
import { object, optionalNumber, parseJson } from './json.ts';
import type { LiveFrame } from './types.ts';

export type StreamState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'waiting'; readonly retryAt: number; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

export interface LiveStreamHandlers {
  /** The stream starts over with a snapshot: forget what came before. */
  onReset(): void;
  onFrames(frames: readonly LiveFrame[]): void;
  onState(state: StreamState): void;
}

/** Statuses after which the same request cannot succeed. */
const FINAL_STATUSES = new Set([400, 403, 404]);
const GONE = 410;

/**
 * Follows a view or topic over server-sent events, comes back with the last offset after a break, and starts over when
 * that offset is past retention. Read with `fetch`, because `EventSource` can send neither a token nor an offset.
 */
export class LiveStream {
  readonly #client: ApiClient;
  readonly #path: string;
  readonly #handlers: LiveStreamHandlers;
  readonly #backoff = new Backoff();
  #abort = new AbortController();
  #offset: string | undefined;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: ApiClient, id: string, handlers: LiveStreamHandlers) {
    this.#client = client;
    this.#path = `/api/v2/stream/${encodeURIComponent(id)}`;
    this.#handlers = handlers;
    void this.#connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  async #connect(): Promise<void> {
    this.#handlers.onState({ kind: 'connecting' });
    this.#abort = new AbortController();
    try {
      await this.#follow();
      this.#retry('the server closed the stream');
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof ApiError && error.status === GONE) {
        this.#offset = undefined;
        this.#retry('the position was past retention; starting over');
      } else if (error instanceof ApiError && FINAL_STATUSES.has(error.status)) {
        this.#handlers.onState({ kind: 'refused', reason: error.message });
      } else {
        this.#retry(error instanceof ApiError ? error.message : 'the server cannot be reached');
      }
    }
  }

  async #follow(): Promise<void> {
    const headers = { accept: 'text/event-stream', ...this.#client.headers(), ...this.#resumeHeader() };
    const response = await fetch(`${this.#client.base}${this.#path}`, {
      headers,
      signal: this.#abort.signal,
      cache: 'no-store',
    });
    if (!response.ok || response.body === null) throw decodeError(parseOr(await response.text()), response.status);
    if (this.#offset === undefined) this.#handlers.onReset();
    this.#handlers.onState({ kind: 'live' });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventStreamParser();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const frames: LiveFrame[] = [];
      for (const event of parser.push(piece.value)) {
        if (event.event === 'error') throw lettingGo(event.data);
        const frame = decodeFrame(parseOr(event.data));
        if (frame === undefined) continue;
        frames.push(frame);
        // While the snapshot is under way a break means starting over: only what follows it can be resumed.
        if (frame.op !== 'snapshot') this.#offset = event.id || frame.offset || this.#offset;
      }
      if (frames.length > 0) {
        this.#backoff.reset();
        this.#handlers.onFrames(frames);
      }
    }
  }

  #resumeHeader(): Record<string, string> {
    return this.#offset === undefined ? {} : { 'last-event-id': this.#offset };
  }

  #retry(reason: string): void {
    if (this.#closed) return;
    const waitMs = this.#backoff.nextMs();
    this.#handlers.onState({ kind: 'waiting', retryAt: Date.now() + waitMs, reason });
    this.#timer = setTimeout(() => void this.#connect(), waitMs);
  }
}

/** What the server says when it ends a stream: a problem with its status. */
function lettingGo(data: string): ApiError {
  const problem = parseOr(data);
  return decodeError(problem, optionalNumber(object(problem).status) ?? 0);
}

function parseOr(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
