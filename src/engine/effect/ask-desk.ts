import type { Clock } from '../../base/clock.ts';
import type { ExpressionContext } from '../operator/row-evaluator.ts';
import { CallDriver } from './call-driver.ts';
import type { Ask, AskTarget, Effect } from './effect.ts';
import type { EpochEffects, TaskAsks } from './task-asks.ts';
import { textCall } from './text-call.ts';

export interface AskDeskOptions {
  readonly asks: TaskAsks;
  readonly clock: Clock;
  readonly random: () => number;
  readonly userFunction: ExpressionContext['userFunction'];
  /** Hands asks to the main thread: look-ups, and functions on the pool. */
  readonly forward: (operator: string, target: AskTarget, asks: readonly Ask[]) => void;
  /** Answers are there. */
  readonly wake: () => void;
}

/** Between the operators that ask and those who answer: keeps the answers until an epoch takes them. */
export class AskDesk {
  readonly #options: AskDeskOptions;
  /** Of functions that give promises, by operator and call: these run on the task's own thread. */
  readonly #drivers = new Map<string, CallDriver>();
  #answers = new Map<string, Effect[]>();

  constructor(options: AskDeskOptions) {
    this.#options = options;
    for (const { id, asking } of options.asks.all) {
      asking.targets.forEach((target, call) => {
        if (target.kind === 'function' && target.options.asynchronous)
          this.#drivers.set(`${id} ${call}`, this.#drive(id, target));
      });
    }
  }

  #drive(operator: string, target: AskTarget & { kind: 'function' }): CallDriver {
    const { clock, random, userFunction } = this.#options;
    const { name, module, exportName, options } = target;
    return new CallDriver({
      clock,
      random,
      name,
      concurrency: options.concurrency,
      retries: options.retries,
      timeoutMs: options.timeoutMs,
      run: textCall(userFunction(module, exportName, options), target),
      done: (effect) => this.answer(operator, [effect]),
    });
  }

  /** Sends out what was not asked yet. */
  send(): void {
    for (const { id, asking } of this.#options.asks.all) {
      const asks = asking.asks();
      if (asks.length === 0) continue;
      asking.targets.forEach((target, call) => {
        const own = asks.filter((ask) => ask.call === call);
        if (own.length === 0) return;
        const driver = this.#drivers.get(`${id} ${call}`);
        if (driver === undefined) this.#options.forward(id, target, own);
        else driver.add(own);
      });
    }
  }

  answer(operator: string, effects: readonly Effect[]): void {
    const known = this.#answers.get(operator);
    if (known === undefined) this.#answers.set(operator, [...effects]);
    else known.push(...effects);
    this.#options.wake();
  }

  get hasAnswers(): boolean {
    return this.#answers.size > 0;
  }

  /** The answers since the last time. */
  take(): EpochEffects | undefined {
    if (this.#answers.size === 0) return undefined;
    const answers = Object.fromEntries(this.#answers);
    this.#answers = new Map();
    return answers;
  }

  close(): void {
    for (const driver of this.#drivers.values()) driver.close();
  }
}
