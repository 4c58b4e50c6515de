import type { Log } from '../../log/log.ts';
import { EXCHANGE_SEGMENT_BYTES } from '../limits.ts';
import type { StagePlan } from './stage-plan.ts';

/** What the topics of the exchanges of one version of a pipeline begin with; the number of the exchange follows. */
export function exchangePrefix(pipeline: string, version: number): string {
  return `__exchange.${pipeline}.${version}.`;
}

/** Makes those that are not there. */
export async function createExchangeTopics(log: Log, { edges }: StagePlan): Promise<void> {
  for (const { topic, upstream, downstream } of edges) {
    if (log.topic(topic) !== undefined) continue;
    await log.createTopic({
      name: topic,
      partitions: upstream.length * downstream,
      kind: 'append',
      // Kept as long as a task needs it, and no longer.
      retentionMs: 0,
      retentionBytes: undefined,
      segmentBytesMax: EXCHANGE_SEGMENT_BYTES,
      keyPath: undefined,
      properties: {},
    });
  }
}

/** Deletes those of a version; the last first, so that what a crash leaves is found again. */
export async function deleteExchangeTopics(log: Log, pipeline: string, version: number): Promise<void> {
  const prefix = exchangePrefix(pipeline, version);
  let count = 0;
  while (log.topic(`${prefix}${count}`) !== undefined) count++;
  for (let number = count - 1; number >= 0; number--) await log.deleteTopic(`${prefix}${number}`);
}
