import { nearestName } from '../base/nearest-name.ts';
import { usageError } from './cli-error.ts';

/** One flag of a command; its help line and its parsing come from here. */
export interface FlagSpec {
  readonly type: 'string' | 'integer' | 'boolean';
  readonly help: string;
  /** Shown in help for the value: `--limit <rows>`. */
  readonly value?: string;
  readonly short?: string;
  readonly default?: string | number | boolean;
  /** What counts without the flag, where that is not for the command line alone to say; help shows it. */
  readonly otherwise?: string;
  readonly choices?: readonly string[];
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export type FlagValues = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ParsedLine {
  readonly flags: FlagValues;
  readonly words: readonly string[];
  /** Flags that the command hands on (options of the configuration), by name. */
  readonly options: Readonly<Record<string, string>>;
}

/** Flags of every command. */
export const GLOBAL_FLAGS = {
  json: { type: 'boolean', help: 'answer in JSON, for programs' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
} as const satisfies FlagSpecs;

/**
 * Splits the words after the command. With `handOn`, flags that are not declared are options of the configuration, whose
 * declaration checks them; without it they are mistakes, answered with the nearest right one.
 *
 * @throws CliError of exit code 64
 */
export function parseLine(args: readonly string[], specs: FlagSpecs, handOn: boolean): ParsedLine {
  const flags: Record<string, string | number | boolean | undefined> = {};
  const options: Record<string, string> = {};
  const words: string[] = [];
  for (const name in specs) flags[name] = specs[name]!.default;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      words.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg);
      continue;
    }
    const { name, inline } = splitFlag(arg, specs);
    const spec = specs[name];
    if (spec === undefined) {
      if (!handOn || !arg.startsWith('--')) throw unknownFlag(arg, specs);
      const following = inline === undefined ? followingValue(args[i + 1]) : undefined;
      if (following !== undefined) i += 1;
      options[name] = inline ?? following ?? 'true';
    } else if (spec.type === 'boolean') {
      flags[name] = booleanOf(name, inline);
    } else {
      const text = inline ?? args[++i];
      if (text === undefined)
        throw usageError(`reading --${name}: its value is missing`, `write --${name} <${spec.value ?? 'value'}>`);
      flags[name] = parsedValue(name, spec, text);
    }
  }
  return { flags, words, options };
}

function splitFlag(arg: string, specs: FlagSpecs): { readonly name: string; readonly inline: string | undefined } {
  if (!arg.startsWith('--')) {
    const name = Object.keys(specs).find((candidate) => specs[candidate]!.short === arg.slice(1));
    return { name: name ?? arg, inline: undefined };
  }
  const mark = arg.indexOf('=');
  return mark < 0
    ? { name: arg.slice(2), inline: undefined }
    : { name: arg.slice(2, mark), inline: arg.slice(mark + 1) };
}

function followingValue(next: string | undefined): string | undefined {
  return next === undefined || next.startsWith('--') ? undefined : next;
}

function booleanOf(name: string, inline: string | undefined): boolean {
  if (inline === undefined || inline === 'true') return true;
  if (inline === 'false') return false;
  throw usageError(`reading --${name}: "${inline}" is neither true nor false`, `write --${name} or --${name}=false`);
}

function parsedValue(name: string, spec: FlagSpec, text: string): string | number {
  if (spec.type === 'integer') {
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw usageError(`reading --${name}: "${text}" is not a whole number`, `write --${name} ${spec.default ?? 10}`);
  }
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    const near = nearestName(text, spec.choices);
    const next = near === undefined ? `choose one of ${spec.choices.join(', ')}` : `did you mean "${near}"?`;
    throw usageError(`reading --${name}: there is no "${text}"`, next);
  }
  return text;
}

function unknownFlag(arg: string, specs: FlagSpecs) {
  const names = Object.keys(specs).map((name) => `--${name}`);
  const near = nearestName(arg.split('=')[0]!, names);
  return usageError(
    `reading the command line: there is no flag ${arg}`,
    near === undefined ? 'see --help for those there are' : `did you mean ${near}?`,
  );
}
