import type { Log } from '../../log/log.ts';
import { nodesBelow } from '../../plan/comparison/node-signature.ts';
import type { Pipeline, PlanNode } from '../../plan/node.ts';
import type { TopicOffset } from './pipeline-record.ts';

/** Where the source topics of a pipeline end now. */
export function visibleEnds(log: Log, { sources }: Pipeline): readonly TopicOffset[] {
  return [...new Set(sources.map(({ topic }) => topic))].flatMap((topic) =>
    Array.from({ length: log.topic(topic)?.partitions ?? 0 }, (_, partition) => {
      return { topic, partition, offset: Number(log.bounds(topic, partition).highWatermark) };
    }),
  );
}

/** Rows of the pipeline wait for answers, or for an interval before they are appended. */
export function waitsByNature({ outputs }: Pipeline): boolean {
  const appendsLater = outputs.some(({ mode, emit }) => mode === 'append' && emit.kind === 'every');
  return appendsLater || outputs.some(({ input }) => nodesBelow(input).some(({ kind }) => ASKS.has(kind)));
}

const ASKS: ReadonlySet<PlanNode['kind']> = new Set(['lookup', 'user-call']);
