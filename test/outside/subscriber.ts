import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';

const RETRY_MS = 10;

export interface Frame {
  readonly op: 'snapshot' | 'upsert' | 'delete' | 'append' | 'caught-up';
  readonly key: string | null;
  readonly row: unknown;
  readonly offset: string;
}

export interface Subscription {
  readonly stream: string;
  readonly by: 'events' | 'socket';
  /** Whether it hangs up by itself now and then. */
  readonly restless: boolean;
}

/**
 * Follows a stream as a client does: it keeps the frames that it has had and the offset of the last one, and comes back with it whenever
 * the connection ends, whatever process answers by then.
 */
export class Subscriber {
  readonly subscription: Subscription;
  readonly frames: Frame[] = [];
  /** Connections in which something came. */
  connections = 0;
  readonly #random: () => number;
  readonly #url: () => string;
  #offset = '';
  #stop = new AbortController();
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(subscription: Subscription, random: () => number, url: () => string) {
    this.subscription = subscription;
    this.#random = random;
    this.#url = url;
  }

  get title(): string {
    const { stream, by, restless } = this.subscription;
    return `${restless ? 'restless ' : ''}subscriber of ${stream} over ${by === 'events' ? 'SSE' : 'WebSocket'}`;
  }

  get offset(): string {
    return this.#offset;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** @throws what it was told and may not be told */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted && this.#failure === undefined) {
      const hangUp = new AbortController();
      const timer = this.subscription.restless
        ? setTimeout(() => hangUp.abort(), 20 + this.#random() * 400)
        : undefined;
      const before = this.frames.length;
      const signal = AbortSignal.any([this.#stop.signal, hangUp.signal]);
      // A connection that ends is what this is about.
      await (this.subscription.by === 'events' ? this.#events(signal) : this.#socket(signal)).catch(() => undefined);
      clearTimeout(timer);
      if (this.frames.length > before) this.connections += 1;
      await wait(RETRY_MS);
    }
  }

  async #events(signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = this.#offset === '' ? {} : { 'last-event-id': this.#offset };
    const response = await fetch(`${this.#url()}/api/v2/stream/${this.subscription.stream}`, { headers, signal });
    if (response.status === 410) this.#failure = new Error(`${this.title}: ${await response.text()}`);
    if (response.status !== 200) return;
    this.#begin();
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const messages = text.split('\n\n');
      text = messages.pop()!;
      for (const message of messages) this.#message(message);
      if (signal.aborted) return;
    }
  }

  #message(message: string): void {
    const field = (name: string): string | undefined =>
      message
        .split('\n')
        .find((line) => line.startsWith(`${name}: `))
        ?.slice(name.length + 2);
    const data = field('data');
    if (data === undefined) return;
    if (field('event') === 'error') {
      if (data.includes('SERVING_OFFSET_GONE')) this.#failure = new Error(`${this.title}: ${data}`);
      return;
    }
    this.#take(JSON.parse(data) as Frame);
  }

  async #socket(signal: AbortSignal): Promise<void> {
    const offset = this.#offset === '' ? '' : `?offset=${this.#offset}`;
    const socket = new WebSocket(
      `${this.#url().replace('http', 'ws')}/api/v2/stream/${this.subscription.stream}${offset}`,
    );
    const end = (): void => socket.terminate();
    signal.addEventListener('abort', end);
    socket.on('open', () => this.#begin());
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      if (!signal.aborted) this.#take(JSON.parse(String(data)) as Frame);
    });
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    signal.removeEventListener('abort', end);
    if (code === 1008) this.#failure = new Error(`${this.title}: ${String(reason)}`);
  }

  /** A client that has no offset yet begins anew, with another snapshot. */
  #begin(): void {
    if (this.#offset === '') this.frames.length = 0;
  }

  #take(frame: Frame): void {
    if (frame.offset !== '') this.#offset = frame.offset;
    this.frames.push(frame);
  }
}
