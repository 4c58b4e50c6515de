import { columnReference } from '../../src/plan/expression-factory.ts';
import {
  aggregateNode,
  deduplicateNode,
  outputNode,
  pipelineOf,
  sourceNode,
  windowNode,
} from '../../src/plan/factory.ts';
import type { OutputNode, Pipeline } from '../../src/plan/node.ts';
import { TYPE } from '../../src/plan/type-name.ts';

export const MINUTE_US = 60_000_000n;
const TTL_MS = 600_000;

/** Deduplicate by event_id (if wanted) -> a window of each size by (event_type, metadata.source) with count and sum. */
export function replayPipeline(
  name: string,
  topic: string,
  deduplicates: boolean,
  windowsUs: readonly bigint[],
): Pipeline {
  const source = sourceNode({
    name: 'events',
    topic,
    columns: [
      { name: 'event_id', type: TYPE.uuid, nullable: true, path: ['event_id'] },
      { name: 'event_type', type: TYPE.text, nullable: true, path: ['event_type'] },
      { name: 'ts', type: TYPE.timestamptz, nullable: true, path: ['timestamp'] },
      { name: 'amount', type: TYPE.float8, nullable: true, path: ['data', 'amount'] },
      { name: 'source', type: TYPE.text, nullable: true, path: ['metadata', 'source'] },
    ],
    // A repeated event is 5 s behind, rarely 10 or 15 (slots of the generator that were skipped), and 2 s of disorder.
    watermark: { columnIndex: 2, delayUs: 30_000_000n, idleTimeoutMs: 60_000, futureLimitMs: 60_000 },
  });
  const input = deduplicates ? deduplicateNode(source, [0], TTL_MS) : source;
  const outputs = windowsUs.map((sizeUs): OutputNode => {
    const window = windowNode(input, { kind: 'tumbling', sizeUs, offsetUs: 0n }, 2);
    const column = (name: string) => {
      const index = window.columns.findIndex((candidate) => candidate.name === name);
      return { name, expression: columnReference(window.columns, index) };
    };
    const plain = { distinct: false, filter: undefined };
    const aggregated = aggregateNode(window, ['window_start', 'window_end', 'event_type', 'source'].map(column), [
      { name: 'n', call: { ...plain, function: 'count', argument: undefined, type: TYPE.int8 } },
      { name: 'total', call: { ...plain, function: 'sum', argument: column('amount').expression, type: TYPE.float8 } },
    ]);
    const topicName = outputTopic(sizeUs);
    return outputNode({
      name: topicName,
      topic: topicName,
      input: aggregated,
      mode: 'upsert',
      keys: [0, 1, 2, 3],
      emit: { kind: 'updates' },
    });
  });
  return pipelineOf({ name, sources: [source], outputs, sinks: [], alerts: [], modules: [] });
}

export function outputTopic(windowUs: bigint): string {
  return `by_${windowUs / MINUTE_US}m`;
}
