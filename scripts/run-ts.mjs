// Runs a TypeScript file of this repository on plain Node: node scripts/run-ts.mjs FILE [arguments]
// The file is bundled (packages stay external). Every bundled module sees the `import.meta.url` of its compiled twin under
// dist/, so that worker threads and WebAssembly are found there: build first (`npm run build`).
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('running a TypeScript file: none was named; use "node scripts/run-ts.mjs FILE [arguments]"');
  process.exit(2);
}

const twin = {
  name: 'compiled-twin',
  setup(plugin) {
    plugin.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const inside = relative(join(root, 'src'), path);
      const seenAs = inside.startsWith('..') ? path : join(root, 'dist', inside.replace(/\.ts$/, '.js'));
      const source = readFileSync(path, 'utf8');
      const url = JSON.stringify(pathToFileURL(seenAs).href);
      return { contents: source.replaceAll('import.meta.url', url), loader: 'ts', resolveDir: dirname(path) };
    });
  },
};

const folder = join(root, 'dist', '.run');
mkdirSync(folder, { recursive: true });
const outfile = join(folder, `${relative(root, resolve(file)).replaceAll(/[^a-z0-9]+/gi, '-')}-${process.pid}.mjs`);
await build({
  entryPoints: [resolve(file)],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  plugins: [twin],
  logLevel: 'warning',
  sourcemap: 'inline',
});
process.on('exit', () => rmSync(outfile, { force: true }));
process.argv.splice(1, 2, resolve(file));
await import(pathToFileURL(outfile).href);
