import type { Clock } from '../../base/clock.ts';
import { HeadraceError } from '../../base/error.ts';
import type { UserModule } from '../../plan/node.ts';
import { CallDriver } from './call-driver.ts';
import type { Ask, AskTarget, Effect } from './effect.ts';
import type { FunctionPool } from './function-pool.ts';
import type { Lookup, LookupFactory } from './lookup.ts';

export interface AskServiceOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly modules: readonly UserModule[];
  readonly pool: FunctionPool;
  readonly lookups: LookupFactory | undefined;
  /** Calls back soon, after what is ready has run. */
  readonly soon: (callback: () => void) => void;
  readonly answer: (operator: string, effects: readonly Effect[]) => void;
}

/** Answers on the main thread what one task asks: look-ups, and functions on the pool. It ends with its task. */
export class AskService {
  readonly #options: AskServiceOptions;
  readonly #drivers = new Map<string, CallDriver>();
  readonly #lookups = new Map<string, Lookup>();
  /** Answers of one turn go in one message. */
  #answers = new Map<string, Effect[]>();
  #closed = false;

  constructor(options: AskServiceOptions) {
    this.#options = options;
  }

  /** @throws HeadraceError when nobody can answer */
  ask(operator: string, target: AskTarget, asks: readonly Ask[]): void {
    if (this.#closed) return;
    if (target.kind === 'lookup') this.#lookUp(operator, target, asks);
    else this.#driver(operator, asks[0]!.call, target).add(asks);
  }

  #lookUp(operator: string, target: AskTarget & { kind: 'lookup' }, asks: readonly Ask[]): void {
    const lookup = this.#lookups.get(operator) ?? this.#open(target);
    this.#lookups.set(operator, lookup);
    for (const { slot, call, args } of asks) {
      void lookup.find(args).then((answer) => this.#done(operator, [slot, call, answer]));
    }
  }

  #open(target: AskTarget & { kind: 'lookup' }): Lookup {
    const { lookups } = this.#options;
    if (lookups !== undefined) return lookups(target);
    throw new HeadraceError(`opening a look-up: connector "${target.connector}" is not there`, {
      code: 'CONFIG_CONNECTOR_UNKNOWN',
      domain: 'engine',
      next: 'run the pipeline in a project that has it',
    });
  }

  #driver(operator: string, call: number, target: AskTarget & { kind: 'function' }): CallDriver {
    const key = `${operator} ${call}`;
    const known = this.#drivers.get(key);
    if (known !== undefined) return known;
    const { clock, random, pool, modules } = this.#options;
    const { concurrency, retries } = target.options;
    const module = modules.find(({ hash }) => hash === target.module)!;
    const driver = new CallDriver({
      clock,
      random,
      name: target.name,
      concurrency,
      retries,
      timeoutMs: undefined,
      run: (args) => pool.run(module, target, args),
      done: (effect) => this.#done(operator, effect),
    });
    this.#drivers.set(key, driver);
    return driver;
  }

  #done(operator: string, effect: Effect): void {
    if (this.#closed) return;
    if (this.#answers.size === 0) this.#options.soon(() => this.#flush());
    const known = this.#answers.get(operator);
    if (known === undefined) this.#answers.set(operator, [effect]);
    else known.push(effect);
  }

  #flush(): void {
    const answers = this.#answers;
    this.#answers = new Map();
    if (this.#closed) return;
    for (const [operator, effects] of answers) this.#options.answer(operator, effects);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const driver of this.#drivers.values()) driver.close();
    await Promise.all([...this.#lookups.values()].map((lookup) => lookup.close()));
  }
}
