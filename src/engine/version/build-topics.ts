import { createHash } from 'node:crypto';
import { DEAD_LETTER_TOPIC } from '../../log/dead-letter.ts';
import type { Log, TopicConfig } from '../../log/log.ts';
import type { Pipeline } from '../../plan/node.ts';
import { OUTPUT_SEGMENT_BYTES } from '../limits.ts';
import { otherKind } from './output-topics.ts';

/** Begins the name of every topic that holds what a version under construction writes: nobody reads it but the cut-over. */
const SHADOW_PREFIX = '_building.';
const OWNER_PROPERTY = 'buildingOf';

/** Where a version under construction writes. */
export interface BuildTopics {
  /** By topic that it names: the one that takes its place until the cut-over; null where nothing is to be written. */
  readonly redirect: readonly (readonly [string, string | null])[];
  /** Topics to be made, beside those that `redirect` names: the outputs that are new. */
  readonly made: readonly string[];
}

/**
 * Where the outputs of a new version go until it is cut over to. An upsert topic that is there gets a shadow; an append topic that the
 * version before writes goes on from the cut-over, so nothing is written before; a topic that is new is written at once.
 *
 * @throws HeadraceError `ENGINE_OUTPUT_KIND`
 */
export function planBuildTopics(log: Log, key: string, next: Pipeline, before: Pipeline): BuildTopics {
  const redirect: [string, string | null][] = [[DEAD_LETTER_TOPIC, shadowName(key, DEAD_LETTER_TOPIC)]];
  const made: string[] = [];
  for (const output of next.outputs) {
    const existing = log.topic(output.topic);
    if (existing === undefined) made.push(output.topic);
    else if (existing.kind !== output.mode) throw otherKind(output, existing);
    else if (output.mode === 'upsert') redirect.push([output.topic, shadowName(key, output.topic)]);
    else if (before.outputs.some(({ topic }) => topic === output.topic)) redirect.push([output.topic, null]);
  }
  return { redirect, made };
}

function shadowName(key: string, topic: string): string {
  return `${SHADOW_PREFIX}${createHash('sha256').update(`${key}/${topic}`).digest('hex').slice(0, 32)}`;
}

export function shadowTopic(log: Log, pipeline: string, topic: string, shadow: string): TopicConfig {
  return {
    name: shadow,
    partitions: log.topic(topic)?.partitions ?? 1,
    kind: log.topic(topic)?.kind ?? 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: OUTPUT_SEGMENT_BYTES,
    keyPath: undefined,
    properties: { [OWNER_PROPERTY]: pipeline, topic },
  };
}

/** Shadows of a pipeline that none of these versions writes to: what a crash left over. */
export function shadowsLeftOver(log: Log, pipeline: string, used: readonly (string | null)[]): readonly string[] {
  return log
    .topics()
    .filter(({ name, properties }) => name.startsWith(SHADOW_PREFIX) && properties[OWNER_PROPERTY] === pipeline)
    .map(({ name }) => name)
    .filter((name) => !used.includes(name));
}
