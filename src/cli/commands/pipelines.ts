import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { usageError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { countText } from '../size-text.ts';
import { oneWord, runSubcommand } from '../subcommand.ts';
import { tableText } from '../table-text.ts';

interface Listed {
  readonly name: string;
  readonly version: number;
  readonly state: string;
  readonly lagRecords: number;
  readonly mustRebuild: string | null;
  readonly building: { readonly version: number; readonly state: string; readonly lagRecords: number } | null;
  readonly outputs: readonly { readonly name: string }[];
}

export const pipelines: Command = {
  name: 'pipelines',
  usage: '[list|pause|resume|...] [pipeline] [flags]',
  wordsMax: 2,
  summary: 'List pipelines; pause, resume, restart or drop one',
  subcommands: {
    list: 'what runs, how far it is, and what is being built',
    pause: 'stop one until it is resumed, over restarts too',
    resume: 'let it go on where it was',
    restart: 'stop it and start it; also one that has failed',
    abandon: 'give up the version that is being built beside it',
    drop: 'drop it with its state and the topics that it writes',
  },
  flags: {
    cascade: { type: 'boolean', help: 'drop: also the pipelines that need it' },
    yes: { type: 'boolean', short: 'y', help: 'drop: yes, its rows too' },
    ...SERVER_FLAGS,
  },
  examples: [
    { line: 'headrace pipelines', does: 'what there is' },
    { line: 'headrace pipelines pause orders', does: 'until "headrace pipelines resume orders"' },
    { line: 'headrace pipelines drop orders --yes', does: 'refused while something reads its views' },
  ],
  run: (context) =>
    runSubcommand(
      'pipelines',
      {
        list,
        pause: (inner) => change(inner, 'pause', 'paused'),
        resume: (inner) => change(inner, 'resume', 'resumed'),
        restart: (inner) => change(inner, 'restart', 'restarted'),
        abandon: (inner) => change(inner, 'abandon', 'gave up what was built beside'),
        drop,
      },
      'list',
      context,
    ),
};

async function list(context: CommandContext): Promise<ExitCode> {
  const { terminal, json, signal } = context;
  const answer = await ApiClient.of(context).json<{ readonly pipelines: readonly Listed[] }>(
    '/api/v2/pipelines',
    signal,
  );
  if (json) {
    terminal.out(`${JSON.stringify(answer)}\n`);
    return EXIT.ok;
  }
  const rows = answer.pipelines.map(({ name, version, state, lagRecords, building, mustRebuild, outputs }) => [
    name,
    version,
    mustRebuild === null ? state : `${state}, must be rebuilt: ${mustRebuild}`,
    countText(lagRecords),
    building === null
      ? ''
      : `version ${building.version} (${building.state}), ${countText(building.lagRecords)} records left`,
    outputs.map((output) => output.name).join(', '),
  ]);
  terminal.out(
    tableText(['pipeline', 'version', 'state', 'records left', 'being built', 'views'], rows, terminal.width),
  );
  return EXIT.ok;
}

async function change(context: CommandContext, what: string, done: string): Promise<ExitCode> {
  const name = oneWord(context, 'the name of the pipeline', `headrace pipelines ${what} orders`);
  await ApiClient.of(context).json(`/api/v2/pipelines/${encodeURIComponent(name)}/${what}`, context.signal, {
    method: 'POST',
  });
  context.terminal.out(
    context.json ? `${JSON.stringify({ pipeline: name, done: what })}\n` : `${done} pipeline ${name}\n`,
  );
  return EXIT.ok;
}

async function drop(context: CommandContext): Promise<ExitCode> {
  const name = oneWord(context, 'the name of the pipeline', 'headrace pipelines drop orders --yes');
  if (context.flags.yes !== true)
    throw usageError(`dropping pipeline "${name}": its rows go too`, 'add --yes if that is meant');
  const path = `/api/v2/pipelines/${encodeURIComponent(name)}?cascade=${context.flags.cascade === true}`;
  const { dropped } = await ApiClient.of(context).json<{ readonly dropped: readonly string[] }>(path, context.signal, {
    method: 'DELETE',
  });
  const next = 'one whose file is still there is made anew by the next start or apply';
  context.terminal.out(context.json ? `${JSON.stringify({ dropped })}\n` : `dropped ${dropped.join(', ')}; ${next}\n`);
  return EXIT.ok;
}
