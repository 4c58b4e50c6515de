import type { ParameterSpec } from './parameter.ts';
import { PROBLEM_MEDIA_TYPE } from './problem.ts';
import type { JsonSchema, Route } from './route.ts';

const PROBLEM_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'Problem details (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What was being done, what went wrong, and what to do next.' },
    code: { type: 'string', description: 'Stable name of the error.' },
    next: { type: 'string', description: 'What to do next.' },
    retryable: { type: 'boolean', description: 'The same request may succeed later.' },
    position: {
      type: 'object',
      description: 'Where in the text that was sent; 1-based.',
      properties: { file: { type: 'string' }, line: { type: 'integer' }, column: { type: 'integer' } },
    },
  },
};

/** The OpenAPI 3.1 document of these routes. */
export function openApiDocument(routes: readonly Route[], version: string): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    for (const path of [route.path, ...(route.aliases ?? [])]) {
      paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, path) };
    }
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Headrace',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description: 'Events in, live results out: ingest, live streams, queries, topics, pipelines, tables and alerts.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, {}],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: PROBLEM_SCHEMA },
    },
  };
}

function operationOf(route: Route, path: string): Record<string, unknown> {
  const alias = path === route.path ? '' : `_${path.replace(/[^a-z0-9]+/gi, '_').replace(/^_|_$/g, '')}`;
  const parameters = Object.entries(route.parameters)
    .filter(([name, spec]) => spec.in === 'query' || path.includes(`{${name}}`))
    .map(([name, spec]) => parameterOf(name, spec));
  return {
    operationId: `${route.operation}${alias}`,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    ...(route.access === 'public' && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(route.body !== undefined && {
      requestBody: { description: route.body.description, required: true, content: contentOf(route.body.contents) },
    }),
    responses: responsesOf(route),
  };
}

function parameterOf(name: string, spec: ParameterSpec): Record<string, unknown> {
  const { in: place, description, example, ...schema } = spec;
  return {
    name,
    in: place,
    required: place === 'path',
    description,
    schema,
    ...(example !== undefined && { example }),
  };
}

function responsesOf(route: Route): Record<string, unknown> {
  const responses: Record<string, unknown> = {};
  for (const [status, response] of Object.entries(route.responses)) {
    const contents = response.contents ?? (Number(status) >= 400 ? undefined : {});
    responses[status] = {
      description: response.description,
      ...(contents !== undefined && { content: contentOf(contents) }),
      ...(contents === undefined && { content: { [PROBLEM_MEDIA_TYPE]: { schema: problemReference } } }),
    };
  }
  responses.default = {
    description: 'Any other refusal.',
    content: { [PROBLEM_MEDIA_TYPE]: { schema: problemReference } },
  };
  return responses;
}

const problemReference = { $ref: '#/components/schemas/Problem' };

function contentOf(contents: Readonly<Record<string, JsonSchema>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(contents).map(([type, schema]) => [type, { schema }]));
}
