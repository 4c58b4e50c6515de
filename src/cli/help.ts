import type { Command } from './command.ts';
import { EXIT_TEXT } from './exit-code.ts';
import { type FlagSpecs, GLOBAL_FLAGS } from './flag.ts';
import { styled, type Terminal } from './output.ts';
import { textWidth } from './table-text.ts';

export function overviewText(commands: readonly Command[], terminal: Terminal): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `${styled(terminal, 'bold', 'headrace')}: events in, live results out.

Usage: headrace <command> [words] [flags]

${lines.join('\n')}

Every command takes --json and --help. "headrace help exit-codes" says what exit codes mean.

Start here:
  headrace init app && cd app && headrace dev
`;
}

export function commandText(command: Command, terminal: Terminal): string {
  const parts = [`${command.summary}.`];
  if (command.description !== undefined) parts.push(wrapped(command.description, widthOf(terminal), ''));
  parts.push(`Usage: headrace ${command.name} ${command.usage}`);
  if (command.subcommands !== undefined) {
    const names = Object.keys(command.subcommands);
    const width = Math.max(...names.map((name) => name.length));
    parts.push(names.map((name) => `  ${name.padEnd(width)}  ${command.subcommands![name]}`).join('\n'));
  }
  parts.push(`Flags:\n${flagLines({ ...command.flags, ...GLOBAL_FLAGS }, widthOf(terminal))}`);
  if (command.handsOnOptions) {
    parts.push('Every option of headrace.yaml is a flag too: --http-port 9090, --data-dir data.');
  }
  const examples = command.examples.map(({ line, does }) => `  ${styled(terminal, 'dim', `# ${does}`)}\n  ${line}`);
  parts.push(`Examples:\n${examples.join('\n')}`);
  return `${parts.join('\n\n')}\n`;
}

export function exitCodesText(): string {
  return Object.entries(EXIT_TEXT)
    .map(([code, text]) => `  ${code}  ${text}\n`)
    .join('');
}

function flagLines(specs: FlagSpecs, columns: number): string {
  const rows = Object.entries(specs).map(([name, spec]) => {
    const short = spec.short === undefined ? '' : `, -${spec.short}`;
    const value = spec.type === 'boolean' ? '' : ` <${spec.value ?? (spec.type === 'integer' ? 'n' : 'text')}>`;
    const choices = spec.choices === undefined ? '' : ` (${spec.choices.join(', ')})`;
    const shown = spec.default ?? spec.otherwise;
    const fallback = shown === undefined || shown === false ? '' : ` [${shown}]`;
    return [`--${name}${short}${value}`, `${spec.help}${choices}${fallback}`] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  const indent = ' '.repeat(width + 4);
  return rows
    .map(([left, right]) => `  ${left.padEnd(width)}  ${wrapped(right, columns - indent.length, indent)}`)
    .join('\n');
}

/** Help that goes into a file or pipe is wrapped too: it is for people. */
const HELP_WIDTH = 100;
/** Narrower than this a column of text cannot be read; then it runs over. */
const TEXT_WIDTH_MIN = 20;

function widthOf({ width }: Terminal): number {
  return Math.min(width ?? HELP_WIDTH, HELP_WIDTH);
}

/** Lines of whole words; those after the first begin with `indent`. */
function wrapped(text: string, width: number, indent: string): string {
  const room = Math.max(width, TEXT_WIDTH_MIN);
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && textWidth(line) + 1 + textWidth(word) <= room)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${indent}`);
}
