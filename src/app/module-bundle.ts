import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BuildFailure, Message, Plugin } from 'esbuild';
import { HeadraceError } from '../base/error.ts';
import type { UserModule } from '../plan/node.ts';

/** Target of user code: the oldest Node that runs it. */
const TARGET = 'node20';

/** `headrace` in user code is this installation's builder, wherever the project lies. */
function ownPackage(entryUrl: string): Plugin {
  return {
    name: 'headrace-package',
    setup(build) {
      build.onResolve({ filter: /^headrace$/ }, () => ({ path: entryUrl, external: true }));
    },
  };
}

/** The builder's compiled entry, also when this runs from source. */
function builderUrl(): string {
  const beside = new URL('../builder/index.js', import.meta.url);
  if (existsSync(fileURLToPath(beside))) return beside.href;
  return new URL('../../dist/builder/index.js', import.meta.url).href;
}

function failure(file: string, error: unknown): HeadraceError {
  const first: Message | undefined = (error as Partial<BuildFailure>).errors?.[0];
  const place = first?.location ?? undefined;
  return new HeadraceError(
    `bundling ${file}: ${first?.text ?? (error instanceof Error ? error.message : String(error))}`,
    {
      code: 'CONFIG_MODULE_INVALID',
      domain: 'config',
      cause: error,
      ...(place === undefined ? {} : { position: { file: place.file, line: place.line, column: place.column + 1 } }),
      next: 'correct the TypeScript file',
    },
  );
}

/**
 * Bundles one TypeScript file and all that it imports into a single ES module, stored by its content.
 *
 * @throws HeadraceError `CONFIG_MODULE_INVALID` with the position of a syntax error or an import that is not found
 */
export async function bundleModule(file: string): Promise<UserModule> {
  const { build } = await import('esbuild');
  try {
    const result = await build({
      entryPoints: [file],
      absWorkingDir: dirname(file),
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: TARGET,
      logLevel: 'silent',
      charset: 'utf8',
      plugins: [ownPackage(builderUrl())],
    });
    const code = result.outputFiles[0]?.text ?? '';
    return { hash: createHash('sha256').update(code).digest('hex'), code };
  } catch (error) {
    throw failure(file, error);
  }
}

/** Loads a bundle in this thread, from a file named by its content in `cacheDir`. */
export async function importModule(
  module: UserModule,
  cacheDir: string,
  source: string,
): Promise<Record<string, unknown>> {
  const path = join(cacheDir, `${module.hash}.mjs`);
  if (!existsSync(path)) {
    await mkdir(cacheDir, { recursive: true });
    const temporary = `${path}.${process.pid}`;
    await writeFile(temporary, module.code);
    await rename(temporary, path);
  }
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw new HeadraceError(
      `loading ${relative(process.cwd(), source)}: ${error instanceof Error ? error.message : String(error)}`,
      { code: 'CONFIG_MODULE_FAILED', domain: 'config', cause: error, next: 'correct the TypeScript file' },
    );
  }
}
