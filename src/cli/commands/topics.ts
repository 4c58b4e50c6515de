import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatDurationUs, parseDurationMs } from '../../base/duration.ts';
import { messageOf } from '../../base/error.ts';
import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { bytesText } from '../size-text.ts';
import { oneWord, runSubcommand } from '../subcommand.ts';
import { tableText } from '../table-text.ts';

interface Topic {
  readonly name: string;
  readonly kind: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly logStart: number;
    readonly highWatermark: number;
    readonly bytes: number;
  }[];
  readonly records: number;
  readonly bytes: number;
  readonly retentionMs: number | null;
  readonly writtenBy: string | null;
  readonly readBy: readonly string[];
}

const subcommands = {
  list: 'all topics, with their sizes (what "headrace topics" alone does)',
  describe: 'one topic, partition by partition',
  create: 'a new topic',
  delete: 'a topic and its records',
} as const;

export const topics: Command = {
  name: 'topics',
  usage: '[list|describe|create|delete] [name] [flags]',
  wordsMax: 2,
  summary: 'List, create and describe topics',
  subcommands,
  flags: {
    partitions: { type: 'integer', value: 'n', help: 'create: how many partitions' },
    key: { type: 'string', value: 'path', help: 'create: where the record key is in the value, with dots: user.id' },
    retention: { type: 'string', value: 'duration', help: 'create: how long records are kept: 24h, 7d' },
    schema: { type: 'string', value: 'file', help: 'create: JSON Schema of the records' },
    yes: { type: 'boolean', short: 'y', help: 'delete: yes, its records too' },
    ...SERVER_FLAGS,
  },
  examples: [
    { line: 'headrace topics', does: 'what there is' },
    { line: 'headrace topics create orders --partitions 4 --key user.id --retention 7d', does: 'a topic of one’s own' },
    { line: 'headrace topics describe orders --json', does: 'its offsets, for a program' },
  ],
  run: (context) => runSubcommand('topics', { list, describe, create, delete: remove }, 'list', context),
};

async function list(context: CommandContext): Promise<ExitCode> {
  const answer = await ApiClient.of(context).json<{ readonly topics: readonly Topic[] }>(
    '/api/v2/topics',
    context.signal,
  );
  const { terminal, json } = context;
  if (json) {
    terminal.out(`${JSON.stringify(answer)}\n`);
    return EXIT.ok;
  }
  const rows = answer.topics.map((topic) => [
    topic.name,
    topic.kind,
    topic.partitions.length,
    topic.records,
    bytesText(topic.bytes),
    topic.retentionMs === null ? 'for ever' : formatDurationUs(BigInt(topic.retentionMs) * 1000n),
    topic.writtenBy ?? '',
    topic.readBy.join(', '),
  ]);
  terminal.out(
    tableText(
      ['topic', 'kind', 'partitions', 'records', 'size', 'kept', 'written by', 'read by'],
      rows,
      terminal.width,
    ),
  );
  return EXIT.ok;
}

async function describe(context: CommandContext): Promise<ExitCode> {
  const name = oneWord(context, 'the name of the topic', 'headrace topics describe orders');
  const topic = await ApiClient.of(context).json<Topic>(`/api/v2/topics/${encodeURIComponent(name)}`, context.signal);
  const { terminal, json } = context;
  if (json) terminal.out(`${JSON.stringify(topic)}\n`);
  else {
    terminal.out(`${topic.name} (${topic.kind}), ${topic.records} records, ${bytesText(topic.bytes)}\n\n`);
    const rows = topic.partitions.map((p) => [p.partition, p.logStart, p.highWatermark, bytesText(p.bytes)]);
    terminal.out(tableText(['partition', 'first offset', 'next offset', 'size'], rows, terminal.width));
  }
  return EXIT.ok;
}

async function create(context: CommandContext): Promise<ExitCode> {
  const name = oneWord(context, 'the name of the topic', 'headrace topics create orders');
  const { partitions, key, retention, schema } = context.flags;
  const declaration = {
    name,
    partitions,
    keyPath: key === undefined ? undefined : String(key).split('.'),
    retentionMs: retention === undefined ? undefined : parseDurationMs(String(retention)),
    schema: schema === undefined ? undefined : readSchema(resolve(context.cwd, String(schema))),
  };
  const topic = await ApiClient.of(context).post<Topic>('/api/v2/topics', declaration, context.signal);
  context.terminal.out(
    context.json
      ? `${JSON.stringify(topic)}\n`
      : `created topic ${name} with ${topic.partitions.length} partition(s)\n`,
  );
  return EXIT.ok;
}

async function remove(context: CommandContext): Promise<ExitCode> {
  const name = oneWord(context, 'the name of the topic', 'headrace topics delete orders --yes');
  if (context.flags.yes !== true)
    throw usageError(`deleting topic "${name}": its records go too`, 'add --yes if that is meant');
  await ApiClient.of(context).json(`/api/v2/topics/${encodeURIComponent(name)}`, context.signal, { method: 'DELETE' });
  context.terminal.out(context.json ? `${JSON.stringify({ deleted: name })}\n` : `deleted topic ${name}\n`);
  return EXIT.ok;
}

function readSchema(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CliError(
      EXIT.failed,
      'CLI_FILE',
      `reading the schema ${file}: ${messageOf(error)}`,
      'correct the file',
      error,
    );
  }
}
