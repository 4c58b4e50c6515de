// Packs the package, installs it in an empty folder, makes a project with it and runs that: as a user would get it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'headrace-package-'));

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 300_000 });
  if (result.status === 0) return result.stdout;
  console.error(
    `"${command} ${args.join(' ')}" in ${cwd} exited with ${result.status}:\n${result.stdout}${result.stderr}`,
  );
  rmSync(folder, { recursive: true, force: true });
  process.exit(1);
}

run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], root);
const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'));
writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
run('npm', ['install', '--no-audit', '--no-fund', '--omit=dev', `./${archive}`], folder);
console.log(run('npx', ['--no-install', 'headrace', '--version'], folder).trim());
run('npx', ['--no-install', 'headrace', 'init', 'app'], folder);
const output = run('npx', ['--no-install', 'headrace', 'run', 'app', '--until-idle'], folder);
console.log(output.split('\n').slice(0, 12).join('\n'));
rmSync(folder, { recursive: true, force: true });
console.log('the packed package installs and runs in an empty folder');
