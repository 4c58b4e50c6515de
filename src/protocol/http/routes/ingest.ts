import type { IngestResult } from '../../../ingest/ingest.ts';
import { INGEST_MEDIA_TYPES, ingestFormatOf } from '../media-type.ts';
import type { ParameterSpec } from '../parameter.ts';
import { httpError, PROBLEM_MEDIA_TYPE } from '../problem.ts';
import { jsonReply, type Reply } from '../reply.ts';
import {
  type BodyDeclaration,
  defineRoute,
  type Exchange,
  type JsonSchema,
  type ResponseDeclaration,
} from '../route.ts';
import type { HttpServices } from '../services.ts';

const refusal: JsonSchema = {
  type: 'object',
  required: ['line', 'reason', 'message'],
  properties: {
    line: { type: 'integer', description: 'Line (NDJSON, CSV) or element of the array, from 1.' },
    reason: { type: 'string', examples: ['malformed', 'schema', 'too_large', 'depth', 'utf8'] },
    pointer: { type: 'string', description: 'JSON pointer into the record.' },
    message: { type: 'string' },
  },
};

const result: JsonSchema = {
  type: 'object',
  required: ['topic', 'accepted', 'refused', 'refusals', 'placements', 'replayed'],
  properties: {
    topic: { type: 'string' },
    accepted: { type: 'integer', description: 'Records that are durable now.' },
    refused: { type: 'integer', description: 'Records that went to the dead-letter topic.' },
    refusals: { type: 'array', items: refusal, description: 'The first of the refused, with the reason.' },
    placements: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          partition: { type: 'integer' },
          baseOffset: { type: 'integer' },
          records: { type: 'integer' },
        },
      },
    },
    replayed: { type: 'boolean', description: 'The stored answer of an earlier request with this Idempotency-Key.' },
  },
};

const body: BodyDeclaration = {
  description:
    'Events: one JSON value, an array of them, one a line (NDJSON), or CSV with a header line. May be compressed (Content-Encoding gzip or zstd).',
  contents: Object.fromEntries(
    Object.entries(INGEST_MEDIA_TYPES).map(([type, format]) => [
      type,
      format === 'json' ? { type: ['object', 'array'] } : { type: 'string' },
    ]),
  ),
};

const responses: Readonly<Record<number, ResponseDeclaration>> = {
  200: {
    description: 'Durable. Some records may have been refused: `refused` and `refusals` say which and why.',
    contents: { 'application/json': result },
  },
  400: { description: 'All records were refused, or the body is truncated or not readable.' },
  404: { description: 'There is no such topic; the message has the command that creates it.' },
  413: { description: 'The body is over the limit.' },
  415: { description: 'Neither this Content-Type nor this Content-Encoding is taken; the message has the list.' },
  422: { description: 'The Idempotency-Key was used for another body.' },
  429: { description: 'Too much load; come back after Retry-After.' },
  507: { description: 'The disk is full; nothing was kept.' },
};

const DESCRIPTION =
  'Answers when the accepted records are durable (fsync). `Idempotency-Key` makes a repeated request safe for 24 hours: the same key and body give the same answer, once.';

const pathTopic = {
  in: 'path',
  type: 'string',
  description: 'The topic.',
  example: 'requests',
} as const satisfies ParameterSpec;
const queryTopic = {
  in: 'query',
  type: 'string',
  description: 'The topic; not needed when the project has one input topic.',
  example: 'requests',
} as const satisfies ParameterSpec;

export const ingestToTopic = defineRoute({
  method: 'POST',
  path: '/api/v2/ingest/{topic}',
  operation: 'ingestToTopic',
  tag: 'ingest',
  summary: 'Send events to a topic',
  description: DESCRIPTION,
  parameters: { topic: pathTopic },
  body,
  responses,
  access: { action: 'write', resource: ({ topic }) => ({ kind: 'topic', name: topic }) },
  handle: (exchange) => ingest(exchange, exchange.parameters.topic),
});

export const ingestToDefault = defineRoute({
  method: 'POST',
  path: '/api/v2/ingest',
  aliases: ['/ingest'],
  operation: 'ingest',
  tag: 'ingest',
  summary: 'Send events to the topic in `?topic=`, or to the only input topic',
  description: DESCRIPTION,
  parameters: { topic: queryTopic },
  body,
  responses,
  access: { action: 'write', resource: ({ topic }, services) => ({ kind: 'topic', name: topicOf(topic, services) }) },
  handle: (exchange) => ingest(exchange, topicOf(exchange.parameters.topic, exchange.services)),
});

function topicOf(given: string | undefined, services: HttpServices): string {
  const topic = given ?? services.defaultTopic();
  if (topic !== undefined) return topic;
  throw httpError(
    'HTTP_PARAMETER_INVALID',
    'ingesting: the request names no topic, and there is not exactly one input topic',
    'post to /api/v2/ingest/{topic}; "headrace topics list" has the names',
  );
}

async function ingest(exchange: Exchange<unknown>, topic: string): Promise<Reply> {
  const { headers } = exchange.request;
  const format = ingestFormatOf(headers['content-type']);
  const { services, principal } = exchange;
  if (services.log.topic(topic) === undefined) throw unknownTopic(topic);
  const { parts, length } = await exchange.body();
  if (length === 0) {
    throw httpError('HTTP_BODY_EMPTY', 'reading the events: the body is empty', 'send at least one event');
  }
  const idempotencyKey = headers['idempotency-key'];
  if (Array.isArray(idempotencyKey)) {
    throw httpError('HTTP_PARAMETER_INVALID', 'reading Idempotency-Key: there is more than one', 'send one');
  }
  const accepted = await services.ingest.accept({ topic, principal, body: parts, format, idempotencyKey });
  return ingestReply(accepted);
}

export function ingestReply(result: IngestResult): Reply {
  return result.accepted > 0 || result.refused === 0 ? acceptedReply(result) : allRefused(result);
}

const ACCEPTED_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' } as const;

/** The hot path: the result holds plain numbers and strings only, so it needs no replacer. */
function acceptedReply(result: IngestResult): Reply {
  return { status: 200, headers: ACCEPTED_HEADERS, body: JSON.stringify(result) };
}

/** The counts stay in the answer: a client reads both alike. */
function allRefused(result: {
  readonly refused: number;
  readonly refusals: readonly { readonly message: string; readonly line: number }[];
}): Reply {
  const first = result.refusals[0];
  const why = first === undefined ? '' : ` (line ${first.line}: ${first.message})`;
  const problem = {
    type: 'about:blank',
    title: 'All records refused',
    status: 400,
    detail: `ingesting: all ${result.refused} records were refused${why}; they are in the dead letters, see "headrace dlq list"`,
    code: 'INGEST_ALL_REFUSED',
    ...result,
  };
  const reply = jsonReply(problem, 400);
  return { ...reply, headers: { 'content-type': PROBLEM_MEDIA_TYPE } };
}

function unknownTopic(topic: string) {
  return httpError(
    'INGEST_UNKNOWN_TOPIC',
    `ingesting: there is no topic "${topic}"`,
    `create it with "headrace topics create ${topic}"`,
  );
}
