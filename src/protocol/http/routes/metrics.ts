import { endToEndMs } from '../end-to-end.ts';
import { jsonReply, textReply } from '../reply.ts';
import { type Access, defineRoute } from '../route.ts';

const access: Access<unknown> = { action: 'read', resource: () => ({ kind: 'metrics', name: '*' }) };

export const metricsJson = defineRoute({
  method: 'GET',
  path: '/api/v2/metrics',
  operation: 'metrics',
  tag: 'operation',
  summary: 'Throughput, latency and lag, as JSON',
  parameters: {},
  responses: {
    200: {
      description: 'The present figures, and those of the last five minutes second by second.',
      contents: {
        'application/json': {
          type: 'object',
          properties: {
            at: { type: 'integer' },
            uptimeSeconds: { type: 'number' },
            throughput: { type: 'object' },
            latency: {
              type: 'object',
              description: 'Milliseconds: fsync, epochs, and from the receipt of a record to its visible effect.',
            },
            lag: { type: 'object' },
            log: { type: 'object' },
            history: { type: 'array', items: { type: 'object' } },
            samples: {
              type: 'array',
              items: {
                type: 'object',
                properties: { name: { type: 'string' }, labels: { type: 'object' }, value: { type: 'number' } },
              },
            },
          },
        },
      },
    },
  },
  access,
  handle({ services, history }) {
    const now = services.clock.now();
    const samples = services.metrics.snapshot();
    const { version, project, startedAt } = services.info();
    const latest = history.points().at(-1);
    const pipelines = services.pipelines().map((running) => running.status());
    return jsonReply({
      at: now,
      version,
      project,
      uptimeSeconds: (now - startedAt) / 1000,
      throughput: { recordsPerSecond: latest?.recordsPerSecond ?? 0, bytesPerSecond: latest?.bytesPerSecond ?? 0 },
      latency: {
        fsyncMs: services.log.stats().fsyncMs,
        epochMs: pipelines.map(({ name, epochMs }) => ({ pipeline: name, ...epochMs })),
        endToEndMs: pipelines.map(({ name }) => ({ pipeline: name, ...endToEndMs(samples, name) })),
      },
      lag: { records: pipelines.reduce((sum, status) => sum + status.lagRecords, 0) },
      log: { ...services.log.stats(), failure: services.log.stats().failure?.message ?? null },
      history: history.points(),
      samples,
    });
  },
});

export const metricsText = defineRoute({
  method: 'GET',
  path: '/metrics',
  operation: 'prometheus',
  tag: 'operation',
  summary: 'All metrics in Prometheus’s text format',
  parameters: {},
  responses: { 200: { description: 'Text exposition format 0.0.4.', contents: { 'text/plain': { type: 'string' } } } },
  access,
  handle: ({ services }) => textReply(services.metrics.expose(), 'text/plain; version=0.0.4; charset=utf-8'),
});
