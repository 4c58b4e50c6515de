import { openApiDocument } from '../openapi.ts';
import { jsonReply } from '../reply.ts';
import { defineRoute } from '../route.ts';

export const openApi = defineRoute({
  method: 'GET',
  path: '/api/v2/openapi.json',
  operation: 'openapi',
  tag: 'operation',
  summary: 'This description of the API',
  parameters: {},
  responses: { 200: { description: 'OpenAPI 3.1.', contents: { 'application/json': { type: 'object' } } } },
  access: 'public',
  handle: ({ services, routes }) => jsonReply(openApiDocument(routes, services.info().version)),
});
