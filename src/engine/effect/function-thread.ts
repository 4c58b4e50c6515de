import { parentPort } from 'node:worker_threads';
import { HeadraceError, messageOf } from '../../base/error.ts';
import { loadUserModules, type UserFunctionLookup } from '../user-module.ts';
import type { PoolCall, PoolMessage, PoolResult } from './function-pool.ts';
import { textCall } from './text-call.ts';

/** A thread of the pool of functions: one call after the other, as they are posted. */
const port = parentPort;
const loaded = new Map<string, Promise<UserFunctionLookup>>();

async function answer({ module, target, args }: PoolCall): Promise<PoolResult> {
  if (module !== undefined) loaded.set(module.hash, loadUserModules([module]));
  try {
    const lookup = await loaded.get(target.module)!;
    const call = textCall(lookup(target.module, target.exportName, target.options), target);
    port?.postMessage({ begins: true } satisfies PoolMessage);
    return { answer: await call(args) };
  } catch (error) {
    const code = error instanceof HeadraceError ? error.code : 'ENGINE_USER_FUNCTION_FAILED';
    return { error: messageOf(error), code };
  }
}

port?.on('message', (call: PoolCall) => {
  void answer(call).then((result) => port.postMessage(result));
});
