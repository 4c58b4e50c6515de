import type { Command } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands/index.ts';
import { EXIT_TEXT } from '../../src/cli/exit-code.ts';
import { type FlagSpecs, GLOBAL_FLAGS } from '../../src/cli/flag.ts';
import { code, pageHead, table } from './markdown.ts';

export function cliPage(): string {
  const overview = commands.map(({ name, summary }) => [`[${code(`headrace ${name}`)}](#headrace-${name})`, summary]);
  return `${pageHead(
    'Command line',
    `\`headrace help <command>\` and \`headrace <command> --help\` print what stands here. A word that is nearly right is answered
with the right one. Tables fit the terminal; where the output is not a terminal nothing is cut, and there are no colours.`,
  )}
${table(['command', 'what it does'], overview)}
## Flags of every command

${flagTable(GLOBAL_FLAGS)}
## Exit codes

${table(
  ['code', 'meaning'],
  Object.entries(EXIT_TEXT).map(([number, text]) => [number, text]),
)}
Errors go to the error stream; with \`--json\` as \`{"error": {"code", "message", "next", "position"}}\`. A second Ctrl-C does not
wait for a clean stop, and ends with 130.

${commands.map(commandText).join('\n')}`;
}

function commandText(command: Command): string {
  const parts = [
    `## headrace ${command.name}\n`,
    `${command.summary}.${command.description === undefined ? '' : ` ${command.description}`}\n`,
  ];
  parts.push(`\`\`\`text\nheadrace ${command.name} ${command.usage}\n\`\`\`\n`);
  if (command.subcommands !== undefined) {
    parts.push(
      table(
        ['subcommand', 'what it does'],
        Object.entries(command.subcommands).map(([name, text]) => [code(name), text]),
      ),
    );
  }
  if (Object.keys(command.flags).length > 0) parts.push(flagTable(command.flags));
  if (command.handsOnOptions === true) parts.push('Every [option of a project](options.md) is a flag too.\n');
  const examples = command.examples.map(({ line, does }) => `# ${does}\n${line}\n`).join('');
  parts.push(`\`\`\`text\n${examples}\`\`\`\n`);
  return parts.join('\n');
}

function flagTable(flags: FlagSpecs): string {
  const rows = Object.entries(flags).map(([name, spec]) => [
    `${code(`--${name}`)}${spec.short === undefined ? '' : `, ${code(`-${spec.short}`)}`}`,
    spec.choices === undefined
      ? spec.type === 'boolean'
        ? ''
        : (spec.value ?? spec.type)
      : spec.choices.map(code).join(', '),
    spec.default === false ? '' : code(String(spec.default ?? spec.otherwise ?? '')),
    spec.help,
  ]);
  return table(['flag', 'value', 'default', 'what it does'], rows);
}
