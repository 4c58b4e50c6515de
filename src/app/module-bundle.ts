import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BuildFailure, Message, Plugin } from 'esbuild';
import { HeadraceError, messageOf } from '../base/error.ts';
import { StackOrigin, withSourceMap } from '../base/stack-origin.ts';
import type { UserModule } from '../plan/node.ts';

/** Target of user code: the oldest Node that runs it. */
const TARGET = 'node20';
const OWN_PACKAGE = /^headrace(\/testing)?$/;

/** `headrace` in a file that is loaded here is this installation's builder, wherever the project lies. */
function realBuilder(): Plugin {
  return {
    name: 'headrace-builder',
    setup(build) {
      build.onResolve({ filter: OWN_PACKAGE }, ({ path }) => ({
        path: builtFile(path === 'headrace' ? 'builder/index.js' : 'testing/index.js').href,
        external: true,
      }));
    },
  };
}

/** `headrace` in a file whose functions go to the workers does nothing but leave them as they are (builder/inert.ts). */
function inertBuilder(): Plugin {
  const namespace = 'headrace';
  return {
    name: 'headrace-inert',
    setup(build) {
      build.onResolve({ filter: OWN_PACKAGE }, () => ({ path: 'builder', namespace }));
      build.onLoad({ filter: /./, namespace }, async () => ({
        contents: await readFile(builtFile('builder/inert.js'), 'utf8'),
        loader: 'js',
      }));
    },
  };
}

/** A compiled file of this package, also when this runs from source. */
function builtFile(path: string): URL {
  const beside = new URL(`../${path}`, import.meta.url);
  return existsSync(fileURLToPath(beside)) ? beside : new URL(`../../dist/${path}`, import.meta.url);
}

function failure(file: string, root: string, error: unknown): HeadraceError {
  const first: Message | undefined = (error as Partial<BuildFailure>).errors?.[0];
  const place = first?.location ?? undefined;
  return new HeadraceError(`bundling ${shown(file)}: ${first?.text ?? messageOf(error)}`, {
    code: 'CONFIG_MODULE_INVALID',
    domain: 'config',
    cause: error,
    ...(place && {
      position: { file: shown(resolve(root, place.file)), line: place.line, column: place.column + 1 },
    }),
    next: 'correct the TypeScript file',
  });
}

/** A path as people write it. */
const shown = (file: string): string => relative(process.cwd(), file);

/** Where user code begins: its files are named from here in stacks, and its bundles do not depend on where this lies. */
interface ModulePlace {
  readonly file: string;
  /** The project's folder. */
  readonly root: string;
}

interface Bundle {
  readonly module: UserModule;
  readonly exports: readonly string[];
}

/** The hash is that of the code alone: an edit of a comment moves lines, and changes nothing. */
async function bundle({ file, root }: ModulePlace, builder: Plugin): Promise<Bundle> {
  const { build } = await import('esbuild');
  try {
    const { outputFiles, metafile } = await build({
      entryPoints: [file],
      absWorkingDir: root,
      // Nothing is written: the name is what the sources in the map are relative to.
      outfile: join(root, 'bundle.js'),
      bundle: true,
      write: false,
      metafile: true,
      sourcemap: 'external',
      sourcesContent: false,
      format: 'esm',
      platform: 'node',
      target: TARGET,
      logLevel: 'silent',
      charset: 'utf8',
      plugins: [builder],
    });
    const code = outputFiles.find(({ path }) => path.endsWith('.js'))?.text ?? '';
    const map = outputFiles.find(({ path }) => path.endsWith('.map'))?.text ?? '{}';
    const hash = createHash('sha256').update(code).digest('hex');
    const exports = Object.values(metafile.outputs).flatMap((output) => output.exports);
    return { module: { hash, code: withSourceMap(code, map) }, exports };
  } catch (error) {
    throw failure(file, root, error);
  }
}

/**
 * Bundles one TypeScript file and all that it imports into a single ES module without imports, for the workers that call
 * its functions.
 *
 * @throws HeadraceError `CONFIG_MODULE_INVALID` with the position of a syntax error or an import that is not found
 */
export function bundleFunctions(place: ModulePlace): Promise<Bundle> {
  return bundle(place, inertBuilder());
}

/**
 * Loads a TypeScript file with all that it imports in this thread, from a bundle named by its content in `cacheDir`.
 *
 * @throws HeadraceError `CONFIG_MODULE_INVALID`, `CONFIG_MODULE_FAILED` with the position where the file itself threw
 */
export async function loadModule(place: ModulePlace, cacheDir: string): Promise<Record<string, unknown>> {
  const { hash, code: text } = (await bundle(place, realBuilder())).module;
  const path = join(cacheDir, `${hash}.mjs`);
  const { href } = pathToFileURL(path);
  const origin = new StackOrigin(text, [href, path]);
  await store(path, origin.code);
  try {
    return (await import(href)) as Record<string, unknown>;
  } catch (error) {
    const [at] = origin.framesOf(error);
    throw new HeadraceError(`loading ${shown(place.file)}: ${messageOf(error)}`, {
      code: 'CONFIG_MODULE_FAILED',
      domain: 'config',
      cause: error,
      ...(at && { position: { file: shown(resolve(place.root, at.file)), line: at.line, column: at.column } }),
      ...(error instanceof HeadraceError ? {} : { next: 'correct the TypeScript file' }),
    });
  }
}

/**
 * Bundles a test in TypeScript, with its source map, for a process of its own. Returns the path of the bundle.
 *
 * @throws HeadraceError `CONFIG_MODULE_INVALID`
 */
export async function bundleTest(place: ModulePlace, cacheDir: string): Promise<string> {
  const { hash, code } = (await bundle(place, realBuilder())).module;
  const path = join(cacheDir, `${hash}.test.mjs`);
  await store(path, code);
  return path;
}

/** Named by its content: what is there already is right, and what is half written has another name. */
async function store(path: string, text: string): Promise<void> {
  if (existsSync(path)) return;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}
