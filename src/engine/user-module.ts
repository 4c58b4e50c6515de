import { HeadraceError, messageOf } from '../base/error.ts';
import type { UserModule } from '../plan/node.ts';
import type { UserFunction } from './row-evaluator.ts';

/** Finds the loaded functions of a pipeline's modules. @throws HeadraceError `ENGINE_USER_FUNCTION_MISSING` */
export type UserFunctionLookup = (module: string, exportName: string) => UserFunction;

/**
 * Loads bundles of user functions from their text: no file is involved, so a worker runs the very bytes whose hash the
 * journal carries.
 * @throws HeadraceError `ENGINE_USER_MODULE_INVALID`
 */
export async function loadUserModules(modules: readonly UserModule[]): Promise<UserFunctionLookup> {
  const loaded = new Map<string, Record<string, unknown>>();
  for (const module of modules) {
    const url = `data:text/javascript;base64,${Buffer.from(module.code).toString('base64')}`;
    try {
      loaded.set(module.hash, (await import(url)) as Record<string, unknown>);
    } catch (cause) {
      throw new HeadraceError(`loading user module ${module.hash.slice(0, 12)}: ${messageOf(cause)}`, {
        code: 'ENGINE_USER_MODULE_INVALID',
        domain: 'engine',
        cause,
        next: 'bundle it as one ES module without imports',
      });
    }
  }
  return (module, exportName) => {
    const found = loaded.get(module)?.[exportName];
    if (typeof found === 'function') return found as UserFunction;
    throw new HeadraceError(`calling user function ${exportName}: its module does not export it`, {
      code: 'ENGINE_USER_FUNCTION_MISSING',
      domain: 'engine',
      next: 'export the function from the module',
    });
  };
}
