import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { storedPipelines } from '../engine/version/pipeline-versions.ts';
import { openLog } from '../log/open.ts';
import { type ShownPlan, shownPlan } from '../plan/comparison/project-plan.ts';
import { pipelineWorkers } from './pipeline-workers.ts';
import { loadProject } from './project.ts';
import { planProject } from './project-plan.ts';

/**
 * The plan of a project that does not run, in the form of the API's answer: the data directory is opened, read and closed.
 *
 * @throws HeadraceError `LOG_LOCKED` when a process owns it
 */
export async function planStopped(dir: string, env: Readonly<Record<string, string | undefined>>): Promise<ShownPlan> {
  const project = await loadProject(dir, { env, flags: {} });
  const dataDir = resolve(project.dir, project.options.dataDir);
  if (!existsSync(dataDir)) return shownPlan(planProject(NO_LOG, [], project.pipelines, () => 1));
  const log = await openLog({ dataDir, clock: systemClock });
  try {
    const { engineWorkers, enginePipelineWorkers } = project.options;
    const special = pipelineWorkers(enginePipelineWorkers);
    const workersOf = (name: string): number => special.get(name) ?? engineWorkers;
    return shownPlan(planProject(log, storedPipelines(log), project.pipelines, workersOf));
  } finally {
    await log.close();
  }
}

const NO_LOG: Parameters<typeof planProject>[0] = {
  topic: () => undefined,
  bounds: () => {
    throw new Error('there is no topic');
  },
};
