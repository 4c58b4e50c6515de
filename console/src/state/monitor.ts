import { Backoff } from '../api/backoff.ts';
import type { ApiClient } from '../api/client.ts';
import { ApiError } from '../api/error.ts';
import type { Alert, PipelineStatus } from '../api/types.ts';
import { figuresOf } from './figures.ts';
import { History, RateMeter } from './history.ts';
import { Store } from './store.ts';

export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly retryAt: number; readonly reason: string }
  | { readonly kind: 'unauthorized' };

export interface MonitorState {
  readonly connection: Connection;
  readonly pipelines: readonly PipelineStatus[];
  /** Rows per second of `pipeline/from>to`. */
  readonly rates: ReadonlyMap<string, number>;
  readonly alerts: readonly Alert[];
  /** Total since the server's log began, or undefined when the server does not count them. */
  readonly deadLettersTotal: number | undefined;
  readonly latencyOf: 'end-to-end' | 'epoch';
  readonly history: History;
  /** Grows with each observation. */
  readonly version: number;
  /** How often the server has come back after a break. */
  readonly returns: number;
}

const POLL_MS = 1000;

/** Observes the server once a second, keeps an hour of it, and waits longer and longer while the server is away. */
export class Monitor {
  readonly state: Store<MonitorState>;
  readonly #client: ApiClient;
  readonly #backoff = new Backoff();
  readonly #meter = new RateMeter();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: ApiClient) {
    this.#client = client;
    this.state = new Store<MonitorState>({
      connection: { kind: 'connecting' },
      pipelines: [],
      rates: new Map(),
      alerts: [],
      deadLettersTotal: undefined,
      latencyOf: 'end-to-end',
      history: new History(),
      version: 0,
      returns: 0,
    });
  }

  start(): void {
    void this.#poll();
  }

  /** Asks at once instead of waiting for the next turn. */
  retryNow(): void {
    clearTimeout(this.#timer);
    void this.#poll();
  }

  async #poll(): Promise<void> {
    const started = Date.now();
    let waitMs = POLL_MS;
    try {
      await this.#observe();
      this.#backoff.reset();
      waitMs = Math.max(POLL_MS / 4, POLL_MS - (Date.now() - started));
    } catch (error) {
      waitMs = this.#backoff.nextMs();
      this.#lose(error, waitMs);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#poll(), waitMs);
  }

  async #observe(): Promise<void> {
    const [metrics, pipelines, alerts] = await Promise.all([
      this.#client.metrics(),
      this.#client.pipelines(),
      this.#client.alerts(),
    ]);
    const { history, version, returns, connection } = this.state.value;
    const atMs = Date.now();
    const figures = figuresOf(metrics, pipelines);
    if (history.last === undefined)
      for (const { at, recordsPerSecond, processedPerSecond, deadLettersPerSecond, ...levels } of metrics.history) {
        history.add({
          atMs: at,
          ingested: recordsPerSecond,
          processed: processedPerSecond,
          deadLetters: deadLettersPerSecond,
          ...levels,
        });
      }
    history.add({
      atMs,
      ingested: figures.ingestedPerSecond,
      processed: this.#meter.read('processed', figures.processedTotal, atMs),
      latencyP50Ms: figures.latencyP50Ms,
      latencyP99Ms: figures.latencyP99Ms,
      lagRecords: figures.lagRecords,
      deadLetters: this.#meter.read('dead letters', figures.deadLettersTotal, atMs),
      fsyncP99Ms: figures.fsyncP99Ms,
      memoryBytes: figures.memoryBytes,
    });
    const rates = new Map<string, number>();
    for (const pipeline of pipelines) {
      for (const edge of pipeline.edges) {
        const name = `${pipeline.name}/${edge.from}>${edge.to}`;
        const rate = this.#meter.read(name, edge.rows, atMs);
        if (rate !== undefined) rates.set(name, rate);
      }
    }
    this.state.set({
      connection: { kind: 'live' },
      pipelines,
      rates,
      alerts,
      deadLettersTotal: figures.deadLettersTotal,
      latencyOf: pipelines.length === 0 ? 'end-to-end' : figures.latencyOf,
      history,
      version: version + 1,
      returns: connection.kind === 'lost' ? returns + 1 : returns,
    });
  }

  #lose(error: unknown, waitMs: number): void {
    const unauthorized = error instanceof ApiError && error.status === 401;
    const reason = error instanceof ApiError ? error.message : 'the answer could not be read';
    const connection: Connection = unauthorized
      ? { kind: 'unauthorized' }
      : { kind: 'lost', retryAt: Date.now() + waitMs, reason };
    this.state.set({ ...this.state.value, connection });
  }
}
