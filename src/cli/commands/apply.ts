import type { ShownPlan } from '../../plan/comparison/project-plan.ts';
import { ApiClient, SERVER_FLAGS } from '../api-client.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { Progress } from '../output.ts';
import { planText } from '../plan-text.ts';
import { countText } from '../size-text.ts';

const POLL_MS = 300;

interface Listed {
  readonly name: string;
  readonly version: number;
  readonly state: string;
  readonly building: { readonly version: number; readonly state: string; readonly lagRecords: number } | null;
}

export const apply: Command = {
  name: 'apply',
  usage: '[flags]',
  wordsMax: 1,
  summary: 'Have the running process run what the files of its project say now',
  description:
    'Shows the plan, and with --yes has it done. What is built anew is built beside what runs, and takes its place in one step; the command waits for that.',
  flags: {
    yes: { type: 'boolean', short: 'y', help: 'yes, do it' },
    'accept-loss': {
      type: 'boolean',
      help: 'also build anew what will know less, since the beginning of its inputs is gone',
    },
    'no-wait': { type: 'boolean', help: 'do not wait until what is built has taken its place' },
    ...SERVER_FLAGS,
  },
  examples: [
    { line: 'headrace apply --yes', does: 'after an edit of pipelines/*.sql' },
    { line: 'headrace apply --yes --no-wait', does: 'and look at "headrace pipelines" later' },
  ],
  async run(context) {
    const { flags, terminal, json, signal } = context;
    const api = ApiClient.of(context);
    const plan = await api.json<ShownPlan>('/api/v2/plan', signal);
    if (!json) terminal.out(planText(plan, terminal));
    if (plan.changes && flags.yes !== true)
      throw usageError('applying the plan: nobody has agreed to it', 'add --yes to do it');
    if (plan.changes) {
      await api.post(`/api/v2/apply?accept_loss=${flags['accept-loss'] === true}`, {}, signal);
      if (flags['no-wait'] !== true) await untilApplied(plan, api, context);
    }
    if (json) terminal.out(`${JSON.stringify({ applied: plan.changes, plan })}\n`);
    else if (plan.changes) terminal.out(flags['no-wait'] === true ? 'it is under way\n' : 'applied\n');
    return EXIT.ok;
  },
};

/** Waits until nothing is being built and every pipeline is what the plan says. */
async function untilApplied(plan: ShownPlan, api: ApiClient, context: CommandContext): Promise<void> {
  const progress = new Progress(context.terminal);
  const wanted = plan.pipelines
    .filter(({ fate }) => fate === 'rebuilt' || fate === 'created')
    .map(({ pipeline }) => pipeline);
  try {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const left = await api.json<ShownPlan>('/api/v2/plan', context.signal);
      const { pipelines } = await api.json<{ readonly pipelines: readonly Listed[] }>(
        '/api/v2/pipelines',
        context.signal,
      );
      const failed = pipelines.find(
        ({ name, state, building }) => wanted.includes(name) && (building?.state ?? state) === 'failed',
      );
      if (failed !== undefined) throw notBuilt(failed.name);
      const building = pipelines.filter((pipeline) => pipeline.building !== null);
      if (!left.applying) {
        const open = left.pipelines.find(({ fate }) => fate !== 'unchanged' && fate !== 'dropped');
        if (open !== undefined) throw notBuilt(open.pipeline);
        return;
      }
      progress.show(
        building.map((one) => `${one.name}: ${countText(one.building!.lagRecords)} records left`).join(', '),
      );
    }
  } finally {
    progress.clear();
  }
}

function notBuilt(name: string): CliError {
  return new CliError(
    EXIT.failed,
    'CLI_PIPELINE_FAILED',
    `applying the plan: pipeline ${name} did not come to what its file says`,
    `what ran before goes on; see "headrace pipelines" and the log of the process, then correct the file`,
  );
}
