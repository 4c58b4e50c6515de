import { offset as asOffset } from '../../../base/brand.ts';
import { HeadraceError } from '../../../base/error.ts';
import { nearestName } from '../../../base/nearest-name.ts';
import { topicForUsers } from '../../../log/internal-topic.ts';
import type { Log, TopicConfig } from '../../../log/log.ts';
import { JsonShape } from '../json-shape.ts';
import { PAGE_RECORDS_MAX } from '../limit.ts';
import type { ParameterSpec } from '../parameter.ts';
import { httpError } from '../problem.ts';
import { newestRecords, recordsFrom } from '../record-page.ts';
import { jsonReply } from '../reply.ts';
import { defineRoute, type JsonSchema } from '../route.ts';
import { sampleEvent } from '../sample-event.ts';
import type { HttpServices, TopicDeclaration } from '../services.ts';

const topicSchema: JsonSchema = {
  type: 'object',
  required: ['name', 'kind', 'partitions'],
  properties: {
    name: { type: 'string' },
    kind: { enum: ['append', 'upsert', 'retract'] },
    partitions: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          partition: { type: 'integer' },
          logStart: { type: 'integer' },
          highWatermark: { type: 'integer' },
          bytes: { type: 'integer' },
        },
      },
    },
    records: { type: 'integer' },
    bytes: { type: 'integer' },
    retentionMs: { type: ['integer', 'null'] },
    retentionBytes: { type: ['integer', 'null'] },
    keyPath: { type: ['array', 'null'], items: { type: 'string' } },
    schema: { description: 'JSON Schema of its records, if it has one.' },
    writtenBy: { type: ['string', 'null'], description: 'Pipeline that writes it.' },
    sampleEvent: {
      type: ['string', 'null'],
      description: 'An event that the pipeline that reads it takes, quoted for a POSIX shell, with the present time.',
    },
    readBy: { type: 'array', items: { type: 'string' }, description: 'Pipelines that read it.' },
  },
};

const name = {
  in: 'path',
  type: 'string',
  description: 'The topic.',
  example: 'requests',
} as const satisfies ParameterSpec;
const notFound = { 404: { description: 'There is no such topic.' } } as const;

export const listTopics = defineRoute({
  method: 'GET',
  path: '/api/v2/topics',
  operation: 'listTopics',
  tag: 'topics',
  summary: 'All topics, with their sizes',
  parameters: {},
  responses: {
    200: {
      description: 'The topics.',
      contents: {
        'application/json': { type: 'object', properties: { topics: { type: 'array', items: topicSchema } } },
      },
    },
  },
  access: { action: 'describe', resource: () => ({ kind: 'cluster', name: '*' }) },
  handle: ({ services }) => jsonReply({ topics: services.log.topics().map((config) => shownTopic(services, config)) }),
});

export const createTopic = defineRoute({
  method: 'POST',
  path: '/api/v2/topics',
  operation: 'createTopic',
  tag: 'topics',
  summary: 'Create a topic',
  parameters: {},
  body: {
    description: 'The topic; what is left out has its configured default.',
    contents: {
      'application/json': {
        type: 'object',
        required: ['name'],
        additionalProperties: false,
        properties: {
          name: { type: 'string', examples: ['orders'] },
          kind: { enum: ['append', 'upsert'] },
          partitions: { type: 'integer', minimum: 1, maximum: 1024 },
          retentionMs: { type: 'integer', minimum: 1 },
          retentionBytes: { type: 'integer', minimum: 1 },
          keyPath: { type: 'array', items: { type: 'string' }, description: 'Where the record key is in the value.' },
          schema: { type: ['object', 'boolean'], description: 'JSON Schema (draft 2020-12) of the records.' },
        },
      },
    },
  },
  responses: {
    201: { description: 'Created.', contents: { 'application/json': topicSchema } },
    400: { description: 'The name, a setting or the schema is not valid.' },
    409: { description: 'There is such a topic already.' },
  },
  access: { action: 'create', resource: () => ({ kind: 'topic', name: '*' }) },
  async handle(exchange) {
    const declaration = declarationOf(await exchange.json());
    await exchange.services.createTopic(declaration);
    return jsonReply(shownTopic(exchange.services, topicNamed(exchange.services.log, declaration.name)), 201);
  },
});

export const describeTopic = defineRoute({
  method: 'GET',
  path: '/api/v2/topics/{name}',
  operation: 'describeTopic',
  tag: 'topics',
  summary: 'One topic',
  parameters: { name },
  responses: { 200: { description: 'The topic.', contents: { 'application/json': topicSchema } }, ...notFound },
  access: { action: 'describe', resource: (p) => ({ kind: 'topic', name: p.name }) },
  handle: ({ services, parameters }) => jsonReply(shownTopic(services, topicNamed(services.log, parameters.name))),
});

export const deleteTopic = defineRoute({
  method: 'DELETE',
  path: '/api/v2/topics/{name}',
  operation: 'deleteTopic',
  tag: 'topics',
  summary: 'Delete a topic and its records',
  parameters: { name },
  responses: {
    204: { description: 'Deleted.' },
    409: { description: 'A pipeline reads or writes it.' },
    ...notFound,
  },
  access: { action: 'delete', resource: (p) => ({ kind: 'topic', name: p.name }) },
  async handle({ services, parameters }) {
    const topic = topicNamed(services.log, parameters.name);
    const users = [...readersOf(services, topic.name), ...writersOf(services, topic.name)];
    if (users.length > 0 || topic.name.startsWith('_')) {
      const why = users.length > 0 ? `pipeline ${users.join(', ')} uses it` : 'it is the system’s own';
      throw new HeadraceError(`deleting topic "${topic.name}": ${why}`, {
        code: 'LOG_TOPIC_IN_USE',
        domain: 'log',
        next: 'remove the pipeline first',
      });
    }
    await services.log.deleteTopic(topic.name);
    return { status: 204, headers: {}, body: '' };
  },
});

