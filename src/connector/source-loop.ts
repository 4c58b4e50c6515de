import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { SourceConnector, SourceStatus } from './connector.ts';

/** Waits between attempts after a failure that may pass: doubled from the first to the last. */
export const RETRY_MS_MIN = 500;
export const RETRY_MS_MAX = 30_000;

/** What one step of a source brought. */
export interface SourceStep {
  readonly records: number;
  readonly refused: number;
  /** When to go on, or that there is nothing more to come. */
  readonly next: { readonly kind: 'after'; readonly delayMs: number } | { readonly kind: 'done' };
}

export interface SourceLoopOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Reads and commits a piece, its position with it; a step that throws has committed nothing and is run again. */
  readonly step: () => Promise<SourceStep>;
  readonly close: () => void;
}

/** Runs a source step by step: retries what may pass, ends with an error what may not, and stops between two steps. */
export class SourceLoop implements SourceConnector {
  readonly name: string;
  readonly done: Promise<void>;
  readonly #options: SourceLoopOptions;
  #resolveDone: () => void = () => {};
  #rejectDone: (error: Error) => void = () => {};
  #state: SourceStatus['state'] = 'starting';
  #records = 0;
  #refused = 0;
  #error: Error | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(options: SourceLoopOptions) {
    this.name = options.name;
    this.#options = options;
    this.done = new Promise((resolve, reject) => {
      this.#resolveDone = resolve;
      this.#rejectDone = reject;
    });
    // Whoever waits for the end hears of the error; nobody has to.
    this.done.catch(() => undefined);
  }

  start(): void {
    if (this.#running !== undefined) return;
    this.#state = 'running';
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    if (this.#state === 'running' || this.#state === 'starting') this.#state = 'stopped';
    this.#wake?.();
    await this.#running;
  }

  status(): SourceStatus {
    return { state: this.#state, records: this.#records, refused: this.#refused, error: this.#error };
  }

  async #run(): Promise<void> {
    let retryMs = RETRY_MS_MIN;
    while (this.#state === 'running') {
      try {
        const { records, refused, next } = await this.#options.step();
        this.#records += records;
        this.#refused += refused;
        this.#error = undefined;
        retryMs = RETRY_MS_MIN;
        if (next.kind === 'done') this.#end('done');
        else if (next.delayMs > 0) await this.#sleep(next.delayMs);
      } catch (error) {
        this.#error = error instanceof Error ? error : new Error(String(error));
        if (!(error instanceof HeadraceError && error.retryable)) this.#end('failed');
        else {
          this.#options.logger.warn('source is retried', { connector: this.name, error, retry_ms: retryMs });
          await this.#sleep(retryMs);
          retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
        }
      }
    }
    this.#options.close();
  }

  #end(state: 'done' | 'failed'): void {
    if (this.#state === 'running') this.#state = state;
    if (state === 'done') {
      this.#resolveDone();
      return;
    }
    const error = this.#error ?? new Error('unknown');
    this.#options.logger.error('source has failed', { connector: this.name, error });
    this.#rejectDone(error);
  }

  #sleep(delayMs: number): Promise<void> {
    if (this.#state !== 'running') return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
