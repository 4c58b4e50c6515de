import { DEAD_LETTER_TOPIC } from '../../../ingest/ingest.ts';
import { PAGE_RECORDS_MAX } from '../limit.ts';
import { newestRecords, type ShownRecord } from '../record-page.ts';
import { jsonReply } from '../reply.ts';
import { defineRoute } from '../route.ts';

/** Newest dead letters that a filter looks through. */
const SEARCHED_MAX = 10_000;

export const deadLetters = defineRoute({
  method: 'GET',
  path: '/api/v2/dead-letters',
  operation: 'deadLetters',
  tag: 'dead letters',
  summary: 'The newest refused records: bytes, reason, place and origin',
  parameters: {
    topic: { in: 'query', type: 'string', description: 'Only those meant for this topic.' },
    reason: { in: 'query', type: 'string', description: 'Only those of this reason.', example: 'malformed' },
    limit: {
      in: 'query',
      type: 'integer',
      minimum: 1,
      maximum: PAGE_RECORDS_MAX,
      default: 50,
      description: 'At most.',
    },
  },
  responses: {
    200: {
      description: 'The dead letters, newest first, and how many there are in all.',
      contents: {
        'application/json': {
          type: 'object',
          properties: {
            total: { type: 'integer' },
            deadLetters: {
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  id: { type: 'string' },
                  topic: { type: 'string' },
                  reason: { type: 'string' },
                  pointer: { type: 'string' },
                  message: { type: 'string' },
                  receivedAt: { type: 'integer' },
                  value: { type: 'string', description: 'The bytes, when they are UTF-8.' },
                  base64: { type: 'string', description: 'The bytes, when they are not.' },
                },
              },
            },
          },
        },
      },
    },
  },
  access: { action: 'read', resource: () => ({ kind: 'dead-letters', name: '*' }) },
  handle({ services, parameters }) {
    const { topic, reason, limit } = parameters;
    const config = services.log.topic(DEAD_LETTER_TOPIC);
    if (config === undefined) return jsonReply({ total: 0, deadLetters: [] });
    let total = 0;
    for (let partition = 0; partition < config.partitions; partition++) {
      const { logStart, highWatermark } = services.log.bounds(DEAD_LETTER_TOPIC, partition);
      total += highWatermark - logStart;
    }
    const filtered = topic !== undefined || reason !== undefined;
    const records = newestRecords(services.log, DEAD_LETTER_TOPIC, filtered ? SEARCHED_MAX : limit);
    const letters = records
      .reverse()
      .map(letterOf)
      .filter(
        (letter) =>
          (topic === undefined || letter.topic === topic) && (reason === undefined || letter.reason === reason),
      );
    return jsonReply({ total, deadLetters: letters.slice(0, limit) });
  },
});

interface ShownLetter {
  readonly id: string;
  readonly topic?: unknown;
  readonly reason?: unknown;
}

function letterOf(record: ShownRecord): ShownLetter {
  const id = `${record.partition}:${record.offset}`;
  const fields: unknown = JSON.parse(record.value ?? '{}');
  return typeof fields === 'object' && fields !== null ? { ...fields, id } : { id };
}
