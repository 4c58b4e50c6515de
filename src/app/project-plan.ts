import type { StoredPipeline } from '../engine/engine.ts';
import { onlyViews } from '../engine/version/pipeline-versions.ts';
import { compareVersions } from '../engine/version/version-change.ts';
import type { Log } from '../log/log.ts';
import type { LostInput, ProjectPlan } from '../plan/comparison/project-plan.ts';
import type { Pipeline } from '../plan/node.ts';

/** Compares what is stored with what the files say, in the order of the files; what they do not name comes last. */
export function planProject(
  log: Pick<Log, 'topic' | 'bounds'>,
  stored: readonly StoredPipeline[],
  pipelines: readonly Pipeline[],
  workersOf: (name: string) => number,
): ProjectPlan {
  const dropped = stored.filter(({ name }) => !pipelines.some((pipeline) => pipeline.name === name));
  const pairs = [
    ...pipelines.map((after) => [stored.find(({ name }) => name === after.name), after] as const),
    ...dropped.map((before) => [before, undefined] as const),
  ];
  return {
    changes: pairs.map(([before, after]) => {
      const workers = { before: before?.workers ?? 1, after: after === undefined ? 1 : workersOf(after.name) };
      const change = compareVersions(before?.plan, after, workers);
      const anew = change.views.filter(({ fate }) => fate === 'rebuilt').map(({ view }) => view);
      const reads = anew.length > 0 ? onlyViews(after!, anew).sources.map(({ topic }) => topic) : [];
      return {
        ...change,
        version: before?.version,
        building: before?.building?.version,
        lostInputs: lostInputs(log, [...new Set(reads)]),
      };
    }),
  };
}

function lostInputs(log: Pick<Log, 'topic' | 'bounds'>, topics: readonly string[]): readonly LostInput[] {
  return topics.flatMap((topic) =>
    Array.from({ length: log.topic(topic)?.partitions ?? 0 }, (_, partition) => ({
      topic,
      partition,
      from: Number(log.bounds(topic, partition).logStart),
    })).filter(({ from }) => from > 0),
  );
}
