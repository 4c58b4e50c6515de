import { jsonReply } from '../reply.ts';
import { defineRoute } from '../route.ts';

export const alerts = defineRoute({
  method: 'GET',
  path: '/api/v2/alerts',
  operation: 'alerts',
  tag: 'alerts',
  summary: 'Alerts that are pending or firing, and those that were resolved lately',
  description: 'The stream `_alerts` (`/api/v2/stream/_alerts`) has them live.',
  parameters: {
    state: { in: 'query', type: 'string', enum: ['pending', 'firing', 'resolved'], description: 'Only these.' },
  },
  responses: {
    200: {
      description: 'The alerts.',
      contents: {
        'application/json': { type: 'object', properties: { alerts: { type: 'array', items: { type: 'object' } } } },
      },
    },
  },
  access: { action: 'read', resource: () => ({ kind: 'alerts', name: '*' }) },
  handle({ services, parameters }) {
    const { state } = parameters;
    return jsonReply({ alerts: services.alerts().filter((alert) => state === undefined || alert.state === state) });
  },
});
