import type { ExitCode } from './exit-code.ts';
import type { FlagSpecs, FlagValues } from './flag.ts';
import type { Terminal } from './output.ts';

/** What a command is given. */
export interface CommandContext {
  readonly words: readonly string[];
  readonly flags: FlagValues;
  /** Options of the configuration, from flags that the command hands on. */
  readonly options: Readonly<Record<string, string>>;
  readonly json: boolean;
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

export interface Example {
  readonly line: string;
  readonly does: string;
}

/** One command: its help, its flags and what it does. */
export interface Command {
  readonly name: string;
  /** After the name: `<view|topic> [flags]`. */
  readonly usage: string;
  readonly summary: string;
  readonly description?: string;
  /** Words that it takes at most. */
  readonly wordsMax: number;
  readonly flags: FlagSpecs;
  /** Names of subcommands, for help and for the nearest right word. */
  readonly subcommands?: Readonly<Record<string, string>>;
  readonly examples: readonly Example[];
  /** Whether flags that are not declared are options of the configuration. */
  readonly handsOnOptions?: boolean;
  readonly run: (context: CommandContext) => Promise<ExitCode>;
}
