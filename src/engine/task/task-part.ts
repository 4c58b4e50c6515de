import type { Pipeline } from '../../plan/node.ts';
import { planStages } from '../exchange/stage-plan.ts';
import type { TaskPart } from './compile.ts';
import type { TaskPartStart } from './message.ts';

/** What a task runs of a pipeline with exchanges. `partitions`: of a source topic. */
export function taskPart(pipeline: Pipeline, start: TaskPartStart, partitions: (topic: string) => number): TaskPart {
  const { stage, task, workers, prefix } = start;
  return { plan: planStages(pipeline, { workers, prefix, partitions }), stage, task };
}
