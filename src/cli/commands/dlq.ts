import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { CliError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { styled } from '../output.ts';
import { oneWord, runSubcommand } from '../subcommand.ts';
import { tableText } from '../table-text.ts';

interface Letter {
  readonly id: string;
  readonly topic: string;
  readonly reason: string;
  readonly pointer?: string;
  readonly message: string;
  readonly pipeline?: string;
  readonly operator?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly receivedAt: number;
  readonly value?: string;
  readonly base64?: string;
}

interface Letters {
  readonly total: number;
  readonly deadLetters: readonly Letter[];
}

export const dlq: Command = {
  name: 'dlq',
  usage: '[list|show] [id] [flags]',
  wordsMax: 2,
  summary: 'Look at the dead letters: what was refused, and why',
  subcommands: {
    list: 'the newest (what "headrace dlq" alone does)',
    show: 'one of them, with its bytes',
  },
  flags: {
    topic: { type: 'string', value: 'topic', help: 'only those meant for this topic' },
    reason: { type: 'string', value: 'reason', help: 'only those of this reason: malformed, schema, late, future ...' },
    limit: { type: 'integer', value: 'n', help: 'at most', default: 20 },
    ...SERVER_FLAGS,
  },
  examples: [
    { line: 'headrace dlq', does: 'the newest dead letters' },
    { line: 'headrace dlq list --topic requests --reason schema', does: 'what did not match the schema' },
    { line: 'headrace dlq show 0:12', does: 'one of them, whole' },
  ],
  run: (context) => runSubcommand('dlq', { list, show }, 'list', context),
};

async function list(context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  const answer = await fetchLetters(context, Number(context.flags.limit));
  if (context.json) {
    terminal.out(`${JSON.stringify(answer)}\n`);
    return EXIT.ok;
  }
  if (answer.deadLetters.length === 0) {
    terminal.out('there are no dead letters\n');
    return EXIT.ok;
  }
  const rows = answer.deadLetters.map((letter) => [
    letter.id,
    new Date(letter.receivedAt).toISOString(),
    letter.topic,
    letter.reason,
    letter.message,
    letter.value ?? letter.base64 ?? '',
  ]);
  terminal.out(tableText(['id', 'received', 'topic', 'reason', 'message', 'bytes'], rows, terminal.width));
  terminal.err(
    `${styled(terminal, 'dim', `${rows.length} of ${answer.total}; "headrace dlq show <id>" has one whole`)}\n`,
  );
  return EXIT.ok;
}

async function show(context: CommandContext): Promise<ExitCode> {
  const id = oneWord(context, 'the id of the dead letter', 'headrace dlq show 0:12');
  const { terminal } = context;
  const answer = await fetchLetters(context, 1000);
  const letter = answer.deadLetters.find((candidate) => candidate.id === id);
  if (letter === undefined) {
    throw new CliError(
      EXIT.failed,
      'CLI_NOT_FOUND',
      `looking for dead letter ${id}: it is not among the newest 1000`,
      'see "headrace dlq list" for those there are',
    );
  }
  if (context.json) {
    terminal.out(`${JSON.stringify(letter)}\n`);
    return EXIT.ok;
  }
  const { value, base64, receivedAt, ...facts } = letter;
  const lines = Object.entries({ ...facts, received: new Date(receivedAt).toISOString() }).map(
    ([name, fact]) => `${name.padEnd(10)} ${fact}\n`,
  );
  terminal.out(`${lines.join('')}\n${value ?? `base64: ${base64 ?? ''}`}\n`);
  return EXIT.ok;
}

function fetchLetters(context: CommandContext, limit: number): Promise<Letters> {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const name of ['topic', 'reason']) {
    const value = context.flags[name];
    if (value !== undefined) query.set(name, String(value));
  }
  return ApiClient.of(context).json<Letters>(`/api/v2/dead-letters?${query}`, context.signal);
}
