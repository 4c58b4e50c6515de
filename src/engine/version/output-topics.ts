import { HeadraceError } from '../../base/error.ts';
import { DEAD_LETTER_TOPIC } from '../../log/dead-letter.ts';
import type { Log, TopicConfig } from '../../log/log.ts';
import type { OutputNode, Pipeline } from '../../plan/node.ts';
import { typeName } from '../../plan/type-name.ts';
import { OUTPUT_SEGMENT_BYTES } from '../limits.ts';

/** @throws HeadraceError `ENGINE_UNKNOWN_TOPIC` */
export function requireSources(log: Log, pipeline: Pipeline): void {
  for (const source of pipeline.sources) {
    if (log.topic(source.topic) !== undefined) continue;
    throw new HeadraceError(`starting pipeline "${pipeline.name}": its input topic "${source.topic}" does not exist`, {
      code: 'ENGINE_UNKNOWN_TOPIC',
      domain: 'engine',
      next: `create it with "headrace topics create ${source.topic}"`,
    });
  }
}

/**
 * Makes the topics of a pipeline's outputs, or says at those that are there what they hold now; with `only`, just those.
 *
 * @throws HeadraceError `ENGINE_OUTPUT_KIND`
 */
export async function createOutputTopics(log: Log, pipeline: Pipeline, only?: readonly string[]): Promise<void> {
  for (const output of pipeline.outputs) {
    if (only !== undefined && !only.includes(output.topic)) continue;
    const wanted = outputTopic(output, pipeline.name);
    const existing = await existingOrCreated(log, wanted);
    if (existing !== undefined) await describeTopic(log, output, existing, wanted);
  }
  await existingOrCreated(log, plainTopic(DEAD_LETTER_TOPIC));
}

/** The topic that is there; undefined when this has made it. Others may make the same one at the same time. */
async function existingOrCreated(log: Log, wanted: TopicConfig): Promise<TopicConfig | undefined> {
  const existing = log.topic(wanted.name);
  if (existing !== undefined) return existing;
  try {
    await log.createTopic(wanted);
    return undefined;
  } catch (error) {
    const made = log.topic(wanted.name);
    if (made === undefined || !(error instanceof HeadraceError) || error.code !== 'LOG_TOPIC_EXISTS') throw error;
    return made;
  }
}

/** A topic that somebody else made, or an earlier version of the view, says what it holds now. */
async function describeTopic(
  log: Log,
  output: OutputNode,
  existing: TopicConfig,
  { properties }: TopicConfig,
): Promise<void> {
  if (existing.kind !== output.mode) throw otherKind(output, existing);
  if (Object.entries(properties).every(([name, value]) => existing.properties[name] === value)) return;
  await log.setTopicProperties(output.topic, { ...existing.properties, ...properties });
}

function plainTopic(name: string): TopicConfig {
  return {
    name,
    partitions: 1,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: OUTPUT_SEGMENT_BYTES,
    keyPath: undefined,
    properties: {},
  };
}

function outputTopic(output: OutputNode, pipeline: string): TopicConfig {
  const columns = output.input.columns.map(({ name, type, nullable }) => ({ name, type: typeName(type), nullable }));
  const key = output.keys.map((at) => output.input.columns[at]!.name);
  const properties = { pipeline, view: output.name, columns: JSON.stringify(columns), key: JSON.stringify(key) };
  return { ...plainTopic(output.topic), kind: output.mode, properties };
}

export function otherKind({ name, topic, mode }: OutputNode, existing: TopicConfig): HeadraceError {
  return new HeadraceError(
    `starting the view "${name}": its topic "${topic}" holds ${existing.kind} records, and the view makes ${mode} records`,
    {
      code: 'ENGINE_OUTPUT_KIND',
      domain: 'engine',
      next: "give the view another topic (WITH (topic = '...')), or delete the topic",
    },
  );
}
