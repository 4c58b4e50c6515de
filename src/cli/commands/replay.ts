import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { usageError } from '../cli-error.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { oneWord } from '../subcommand.ts';

export const replay: Command = {
  name: 'replay',
  usage: '<pipeline> --from <place> [flags]',
  wordsMax: 1,
  summary: 'Compute a pipeline once more from an earlier place',
  description:
    'A new version reads its inputs from there, beside the running one, and takes its place when it has caught up; with --into its rows go into a topic of their own. What came before the place is in no new result.',
  flags: {
    from: {
      type: 'string',
      value: 'place',
      help: 'earliest, a time (2026-01-31T12:00:00Z), an offset, or topic/partition:offset,...',
    },
    into: { type: 'string', value: 'topic', help: 'a new topic for the rows; what runs is left as it is' },
    view: { type: 'string', value: 'view', help: 'with --into: which view, of several' },
    ...SERVER_FLAGS,
  },
  examples: [
    { line: 'headrace replay orders --from earliest', does: 'after a correction of a function: every result anew' },
    {
      line: 'headrace replay orders --from 2026-01-31T00:00:00Z --into orders_again',
      does: 'the last days once more, to compare',
    },
  ],
  async run(context) {
    const name = oneWord(context, 'the name of the pipeline', 'headrace replay orders --from earliest');
    const { from, into, view } = context.flags;
    if (from === undefined) throw usageError('reading the command line: --from is missing', 'write --from earliest');
    const path = `/api/v2/pipelines/${encodeURIComponent(name)}/replay`;
    await ApiClient.of(context).post(path, { from, into, view }, context.signal);
    const where =
      into === undefined
        ? 'its results take the place of the present ones when they have caught up'
        : `its rows go into ${into}`;
    context.terminal.out(
      context.json
        ? `${JSON.stringify({ pipeline: name, from, into: into ?? null })}\n`
        : `pipeline ${name} is replayed from ${from}: ${where}; see "headrace pipelines"\n`,
    );
    return EXIT.ok;
  },
};
