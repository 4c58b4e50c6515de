import { Script } from 'node:vm';
import { HeadraceError, messageOf } from '../../base/error.ts';
import { GUARDED_CALLS, POISON_CALLS_MAX } from '../limits.ts';
import type { UserFunction } from '../operator/row-evaluator.ts';
import { functionStopped, functionTimeout } from './call-failure.ts';
import type { Asking, Effect } from './effect.ts';

/** Of the operators' ids none: names the effects of functions that run on the task's own thread. */
export const FUNCTIONS = 'functions';
/** Words that the task's thread shares with its watchdog: the number of calls, and the timeout of the one that runs (0 for none). */
export const HEARTBEAT_WORDS = 2;

export interface GuardedFunction {
  readonly name: string;
  /** Module and export. */
  readonly key: string;
  readonly timeoutMs: number;
  readonly volatile: boolean;
}

const THUNK = Symbol.for('headrace.guarded-call');
const script = new Script(`globalThis[Symbol.for('headrace.guarded-call')]()`);

/**
 * Calls user functions on the task's own thread so that one which never returns can be found. Every call is told to the watchdog of
 * the thread, at the cost of two stores in shared memory. It ends a thread that hangs; the one that follows calls
 * with V8's own timeout, which costs a thread per call, until it has met the row and some time after. The call that was ended is journaled by its
 * function and arguments with each epoch that comes to it: a replay does not make it.
 */
export class FunctionGuard {
  readonly asking: Asking;
  readonly #heartbeat: Int32Array;
  #guardedCalls: number;
  /** Calls that did not return: what they fail with. */
  readonly #poison = new Map<string, string>();
  #given: ReadonlyMap<string, string> | undefined;
  readonly #taken = new Map<string, string>();
  #failure: HeadraceError | undefined;
  /** Calls are looked at more closely than the watchdog does. */
  #isWary = false;

  constructor(options: { readonly heartbeat?: Int32Array | undefined; readonly guarded?: boolean } = {}) {
    this.#heartbeat = options.heartbeat ?? new Int32Array(HEARTBEAT_WORDS);
    this.#guardedCalls = options.guarded === true ? GUARDED_CALLS : 0;
    this.#weigh();
    this.asking = {
      targets: [],
      begin: (effects, replay) => this.#begin(effects, replay),
      taken: () => this.#takenEffects(),
      asks: () => [],
      waiting: 0,
      isFull: false,
    };
  }

  #begin(effects: readonly Effect[], replay: boolean): void {
    this.#given = replay ? new Map(effects.map(([, , answer]) => answer as unknown as [string, string])) : undefined;
    this.#weigh();
  }

  /** The function, of which a failure stops the pipeline at the end of the epoch. */
  stopping(called: UserFunction): UserFunction {
    return (...args) => {
      try {
        return called(...args);
      } catch (error) {
        this.#failure ??= functionStopped(messageOf(error), error);
        throw error;
      }
    };
  }

  #takenEffects(): readonly Effect[] {
    if (this.#failure !== undefined) throw this.#failure;
    const effects = Array.from(this.#taken, (entry): Effect => [0, 0, entry]);
    this.#taken.clear();
    return effects;
  }

  /**
   * The function, of which every call is watched. Throws what it throws, and `ENGINE_USER_FUNCTION_TIMEOUT`. `settle` makes a value of an
   * object that it gives, as part of the call.
   */
  watched(spec: GuardedFunction, called: UserFunction, settle: (result: object) => unknown = (r) => r): UserFunction {
    const heartbeat = this.#heartbeat;
    const { timeoutMs } = spec;
    return (...args) => {
      if (this.#isWary) {
        this.#refusePoison(spec, args);
        if (this.#guardedCalls > 0 && this.#given === undefined) return this.#callGuarded(spec, called, settle, args);
      }
      heartbeat[0] = (heartbeat[0]! + 1) | 0;
      heartbeat[1] = timeoutMs;
      try {
        const result = called(...args);
        return typeof result === 'object' && result !== null ? settle(result) : result;
      } finally {
        heartbeat[1] = 0;
      }
    };
  }

  /** A call did not return, now or where the epoch was made. */
  #weigh(): void {
    this.#isWary = this.#guardedCalls > 0 || (this.#given ?? this.#poison).size > 0;
  }

  #refusePoison(spec: GuardedFunction, args: readonly unknown[]): void {
    const known = this.#given ?? this.#poison;
    if (known.size === 0) return;
    const key = callKey(spec, args);
    const message = known.get(key);
    if (message === undefined) return;
    this.#taken.set(key, message);
    throw new HeadraceError(message, { code: 'ENGINE_USER_FUNCTION_TIMEOUT', domain: 'engine' });
  }

  #callGuarded(
    spec: GuardedFunction,
    called: UserFunction,
    settle: (result: object) => unknown,
    args: readonly unknown[],
  ): unknown {
    const scope = globalThis as unknown as Record<symbol, unknown>;
    scope[THUNK] = () => {
      const result = called(...args);
      return typeof result === 'object' && result !== null ? settle(result) : result;
    };
    try {
      const result = script.runInThisContext({ timeout: spec.timeoutMs }) as unknown;
      if (--this.#guardedCalls === 0) this.#weigh();
      return result;
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      this.#guardedCalls = GUARDED_CALLS;
      const failure = functionTimeout(spec.name, spec.timeoutMs);
      if (!spec.volatile) this.#remember(callKey(spec, args), failure.message);
      throw failure;
    } finally {
      scope[THUNK] = undefined;
    }
  }

  #remember(key: string, message: string): void {
    const [oldest] = this.#poison.keys();
    if (this.#poison.size >= POISON_CALLS_MAX && oldest !== undefined) this.#poison.delete(oldest);
    this.#poison.set(key, message);
    this.#weigh();
    this.#taken.set(key, message);
  }
}

/** Equal for the same function with the same arguments. */
function callKey({ key }: GuardedFunction, args: readonly unknown[]): string {
  const text = JSON.stringify(args, (_name, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  });
  return `${key}${text}`;
}
