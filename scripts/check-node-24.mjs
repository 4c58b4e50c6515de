// The tests on Node 24 (from the registry's package "node"), and the sentence that an older Node gets.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'headrace-node-'));

function fetchNode(version) {
  const name = `${process.platform === 'linux' ? 'node-linux' : `node-${process.platform}`}-${process.arch}`;
  const into = join(folder, version);
  spawnSync('mkdir', ['-p', into]);
  writeFileSync(join(into, 'package.json'), '{"private":true}');
  const installed = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${version}`], {
    cwd: into,
    encoding: 'utf8',
  });
  const binary = join(into, 'node_modules', name, 'bin', 'node');
  return { binary: existsSync(binary) ? binary : undefined, reason: installed.stderr };
}

function finish(code, message) {
  rmSync(folder, { recursive: true, force: true });
  console.log(message);
  process.exit(code);
}

const newer = fetchNode('24');
if (newer.binary === undefined) finish(1, `Node 24 cannot be had from the registry: ${newer.reason}`);
const tests = spawnSync(newer.binary, ['node_modules/vitest/vitest.mjs', 'run', 'src', 'test'], {
  cwd: root,
  stdio: 'inherit',
});
if (tests.status !== 0) finish(1, 'the tests fail on Node 24');

const older = fetchNode('16');
if (older.binary === undefined) finish(1, `Node 16 cannot be had from the registry: ${older.reason}`);
const refused = spawnSync(older.binary, ['bin/headrace.js', '--version'], { cwd: root, encoding: 'utf8' });
const sentence = refused.stderr.trim();
if (refused.status === 0 || sentence.split('\n').length !== 1 || !sentence.includes('20.19')) {
  finish(1, `an older Node should be told in one sentence which Node is needed; it printed: ${sentence}`);
}
finish(0, `the tests pass on Node 24; Node 16 is told: ${sentence}`);
