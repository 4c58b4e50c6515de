import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import { decideRetry, type RetryPolicy } from '../../base/retry.ts';
import {
  afterFailure,
  afterSuccess,
  type BreakerState,
  CLOSED,
  DEFAULT_BREAKER,
  mayAttempt,
} from '../../delivery/circuit-breaker.ts';
import type { Answer, Ask } from '../../engine/effect/effect.ts';
import type { Lookup } from '../../engine/effect/lookup.ts';
import { LookupCache } from './lookup-cache.ts';
import type { LookupOptions } from './lookup-options.ts';
import { LookupBusy, type LookupFound, type LookupKey, LookupRefused, type LookupSource } from './lookup-source.ts';

const BACKOFF: Pick<RetryPolicy, 'baseMs' | 'delayMsMax'> = { baseMs: 100, delayMsMax: 10_000 };

interface Wanted {
  readonly text: string;
  readonly key: LookupKey;
  readonly resolve: (answer: Answer) => void;
}

interface Attempt {
  readonly wanted: readonly Wanted[];
  readonly attempts: number;
  readonly firstAtMs: number;
}

/**
 * A look-up through a cache. A key that is being asked for is asked for once, whoever wants it; keys that wait are asked for together
 * where the source can. A source that fails is left alone for a while by a circuit breaker: its rows wait, and use up no attempt.
 */
export class CachedLookup implements Lookup {
  readonly #source: LookupSource;
  readonly #options: LookupOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #cache: LookupCache;
  readonly #policy: RetryPolicy;
  readonly #asked = new Map<string, Promise<Answer>>();
  readonly #controllers = new Set<AbortController>();
  readonly #cancels = new Set<() => void>();
  #queue: Wanted[] = [];
  #running = 0;
  #breaker: BreakerState = CLOSED;
  #closed = false;

  constructor(
    source: LookupSource,
    options: LookupOptions,
    parts: { readonly clock: Clock; readonly random: () => number },
  ) {
    this.#source = source;
    this.#options = options;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#cache = new LookupCache({
      entriesMax: options.cache,
      ttlMs: options.ttl,
      negativeTtlMs: options.negativeTtl,
    });
    this.#policy = { ...BACKOFF, attemptsMax: options.retries + 1, elapsedMsMax: Number.POSITIVE_INFINITY };
  }

  find(key: Ask['args']): Promise<Answer> {
    const text = JSON.stringify(key);
    const kept = this.#cache.get(text, this.#clock.monotonicMs());
    if (kept !== undefined) return Promise.resolve(kept.found ?? null);
    const asked = this.#asked.get(text);
    if (asked !== undefined) return asked;
    const answer = new Promise<Answer>((resolve) => {
      this.#queue.push({ text, key: key as LookupKey, resolve });
    });
    this.#asked.set(text, answer);
    // Soon, so that keys that come together are asked for together.
    queueMicrotask(() => this.#startNext());
    return answer;
  }

  #startNext(): void {
    while (this.#running < this.#options.concurrency && this.#queue.length > 0 && !this.#closed) {
      this.#running++;
      const wanted = this.#queue.splice(0, this.#source.batchMax);
      this.#attempt({ wanted, attempts: 1, firstAtMs: this.#clock.monotonicMs() });
    }
  }

  #attempt(attempt: Attempt): void {
    const may = mayAttempt(this.#breaker, DEFAULT_BREAKER, this.#clock.monotonicMs());
    this.#breaker = may.state;
    if (!may.allowed) {
      this.#after(Math.max(1, may.waitMs), () => this.#attempt(attempt));
      return;
    }
    const controller = new AbortController();
    this.#controllers.add(controller);
    let settled = false;
    const settle = (end: () => void): void => {
      if (settled || this.#closed) return;
      settled = true;
      cancel();
      this.#controllers.delete(controller);
      end();
    };
    const cancel = this.#after(this.#options.timeout, () => {
      settle(() => this.#failed(attempt, new Error(`there was no answer within ${this.#options.timeout} ms`)));
      controller.abort();
    });
    const keys = attempt.wanted.map(({ key }) => key);
    this.#source.fetch(keys, controller.signal).then(
      (found) => settle(() => this.#succeeded(attempt, found)),
      (error: unknown) => settle(() => this.#failed(attempt, error)),
    );
  }

  #after(delayMs: number, callback: () => void): () => void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#cancels.delete(cancel);
      callback();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  #succeeded({ wanted }: Attempt, found: readonly LookupFound[]): void {
    this.#breaker = afterSuccess();
    const nowMs = this.#clock.monotonicMs();
    wanted.forEach((one, at) => {
      this.#cache.set(one.text, found[at], nowMs);
      this.#answer(one, found[at] ?? null);
    });
    this.#end();
  }

  #failed(attempt: Attempt, error: unknown): void {
    const refused = error instanceof LookupRefused;
    const nowMs = this.#clock.monotonicMs();
    this.#breaker = refused ? afterSuccess() : afterFailure(this.#breaker, DEFAULT_BREAKER, nowMs);
    if (refused && attempt.wanted.length > 1) {
      this.#halve(attempt);
      return;
    }
    const { attempts, firstAtMs } = attempt;
    const askedMs = error instanceof LookupBusy ? error.askedMs : undefined;
    const failed = { attempts, firstAtMs, nowMs, retryable: !refused, askedMs };
    const decision = decideRetry(this.#policy, failed, this.#random());
    if (decision.kind === 'retry') {
      this.#after(decision.delayMs, () => this.#attempt({ ...attempt, attempts: attempts + 1 }));
      return;
    }
    const message = attempts === 1 ? messageOf(error) : `${messageOf(error)} (after ${attempts} attempts)`;
    for (const one of attempt.wanted) this.#answer(one, message);
    this.#end();
  }

  /** One of the keys is at fault: they are halved until it stands alone. */
  #halve({ wanted, attempts, firstAtMs }: Attempt): void {
    const half = Math.ceil(wanted.length / 2);
    this.#running++;
    this.#attempt({ wanted: wanted.slice(0, half), attempts, firstAtMs });
    this.#attempt({ wanted: wanted.slice(half), attempts, firstAtMs });
  }

  #answer({ text, resolve }: Wanted, answer: Answer): void {
    this.#asked.delete(text);
    resolve(answer);
  }

  #end(): void {
    this.#running--;
    this.#startNext();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#queue = [];
    for (const cancel of this.#cancels) cancel();
    for (const controller of this.#controllers) controller.abort();
    await this.#source.close();
  }
}
