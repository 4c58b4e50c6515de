import { nearestName } from '../base/nearest-name.ts';
import { usageError } from './cli-error.ts';
import type { CommandContext } from './command.ts';
import type { ExitCode } from './exit-code.ts';

export type Subcommands = Readonly<Record<string, (context: CommandContext) => Promise<ExitCode>>>;

/** Runs the subcommand that the first word names, or `fallback` when there is no word. */
export function runSubcommand(
  command: string,
  subcommands: Subcommands,
  fallback: string,
  context: CommandContext,
): Promise<ExitCode> {
  const [name = fallback, ...words] = context.words;
  const run = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (run !== undefined) return run({ ...context, words });
  const names = Object.keys(subcommands);
  const near = nearestName(name, names);
  throw usageError(
    `reading the command line: "headrace ${command}" has no "${name}"`,
    near === undefined ? `it has ${names.join(', ')}` : `did you mean "${near}"?`,
  );
}

/** The one word that a subcommand takes. */
export function oneWord({ words }: CommandContext, what: string, example: string): string {
  const [word, ...more] = words;
  if (word !== undefined && more.length === 0) return word;
  throw usageError(
    `reading the command line: ${what} is ${word === undefined ? 'missing' : 'one word'}`,
    `write "${example}"`,
  );
}
