import type { QueryResult } from '../../../serving/serving.ts';
import { csvText } from '../csv-text.ts';
import { JsonShape } from '../json-shape.ts';
import { jsonText } from '../json-text.ts';
import { acceptNames } from '../media-type.ts';
import { jsonReply, type Reply, textReply } from '../reply.ts';
import { defineRoute, type JsonSchema } from '../route.ts';

const FORMATS = ['json', 'ndjson', 'csv'] as const;
type Format = (typeof FORMATS)[number];

export const freshnessSchema: JsonSchema = {
  type: 'object',
  description: 'How fresh the answer is.',
  properties: {
    commit: { type: 'integer' },
    asOf: { type: 'integer', description: 'Receipt of the newest record in it, milliseconds since the Unix epoch.' },
    watermark: { type: ['string', 'integer', 'null'] },
    lagRecords: { type: 'integer', description: 'Input records not yet in it.' },
  },
};

export const query = defineRoute({
  method: 'POST',
  path: '/api/v2/query',
  operation: 'query',
  tag: 'query',
  summary: 'Ask a question in SQL',
  description: 'Read-only SQL with PostgreSQL’s meaning over tables (views) and topics.',
  parameters: {},
  body: {
    description: 'The query and, optionally, the format of the answer.',
    contents: {
      'application/json': {
        type: 'object',
        required: ['sql'],
        additionalProperties: false,
        properties: {
          sql: { type: 'string', examples: ['SELECT * FROM requests_1m ORDER BY window_start DESC LIMIT 10'] },
          format: { enum: FORMATS, default: 'json' },
        },
      },
    },
  },
  responses: {
    200: {
      description: 'The rows.',
      contents: {
        'application/json': {
          type: 'object',
          properties: {
            columns: {
              type: 'array',
              items: { type: 'object', properties: { name: { type: 'string' }, type: { type: 'string' } } },
            },
            rows: { type: 'array', items: { type: 'array' } },
            freshness: freshnessSchema,
            elapsedMs: { type: 'number' },
            truncated: { type: 'boolean', description: 'There were more rows than one answer holds.' },
          },
        },
        'application/x-ndjson': { type: 'string' },
        'text/csv': { type: 'string' },
      },
    },
    400: { description: 'The query is wrong; `position` has line and column.' },
    504: { description: 'The query took longer than it may.' },
  },
  access: { action: 'read', resource: () => ({ kind: 'query', name: '*' }) },
  async handle(exchange) {
    const shape = new JsonShape(await exchange.json(), ['sql', 'format']);
    const sql = shape.requiredText('sql');
    const format = shape.choice('format', FORMATS) ?? acceptedFormat(exchange.request.headers.accept);
    const { principal, signal } = exchange;
    const result = await exchange.services.query.run({ sql, principal, signal });
    return resultReply(result, format);
  },
});

function acceptedFormat(accept: string | undefined): Format {
  if (acceptNames(accept, 'text/csv')) return 'csv';
  return acceptNames(accept, 'application/x-ndjson') ? 'ndjson' : 'json';
}

function resultReply(result: QueryResult, format: Format): Reply {
  if (format === 'json') return jsonReply(result);
  const names = result.columns.map((column) => column.name);
  const reply =
    format === 'csv'
      ? textReply(csvText(names, result.rows), 'text/csv; charset=utf-8')
      : textReply(ndjson(names, result.rows), 'application/x-ndjson');
  // What the JSON answer says beside the rows goes into headers here.
  const headers = {
    ...reply.headers,
    'headrace-as-of': String(result.freshness.asOf),
    'headrace-lag-records': String(result.freshness.lagRecords),
    'headrace-truncated': String(result.truncated),
  };
  return { ...reply, headers };
}

function ndjson(names: readonly string[], rows: readonly (readonly unknown[])[]): string {
  let text = '';
  for (const row of rows) text += `${jsonText(Object.fromEntries(names.map((name, i) => [name, row[i]])))}\n`;
  return text;
}
