import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { nearestName } from '../base/nearest-name.ts';
import { CliError, usageError } from './cli-error.ts';
import type { CommandContext } from './command.ts';
import { EXIT } from './exit-code.ts';

/** The project that a command is to run: its first word, or the present folder. A pipeline file is one too. */
export function projectDirOf({ words, cwd }: CommandContext): string {
  if (words.length > 1) throw usageError('reading the command line: more than one project is named', 'name one folder');
  const dir = resolve(cwd, words[0] ?? '.');
  if (!existsSync(dir)) throw noProject(dir, 'there is no such folder', nearestFolder(dir, cwd));
  if (statSync(dir).isFile()) {
    if (/\.(sql|ts)$/.test(dir)) return dir;
    throw noProject(dir, 'it is neither a folder nor a .sql or .ts file', undefined);
  }
  if (existsSync(join(dir, 'headrace.yaml')) || existsSync(join(dir, 'pipelines'))) return dir;
  throw noProject(dir, 'it has neither headrace.yaml nor pipelines/', undefined);
}

function noProject(dir: string, why: string, near: string | undefined): CliError {
  const next = 'make one with "headrace init app", or name its folder';
  return new CliError(
    EXIT.failed,
    'CLI_NO_PROJECT',
    `opening project ${dir}: ${why}`,
    near === undefined ? next : `did you mean "${near}"?`,
  );
}

/** The path with its first missing part replaced by the folder that was probably meant. */
function nearestFolder(dir: string, cwd: string): string | undefined {
  let parent = dirname(dir);
  let missing = basename(dir);
  let rest = '';
  while (!existsSync(parent)) {
    rest = join(missing, rest);
    missing = basename(parent);
    parent = dirname(parent);
  }
  const folders = readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const near = nearestName(
    missing,
    folders.map(({ name }) => name),
  );
  return near === undefined ? undefined : relative(cwd, join(parent, near, rest));
}
