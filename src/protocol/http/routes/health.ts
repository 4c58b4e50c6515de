import { httpError } from '../problem.ts';
import { jsonReply } from '../reply.ts';
import { defineRoute } from '../route.ts';

export const healthLive = defineRoute({
  method: 'GET',
  path: '/health/live',
  operation: 'healthLive',
  tag: 'operation',
  summary: 'Whether the process lives',
  parameters: {},
  responses: { 200: { description: 'It does.', contents: { 'application/json': { type: 'object' } } } },
  access: 'public',
  handle: () => jsonReply({ status: 'live' }),
});

export const healthReady = defineRoute({
  method: 'GET',
  path: '/health/ready',
  operation: 'healthReady',
  tag: 'operation',
  summary: 'Whether the process serves',
  parameters: {},
  responses: {
    200: {
      description:
        'It does. "degraded" when something does not work while the rest serves (a full disk refuses writes, a pipeline is paused): "problems" has code and message of each.',
      contents: { 'application/json': { type: 'object' } },
    },
    503: { description: 'Not yet; the message says what it waits for.' },
  },
  access: 'public',
  handle({ services }) {
    const waiting = services.notReady();
    if (waiting.length === 0) {
      const problems = services.problems();
      return jsonReply(problems.length === 0 ? { status: 'ready' } : { status: 'degraded', problems });
    }
    throw httpError('HTTP_NOT_READY', `serving: ${waiting.join('; ')}`, 'wait, or see "headrace doctor"');
  },
});
