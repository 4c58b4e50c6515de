import { nearestName } from '../../../base/nearest-name.ts';
import type { OperatorStatus, PipelineStatus, RunningPipeline } from '../../../engine/engine.ts';
import { explainWaits } from '../../../engine/why.ts';
import { instantText } from '../instant.ts';
import type { PipelineVersionInfo } from '../pipeline-changes.ts';
import { httpError } from '../problem.ts';
import { jsonReply } from '../reply.ts';
import { defineRoute, type JsonSchema } from '../route.ts';
import type { HttpServices } from '../services.ts';

const pipelineSchema: JsonSchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    state: { enum: ['recovering', 'running', 'retrying', 'paused', 'failed', 'stopped'] },
    error: { type: ['object', 'null'] },
    version: { type: 'integer', description: 'Counts the definitions that have run under this name.' },
    building: {
      type: ['object', 'null'],
      description: 'A version that is built beside it, and takes its place when it has caught up.',
      properties: {
        version: { type: 'integer' },
        state: { type: 'string' },
        lagRecords: { type: 'integer' },
        begunAt: { type: 'string', format: 'date-time' },
      },
    },
    pausedAt: { type: ['string', 'null'], format: 'date-time' },
    mustRebuild: { type: ['string', 'null'], description: 'Why a paused pipeline cannot go on where it was.' },
    epoch: { type: 'integer' },
    lagRecords: { type: 'integer' },
    watermark: { type: ['string', 'null'], format: 'date-time' },
    operators: { type: 'array', items: { type: 'object' } },
    inputs: { type: 'array', items: { type: 'object' } },
    waits: { type: 'array', items: { type: 'object' } },
    edges: {
      type: 'array',
      items: {
        type: 'object',
        properties: { from: { type: 'string' }, to: { type: 'string' }, rows: { type: 'integer' } },
      },
    },
  },
};

export const listPipelines = defineRoute({
  method: 'GET',
  path: '/api/v2/pipelines',
  operation: 'listPipelines',
  tag: 'pipelines',
  summary: 'All pipelines with their operators, rates, watermarks and lag',
  parameters: {},
  responses: {
    200: {
      description: 'The pipelines.',
      contents: {
        'application/json': { type: 'object', properties: { pipelines: { type: 'array', items: pipelineSchema } } },
      },
    },
  },
  access: { action: 'describe', resource: () => ({ kind: 'pipeline', name: '*' }) },
  handle: ({ services }) =>
    jsonReply({ pipelines: services.pipelines().map((running) => shownPipeline(services, running)) }),
});

export const describePipeline = defineRoute({
  method: 'GET',
  path: '/api/v2/pipelines/{name}',
  operation: 'describePipeline',
  tag: 'pipelines',
  summary: 'One pipeline',
  parameters: { name: { in: 'path', type: 'string', description: 'The pipeline.', example: 'traffic' } },
  responses: {
    200: { description: 'The pipeline.', contents: { 'application/json': pipelineSchema } },
    404: { description: 'There is no such pipeline.' },
  },
  access: { action: 'describe', resource: (p) => ({ kind: 'pipeline', name: p.name }) },
  handle: ({ services, parameters }) =>
    jsonReply(shownPipeline(services, pipelineNamed(services.pipelines(), parameters.name))),
});

/** @throws HttpError 404 */
export function pipelineNamed(all: readonly RunningPipeline[], name: string): RunningPipeline {
  const running = all.find(({ pipeline }) => pipeline.name === name);
  if (running !== undefined) return running;
  const names = all.map(({ pipeline }) => pipeline.name);
  const near = nearestName(name, names);
  throw httpError(
    'HTTP_NOT_FOUND',
    `looking for pipeline "${name}": there is none`,
    near === undefined ? `there are ${names.join(', ') || 'none'}` : `did you mean "${near}"?`,
  );
}

function shownPipeline(services: HttpServices, running: RunningPipeline): Record<string, unknown> {
  const status: PipelineStatus = running.status();
  const { pipeline } = running;
  return {
    ...status,
    ...shownVersion(services.versionOf(pipeline.name)),
    error: status.error === undefined ? null : { code: status.error.code, message: status.error.message },
    watermark: instantText(status.watermark),
    operators: status.operators.map(shownOperator),
    inputs: status.inputs.map((input) => ({ ...input, watermark: instantText(input.watermark) })),
    waits: explainWaits(status),
    snapshotEpoch: status.snapshotEpoch ?? null,
    sources: pipeline.sources.map(({ name, topic }) => ({ name, topic })),
    outputs: pipeline.outputs.map(({ name, topic, mode, emit }) => ({ name, topic, mode, emit: emit.kind })),
    sinks: pipeline.sinks.map(({ name, from, connector }) => ({ name, from, connector })),
    alerts: pipeline.alerts.map(({ name, view, conditionText, severity }) => ({
      name,
      view,
      condition: conditionText,
      severity,
    })),
  };
}

function shownVersion(info: PipelineVersionInfo | undefined): Record<string, unknown> {
  const time = (ms: number): string => new Date(ms).toISOString();
  const { building, paused } = info ?? {};
  return {
    version: info?.version ?? 1,
    building: building === undefined ? null : { ...building, begunAtMs: undefined, begunAt: time(building.begunAtMs) },
    pausedAt: paused === undefined ? null : time(paused.atMs),
    mustRebuild: paused?.mustRebuild ?? null,
  };
}

function shownOperator(operator: OperatorStatus): Record<string, unknown> {
  return { ...operator, watermark: instantText(operator.watermark), waitsFor: instantText(operator.waitsFor) };
}
