import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { bytesText, countText } from '../size-text.ts';
import { tableText } from '../table-text.ts';

interface PipelineState {
  readonly name: string;
  readonly state: string;
  readonly epoch: number;
  readonly keys: number;
  readonly bytes: number;
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly snapshot: Snapshot | null;
  readonly operators: readonly {
    readonly id: string;
    readonly label: string;
    readonly keys: number;
    readonly bytes: number;
    readonly bytesPerKey: number | null;
    readonly waitsFor: string | null;
  }[];
}

interface Snapshot {
  readonly epoch: number;
  readonly takenAt: string | null;
  readonly ageMs: number | null;
  readonly files: number;
  readonly bytes: number;
  readonly writtenBytes: number;
}

export const state: Command = {
  name: 'state',
  usage: '[pipeline] [flags]',
  wordsMax: 1,
  summary: 'Show what the running pipelines keep: keys and bytes by operator, and snapshots',
  description:
    'Keys (rows, where rows are kept), their bytes in memory, and the event time at which an operator next closes or forgets something. The snapshot is what a restart would begin with.',
  flags: SERVER_FLAGS,
  examples: [
    { line: 'headrace state', does: 'of every pipeline' },
    { line: 'headrace state web-traffic', does: 'of one' },
    { line: 'headrace state --json', does: 'for a program' },
  ],
  run,
};

async function run(context: CommandContext): Promise<ExitCode> {
  const { terminal, json } = context;
  const states = await statesOf(context);
  if (json) terminal.out(`${JSON.stringify({ pipelines: states })}\n`);
  else if (states.length === 0) terminal.out('no pipeline is running\n');
  else terminal.out(states.map((one) => stateText(one, terminal.width)).join('\n'));
  return EXIT.ok;
}

async function statesOf(context: CommandContext): Promise<readonly PipelineState[]> {
  const { words, signal } = context;
  const client = ApiClient.of(context);
  const one = (name: string): Promise<PipelineState> =>
    client.json(`/api/v2/pipelines/${encodeURIComponent(name)}/state`, signal);
  if (words[0] !== undefined) return [await one(words[0])];
  const { pipelines } = await client.json<{ readonly pipelines: readonly { readonly name: string }[] }>(
    '/api/v2/pipelines',
    signal,
  );
  return Promise.all(pipelines.map(({ name }) => one(name)));
}

function stateText(pipeline: PipelineState, width: number | undefined): string {
  const { name, state, epoch, keys, bytes, memoryBytes, memoryBytesMax, snapshot } = pipeline;
  const rows = pipeline.operators.map((operator) => [
    operator.id,
    countText(operator.keys),
    bytesText(operator.bytes),
    operator.bytesPerKey === null ? '' : String(operator.bytesPerKey),
    operator.waitsFor ?? '',
    operator.label,
  ]);
  const lines = [
    `pipeline ${name} (${state}), epoch ${epoch}`,
    `${countText(keys)} keys, ${bytesText(bytes)} of state; memory ${bytesText(memoryBytes)} of ${bytesText(memoryBytesMax)}`,
    snapshotText(snapshot),
    tableText(['operator', 'keys', 'state', 'bytes a key', 'next timer', 'what'], rows, width),
  ];
  return lines.join('\n');
}

function snapshotText(snapshot: Snapshot | null): string {
  if (snapshot === null) return 'no snapshot yet: a restart reads the inputs from their start';
  const { epoch, ageMs, files, bytes, writtenBytes } = snapshot;
  const age = ageMs === null ? '' : `, ${(ageMs / 1000).toFixed(1)} s old`;
  const size = `${bytesText(bytes)} in ${files} ${files === 1 ? 'file' : 'files'}`;
  return `snapshot of epoch ${epoch}${age}: ${size}, ${bytesText(writtenBytes)} written last`;
}
