import { HeadraceError, messageOf } from '../base/error.ts';
import { StackOrigin } from '../base/stack-origin.ts';
import { CALL_TIMEOUT_DEFAULT_MS, type CallOptions } from '../plan/call-options.ts';
import type { UserModule } from '../plan/node.ts';
import { TABLE_FUNCTION_ROWS_MAX } from '../plan/table-function.ts';
import { FunctionGuard, type GuardedFunction } from './effect/function-guard.ts';
import type { UserFunction } from './operator/row-evaluator.ts';

/** Finds the loaded functions of a pipeline's modules. @throws HeadraceError `ENGINE_USER_FUNCTION_MISSING`, `ENGINE_USER_FUNCTION_ASYNC` */
export type UserFunctionLookup = (module: string, exportName: string, options?: CallOptions) => UserFunction;

/** Calls that the message of a failure shows. */
const FRAMES_MAX = 10;

interface Loaded {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly origin: StackOrigin;
}

/**
 * Loads bundles of user functions from their text: no file is involved, so a worker runs the very bytes whose hash the
 * journal carries.
 * @throws HeadraceError `ENGINE_USER_MODULE_INVALID`
 */
export async function loadUserModules(
  modules: readonly UserModule[],
  guard: FunctionGuard = new FunctionGuard(),
): Promise<UserFunctionLookup> {
  const loaded = new Map<string, Loaded>();
  for (const { hash, code } of modules) {
    const place = `user-module-${hash}`;
    const text = `${new StackOrigin(code, []).code}\n//# sourceURL=${place}`;
    const url = `data:text/javascript;base64,${Buffer.from(text).toString('base64')}`;
    const origin = new StackOrigin(code, [place, url]);
    try {
      loaded.set(hash, { exports: (await import(url)) as Record<string, unknown>, origin });
    } catch (cause) {
      throw new HeadraceError(
        `loading user module ${hash.slice(0, 12)}: ${messageOf(cause)}${callsOf(cause, origin)}`,
        {
          code: 'ENGINE_USER_MODULE_INVALID',
          domain: 'engine',
          cause,
          next: 'bundle it as one ES module without imports',
        },
      );
    }
  }
  return (module, exportName, options) => {
    const found = loaded.get(module);
    const called = exported(found?.exports, exportName);
    if (found !== undefined && typeof called === 'function') {
      const spec: GuardedFunction = {
        name: exportName,
        key: `${module}#${exportName}`,
        timeoutMs: options?.timeoutMs ?? CALL_TIMEOUT_DEFAULT_MS,
        volatile: options?.volatile === true || options?.asynchronous === true,
      };
      const guarded = guard.watched(spec, called as UserFunction, (result) => collected(result, exportName));
      if (options?.asynchronous === true) return locatedLater(guarded, exportName, found.origin);
      if (isAsync(called) || ('run' in called && isAsync(called.run))) throw asynchronous(exportName);
      const throws = located(guarded, exportName, found.origin);
      return options?.onError === 'fail' ? guard.stopping(throws) : throws;
    }
    throw new HeadraceError(`calling user function ${exportName}: its module does not export it`, {
      code: 'ENGINE_USER_FUNCTION_MISSING',
      domain: 'engine',
      next: 'export the function from the module',
    });
  };
}

/** An export, or a function of an exported object: `median.accumulate`. */
function exported(exports: Loaded['exports'] | undefined, name: string): unknown {
  const dot = name.indexOf('.');
  if (dot < 0) return exports?.[name];
  const owner = exports?.[name.slice(0, dot)] as Readonly<Record<string, unknown>> | undefined;
  const part = owner?.[name.slice(dot + 1)];
  return typeof part === 'function' ? part.bind(owner) : part;
}

/** What the function throws says where in the user's files: it is all that the row's dead letter tells of it. */
function located(called: UserFunction, name: string, origin: StackOrigin): UserFunction {
  return (...args) => {
    let result: unknown;
    try {
      result = called(...args);
    } catch (cause) {
      throw failed(name, cause, origin);
    }
    if (!isPromise(result)) return result;
    result.then(undefined, () => {});
    throw asynchronous(name);
  };
}

/** As {@link located}, of a function that gives a promise. */
function locatedLater(called: UserFunction, name: string, origin: StackOrigin): UserFunction {
  return async (...args) => {
    try {
      return await called(...args);
    } catch (cause) {
      throw failed(name, cause, origin);
    }
  };
}

/** The rows of a generator, so that its body runs as part of the call. */
function collected(result: object, name: string): unknown {
  if (!('next' in result && Symbol.iterator in result)) return result;
  const rows: unknown[] = [];
  for (const row of result as Iterable<unknown>) {
    if (rows.push(row) > TABLE_FUNCTION_ROWS_MAX) {
      throw new Error(`${name} gives more than ${TABLE_FUNCTION_ROWS_MAX} rows for one call`);
    }
  }
  return rows;
}

function failed(name: string, cause: unknown, origin: StackOrigin): HeadraceError {
  if (cause instanceof HeadraceError && cause.code === 'ENGINE_USER_FUNCTION_TIMEOUT') return cause;
  return new HeadraceError(`user function ${name}: ${messageOf(cause)}${callsOf(cause, origin)}`, {
    code: 'ENGINE_USER_FUNCTION_FAILED',
    domain: 'engine',
    cause,
  });
}

function isAsync(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object AsyncFunction]';
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function asynchronous(exportName: string): HeadraceError {
  return new HeadraceError(`calling user function ${exportName}: it is asynchronous`, {
    code: 'ENGINE_USER_FUNCTION_ASYNC',
    domain: 'engine',
    next: 'declare it with async = true, or make it return its value at once',
  });
}

function callsOf(error: unknown, origin: StackOrigin): string {
  const frames = origin.framesOf(error).slice(0, FRAMES_MAX);
  return frames.map((at) => `\n    at ${at.function ?? '(anonymous)'} (${at.file}:${at.line}:${at.column})`).join('');
}
