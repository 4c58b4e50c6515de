import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HeadraceError } from './error.ts';

/**
 * The URL to start a worker thread from: `name` beside the calling module. Workers run compiled JavaScript only; when
 * the caller runs from source (tests), its compiled twin under `dist/` is used, so tests need a build first.
 *
 * @param callerUrl `import.meta.url` of the caller
 * @param name file name without extension, relative to the caller, e.g. `./io-thread`
 */
export function workerEntry(callerUrl: string, name: string): URL {
  if (!callerUrl.endsWith('.ts')) return new URL(`${name}.js`, callerUrl);
  const source = new URL(`${name}.ts`, callerUrl);
  const compiled = new URL(source.href.replace(/\/src\/(?!.*\/src\/)/, '/dist/').replace(/\.ts$/, '.js'));
  if (!existsSync(fileURLToPath(compiled))) {
    throw new HeadraceError(`starting worker ${name}: ${fileURLToPath(compiled)} is missing`, {
      code: 'ENGINE_NOT_BUILT',
      domain: 'engine',
      next: 'run "npm run build" first',
    });
  }
  return compiled;
}
