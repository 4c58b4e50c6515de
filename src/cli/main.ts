import { packageVersion } from '../app/version.ts';
import { nearestName } from '../base/nearest-name.ts';
import { exitCodeOf, usageError } from './cli-error.ts';
import type { Command } from './command.ts';
import { commands } from './commands/index.ts';
import { errorText } from './error-text.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { GLOBAL_FLAGS, parseLine } from './flag.ts';
import { commandText, exitCodesText, overviewText } from './help.ts';
import { processTerminal, type Terminal } from './output.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly terminal: Terminal;
  /** Aborted when the user wants it to end. */
  readonly signal: AbortSignal;
}

/** Runs one command line; resolves with the exit code. Never throws. */
export async function main(args: readonly string[], given?: Surroundings): Promise<ExitCode> {
  const surroundings = given ?? processSurroundings();
  const json = args.includes('--json');
  try {
    return await dispatch(args, surroundings);
  } catch (error) {
    if (surroundings.signal.aborted) return EXIT.ok;
    surroundings.terminal.err(errorText(error, json, surroundings));
    return exitCodeOf(error);
  }
}

async function dispatch(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { terminal } = surroundings;
  const [first, ...rest] = args;
  if (first === undefined || first === '--help' || first === '-h') {
    terminal.out(overviewText(commands, terminal));
    return first === undefined ? EXIT.usage : EXIT.ok;
  }
  if (first === '--version' || first === '-v' || first === 'version') {
    terminal.out(`${packageVersion()}\n`);
    return EXIT.ok;
  }
  if (first === 'help') return help(rest[0], terminal);
  const command = commandNamed(first);
  const flags = { ...command.flags, ...GLOBAL_FLAGS };
  const line = parseLine(rest, flags, command.handsOnOptions ?? false);
  if (line.flags.help === true) {
    terminal.out(commandText(command, terminal));
    return EXIT.ok;
  }
  const extra = line.words[command.wordsMax];
  if (extra !== undefined) {
    const next = `write "headrace ${command.name} ${command.usage}"; quotes keep words together`;
    throw usageError(`reading the command line: "${extra}" is one word too many`, next);
  }
  return command.run({ ...surroundings, ...line, json: line.flags.json === true });
}

function help(topic: string | undefined, terminal: Terminal): ExitCode {
  if (topic === undefined) terminal.out(overviewText(commands, terminal));
  else if (topic === 'exit-codes') terminal.out(exitCodesText());
  else terminal.out(commandText(commandNamed(topic), terminal));
  return EXIT.ok;
}

function commandNamed(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const near = nearestName(name, [...commands.map((candidate) => candidate.name), 'help', 'version']);
  throw usageError(
    `reading the command line: there is no command "${name}"`,
    near === undefined ? 'see "headrace help"' : `did you mean "${near}"?`,
  );
}

/** Ctrl-C and SIGTERM ask to end, and so does a reader that has gone; a second Ctrl-C does not wait. */
function processSurroundings(): Surroundings {
  const abort = new AbortController();
  const stop = (): void => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const terminal = processTerminal(process.env, () => abort.abort());
  return { env: process.env, cwd: process.cwd(), terminal, signal: abort.signal };
}
