// Builds everything that runs: TypeScript -> dist, the WebAssembly kernel, the console.
// Each step is skipped when its inputs are older than its output (`--force` rebuilds all).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const force = process.argv.includes('--force');
const only = process.argv.find((a) => a.startsWith('--only='))?.slice('--only='.length);

function newest(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  let time = 0;
  for (const name of readdirSync(path)) {
    if (name === 'node_modules' || name === 'dist') continue;
    time = Math.max(time, newest(join(path, name)));
  }
  return time;
}

function run(name, command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.status === 0) return;
  console.error(`building ${name}: "${command} ${args.join(' ')}" failed; the messages above say where.`);
  process.exit(1);
}

/** `commands`: each the arguments of Node. */
function step(name, inputs, ...commands) {
  if (only !== undefined && only !== name) return;
  const stamp = join(root, 'dist', `.${name}.stamp`);
  const changed = Math.max(...inputs.map((i) => newest(join(root, i))));
  if (!force && existsSync(stamp) && statSync(stamp).mtimeMs > changed) return;
  const started = Date.now();
  for (const args of commands) run(name, process.execPath, args);
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, '');
  console.log(`built ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

if (force) rmSync(join(root, 'dist'), { recursive: true, force: true });
step(
  'kernel',
  ['src/kernel/assembly', 'scripts/build.mjs'],
  [
    'node_modules/assemblyscript/bin/asc.js',
    'src/kernel/assembly/index.ts',
    '--outFile',
    'dist/kernel/kernel.wasm',
    '-O3',
    '--runtime',
    'stub',
    '--importMemory',
    '--initialMemory',
    '64',
    '--maximumMemory',
    '65536',
    '--enable',
    'simd',
    '--enable',
    'bulk-memory',
    '--noAssert',
    '--memoryBase',
    '1024',
  ],
);
step(
  'sources',
  ['src', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs', 'scripts/bundle.mjs'],
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  ['scripts/bundle.mjs'],
);
if (existsSync(join(root, 'console', 'vite.config.ts'))) {
  step(
    'console',
    ['console', 'scripts/build.mjs'],
    ['node_modules/vite/bin/vite.js', 'build', 'console', '--logLevel', 'warn'],
  );
}
