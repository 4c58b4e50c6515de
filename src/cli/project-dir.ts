import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CliError, usageError } from './cli-error.ts';
import type { CommandContext } from './command.ts';
import { EXIT } from './exit-code.ts';

/** The project that a command is to run: its first word, or the present folder. */
export function projectDirOf({ words, cwd }: CommandContext): string {
  if (words.length > 1) throw usageError('reading the command line: more than one project is named', 'name one folder');
  const dir = resolve(cwd, words[0] ?? '.');
  if (existsSync(join(dir, 'headrace.yaml')) || existsSync(join(dir, 'pipelines'))) return dir;
  throw new CliError(
    EXIT.failed,
    'CLI_NO_PROJECT',
    `opening project ${dir}: it has neither headrace.yaml nor pipelines/`,
    'make one with "headrace init app", or name its folder',
  );
}
