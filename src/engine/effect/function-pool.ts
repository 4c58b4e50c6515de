import { Worker } from 'node:worker_threads';
import type { Clock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import { workerEntry } from '../../base/worker-entry.ts';
import type { UserModule } from '../../plan/node.ts';
import { functionTimeout } from './call-failure.ts';
import type { Answer, Ask, AskTarget } from './effect.ts';

type FunctionTarget = AskTarget & { readonly kind: 'function' };

/** One call, to a thread of the pool. */
export interface PoolCall {
  /** Undefined: the thread has it already. */
  readonly module: UserModule | undefined;
  readonly target: FunctionTarget;
  readonly args: Ask['args'];
}

/** What a thread posts: that the call begins, then what it came to. */
export type PoolMessage = PoolResult | { readonly begins: true };
export type PoolResult = { readonly answer: Answer } | { readonly error: string; readonly code: string };

interface Job {
  readonly module: UserModule;
  readonly target: FunctionTarget;
  readonly args: Ask['args'];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Runs functions that compute for long on a bounded number of worker threads, each one call at a time. A thread whose call takes too long
 * is ended, and another takes its place. Threads are started when they are needed.
 */
export class FunctionPool {
  readonly #size: number;
  readonly #clock: Clock;
  readonly #idle: PoolThread[] = [];
  readonly #all = new Set<PoolThread>();
  readonly #jobs: Job[] = [];
  #closed = false;

  constructor(size: number, clock: Clock) {
    this.#size = size;
    this.#clock = clock;
  }

  /** Rejects with what the function throws, or `ENGINE_USER_FUNCTION_TIMEOUT`. */
  run(module: UserModule, target: FunctionTarget, args: Ask['args']): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ module, target, args, resolve, reject });
      this.#startNext();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#jobs.length = 0;
    await Promise.all([...this.#all].map((thread) => thread.end()));
    this.#all.clear();
  }

  #startNext(): void {
    while (this.#jobs.length > 0 && !this.#closed) {
      const thread = this.#idle.pop() ?? this.#spawn();
      if (thread === undefined) return;
      void this.#runOn(thread, this.#jobs.shift()!);
    }
  }

  #spawn(): PoolThread | undefined {
    if (this.#all.size >= this.#size) return undefined;
    const thread = new PoolThread();
    this.#all.add(thread);
    return thread;
  }

  async #runOn(thread: PoolThread, job: Job): Promise<void> {
    const { timeoutMs } = job.target.options;
    let isLate = false;
    let cancel = (): void => {};
    const begins = (): void => {
      cancel = this.#clock.after(timeoutMs, () => {
        isLate = true;
        void thread.end();
      });
    };
    const result = await thread.call(job, begins);
    cancel();
    if (result === undefined) this.#all.delete(thread);
    else this.#idle.push(thread);
    if (result !== undefined && 'answer' in result) job.resolve(result.answer);
    else if (isLate) job.reject(functionTimeout(job.target.name, timeoutMs));
    else job.reject(failure(job.target.name, result));
    this.#startNext();
  }
}

function failure(name: string, result: { readonly error: string; readonly code: string } | undefined): HeadraceError {
  if (result !== undefined) return new HeadraceError(result.error, { code: result.code, domain: 'engine' });
  return new HeadraceError(`user function ${name}: its thread of the pool ended`, {
    code: 'ENGINE_USER_FUNCTION_FAILED',
    domain: 'engine',
    next: 'see whether it ends the process, or takes more memory than there is',
  });
}

class PoolThread {
  readonly #worker = new Worker(workerEntry(import.meta.url, './function-thread'), { name: 'headrace-function' });
  readonly #loaded = new Set<string>();
  #waiter: ((result: PoolResult | undefined) => void) | undefined;
  #begins: () => void = () => {};
  #ended = false;

  constructor() {
    this.#worker.unref();
    this.#worker.on('message', (message: PoolMessage) => {
      if ('begins' in message) this.#begins();
      else this.#settle(message);
    });
    this.#worker.on('error', () => this.#settle(undefined));
    this.#worker.on('exit', () => this.#settle(undefined));
  }

  #settle(result: PoolResult | undefined): void {
    if (result === undefined) this.#ended = true;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.(result);
  }

  /** Undefined when the thread has ended. `begins` is called when the module is loaded: the time of the function counts from then. */
  call({ module, target, args }: Job, begins: () => void): Promise<PoolResult | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    const isKnown = this.#loaded.has(module.hash);
    this.#loaded.add(module.hash);
    return new Promise((resolve) => {
      this.#waiter = resolve;
      this.#begins = begins;
      this.#worker.postMessage({ module: isKnown ? undefined : module, target, args } satisfies PoolCall);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
