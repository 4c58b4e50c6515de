import { WATERMARK_MAX, WATERMARK_MIN } from '../operator/batch.ts';
import { sourcesOf } from '../task/compile.ts';
import type { TaskReport } from '../task/task-status.ts';
import type { StagePlan } from './stage-plan.ts';

/** What the tasks of one stage say of themselves. */
type StageReports = readonly (TaskReport | undefined)[];

/**
 * How far event time has come in each source of a pipeline in several tasks, by name (µs, as text): the furthest that any stage goes by,
 * since windows up to there may be closed. Pure.
 */
export function groupWatermarks(
  stages: readonly StageReports[],
  { edges }: StagePlan,
): Readonly<Record<string, string>> {
  const furthest = new Map<string, bigint>();
  const raise = (source: string, time: bigint): void => {
    if (time > (furthest.get(source) ?? WATERMARK_MIN) && time < WATERMARK_MAX) furthest.set(source, time);
  };
  for (const [source, time] of sourceWatermarks(stages[0] ?? [])) raise(source, time);
  for (const { id, watermark } of stages.flat().flatMap((report) => report?.operators ?? [])) {
    const edge = edges.find(({ number }) => id === `received:${number}`);
    if (edge === undefined || watermark === undefined) continue;
    for (const { name } of sourcesOf(edge.node.input)) raise(name, BigInt(watermark));
  }
  return Object.fromEntries([...furthest].map(([source, time]) => [source, time.toString()]));
}

/** Of the first stage: the least of the tasks that are not idle, as they tell the next one; when all are, the furthest. */
function sourceWatermarks(tasks: StageReports): ReadonlyMap<string, bigint> {
  const live = new Map<string, bigint>();
  const idle = new Map<string, bigint>();
  for (const { operators, inputs } of tasks.filter((task) => task !== undefined)) {
    for (const { id, kind, watermark } of operators) {
      const own = inputs.filter(({ operator }) => operator === id);
      if (kind !== 'source' || own.length === 0) continue;
      const name = id.replace(/^source:/, '');
      const time = watermark === undefined ? WATERMARK_MIN : BigInt(watermark);
      const known = live.get(name);
      if (own.some((input) => !input.idle)) live.set(name, known !== undefined && known < time ? known : time);
      else if (time > (idle.get(name) ?? WATERMARK_MIN)) idle.set(name, time);
    }
  }
  return new Map([...idle, ...live]);
}