export const topicRecords = defineRoute({
  method: 'GET',
  path: '/api/v2/topics/{name}/records',
  operation: 'topicRecords',
  tag: 'topics',
  summary: 'The newest records of a topic, or those from an offset on',
  parameters: {
    name,
    partition: {
      in: 'query',
      type: 'integer',
      minimum: 0,
      maximum: 1023,
      description: 'Only this partition; needed with `offset`.',
    },
    offset: { in: 'query', type: 'integer', minimum: 0, description: 'First offset; without it the newest records.' },
    limit: {
      in: 'query',
      type: 'integer',
      minimum: 1,
      maximum: PAGE_RECORDS_MAX,
      default: 20,
      description: 'Records at most.',
    },
  },
  responses: {
    200: { description: 'The records, oldest first.', contents: { 'application/json': { type: 'object' } } },
    410: { description: 'The offset is past retention.' },
    ...notFound,
  },
  access: { action: 'read', resource: (p) => ({ kind: 'topic', name: p.name }) },
  handle({ services, parameters }) {
    const topic = topicNamed(services.log, parameters.name);
    const { limit, offset, partition } = parameters;
    if (offset === undefined) {
      const records = newestRecords(services.log, topic.name, limit);
      return jsonReply({ records: records.filter((r) => partition === undefined || r.partition === partition) });
    }
    const chosen = partition ?? 0;
    if (chosen >= topic.partitions) {
      throw httpError(
        'HTTP_PARAMETER_INVALID',
        `reading "${topic.name}": there is no partition ${chosen}`,
        `it has ${topic.partitions}, counted from 0`,
      );
    }
    return jsonReply({ records: recordsFrom(services.log, topic.name, chosen, asOffset(offset), limit) });
  },
});

/** @throws HeadraceError `LOG_UNKNOWN_TOPIC` with the nearest name */
function topicNamed(log: Log, wanted: string): TopicConfig {
  const topic = topicForUsers(log, wanted);
  if (topic !== undefined) return topic;
  const near = nearestName(
    wanted,
    log.topics().map((t) => t.name),
  );
  throw new HeadraceError(`looking for topic "${wanted}": there is none`, {
    code: 'LOG_UNKNOWN_TOPIC',
    domain: 'log',
    next: near === undefined ? `create it with "headrace topics create ${wanted}"` : `did you mean "${near}"?`,
  });
}

function readersOf(services: HttpServices, topic: string): readonly string[] {
  return services
    .pipelines()
    .filter(({ pipeline }) => pipeline.sources.some((s) => s.topic === topic))
    .map(({ pipeline }) => pipeline.name);
}

function writersOf(services: HttpServices, topic: string): readonly string[] {
  return services
    .pipelines()
    .filter(({ pipeline }) => pipeline.outputs.some((o) => o.topic === topic))
    .map(({ pipeline }) => pipeline.name);
}

function shownTopic(services: HttpServices, topic: TopicConfig): Record<string, unknown> {
  const partitions = Array.from({ length: topic.partitions }, (_, partition) =>
    services.log.bounds(topic.name, partition),
  );
  const { schema } = topic.properties;
  const writtenBy = writersOf(services, topic.name)[0] ?? null;
  const source = services
    .pipelines()
    .flatMap((running) => running.pipeline.sources)
    .find((candidate) => candidate.topic === topic.name);
  return {
    name: topic.name,
    kind: topic.kind,
    partitions: partitions.map(({ partition, logStart, highWatermark, bytes }) => ({
      partition,
      logStart,
      highWatermark,
      bytes,
    })),
    records: partitions.reduce((sum, bounds) => sum + bounds.highWatermark - bounds.logStart, 0),
    bytes: partitions.reduce((sum, bounds) => sum + bounds.bytes, 0),
    retentionMs: topic.retentionMs ?? null,
    retentionBytes: topic.retentionBytes ?? null,
    keyPath: topic.keyPath ?? null,
    ...(schema !== undefined && { schema: parsedOrText(schema) }),
    writtenBy,
    sampleEvent: source === undefined || writtenBy !== null ? null : sampleEvent(source),
    readBy: readersOf(services, topic.name),
  };
}

function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function declarationOf(body: unknown): TopicDeclaration {
  const shape = new JsonShape(body, [
    'name',
    'kind',
    'partitions',
    'retentionMs',
    'retentionBytes',
    'keyPath',
    'schema',
  ]);
  const kind = shape.choice('kind', ['append', 'upsert'] as const);
  const partitions = shape.whole('partitions', 1, 1024);
  const retentionMs = shape.whole('retentionMs', 1, Number.MAX_SAFE_INTEGER);
  const retentionBytes = shape.whole('retentionBytes', 1, Number.MAX_SAFE_INTEGER);
  const keyPath = shape.texts('keyPath');
  return {
    name: shape.requiredText('name'),
    ...(kind !== undefined && { kind }),
    ...(partitions !== undefined && { partitions }),
    ...(retentionMs !== undefined && { retentionMs }),
    ...(retentionBytes !== undefined && { retentionBytes }),
    ...(keyPath !== undefined && { keyPath }),
    ...(shape.has('schema') && { schema: shape.value('schema') }),
  };
}
