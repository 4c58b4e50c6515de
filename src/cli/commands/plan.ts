import type { ShownPlan } from '../../plan/comparison/project-plan.ts';
import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { CliError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { planText } from '../plan-text.ts';
import { projectDirOf } from '../project-dir.ts';

export const plan: Command = {
  name: 'plan',
  usage: '[project] [flags]',
  wordsMax: 1,
  summary: 'Show what applying the files of a project would change',
  description:
    'Asks the running process, which compares its files with what it runs; when none runs, reads the data directory of the project itself. The exit code is 0 when there is nothing to do, 2 when there is, and another one when that is not known.',
  flags: SERVER_FLAGS,
  examples: [
    { line: 'headrace plan', does: 'which state survives an edit, and what is built anew' },
    { line: 'headrace plan --json', does: 'the same for a program' },
  ],
  async run(context) {
    const found = await planOf(context);
    context.terminal.out(context.json ? `${JSON.stringify(found)}\n` : planText(found, context.terminal));
    return found.changes ? EXIT.changes : EXIT.ok;
  },
};

/** Of the running process, or of the data directory when none runs. */
async function planOf(context: CommandContext): Promise<ShownPlan> {
  try {
    return await ApiClient.of(context).json<ShownPlan>('/api/v2/plan', context.signal);
  } catch (error) {
    const nobody = error instanceof CliError && error.exitCode === EXIT.unreachable;
    if (!nobody || context.flags.url !== undefined) throw error;
    const { planStopped } = await import('../../app/stopped-plan.ts');
    return planStopped(projectDirOf(context), context.env);
  }
}
