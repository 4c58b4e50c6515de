import type { PipelineStatus } from '../../../engine/engine.ts';
import { instantText } from '../instant.ts';
import { jsonReply } from '../reply.ts';
import { defineRoute, type JsonSchema } from '../route.ts';
import { pipelineNamed } from './pipelines.ts';

const operatorSchema: JsonSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    kind: { type: 'string' },
    label: { type: 'string' },
    keys: { type: 'integer' },
    bytes: { type: 'integer' },
    bytesPerKey: { type: ['number', 'null'] },
    waitsFor: { type: ['string', 'null'], format: 'date-time' },
  },
};

const snapshotSchema: JsonSchema = {
  type: ['object', 'null'],
  properties: {
    epoch: { type: 'integer' },
    takenAt: { type: ['string', 'null'], format: 'date-time' },
    ageMs: { type: ['integer', 'null'] },
    files: { type: 'integer' },
    bytes: { type: 'integer' },
    writtenBytes: { type: 'integer' },
  },
};

const stateSchema: JsonSchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    state: { enum: ['recovering', 'running', 'retrying', 'paused', 'failed', 'stopped'] },
    epoch: { type: 'integer' },
    keys: { type: 'integer' },
    bytes: { type: 'integer' },
    memoryBytes: { type: 'integer' },
    memoryBytesMax: { type: 'integer' },
    snapshot: snapshotSchema,
    operators: { type: 'array', items: operatorSchema },
  },
};

export const describePipelineState = defineRoute({
  method: 'GET',
  path: '/api/v2/pipelines/{name}/state',
  operation: 'describePipelineState',
  tag: 'pipelines',
  summary: 'What a pipeline keeps: keys, bytes and next timer of each operator, and its last snapshot',
  parameters: { name: { in: 'path', type: 'string', description: 'The pipeline.', example: 'traffic' } },
  responses: {
    200: { description: 'The state.', contents: { 'application/json': stateSchema } },
    404: { description: 'There is no such pipeline.' },
  },
  access: { action: 'describe', resource: (p) => ({ kind: 'pipeline', name: p.name }) },
  handle: ({ services, parameters }) =>
    jsonReply(shownState(pipelineNamed(services.pipelines(), parameters.name).status(), services.clock.now())),
});

function shownState(status: PipelineStatus, nowMs: number): Record<string, unknown> {
  const { name, state, epoch, stateKeys, stateBytes, memoryBytes, memoryBytesMax } = status;
  return {
    name,
    state,
    epoch,
    keys: stateKeys,
    bytes: stateBytes,
    memoryBytes,
    memoryBytesMax,
    snapshot: shownSnapshot(status.snapshot, nowMs),
    operators: status.operators.map((operator) => ({
      id: operator.id,
      kind: operator.kind,
      label: operator.label,
      keys: operator.stateKeys,
      bytes: operator.stateBytes,
      bytesPerKey: operator.stateKeys === 0 ? null : Math.round((operator.stateBytes / operator.stateKeys) * 10) / 10,
      waitsFor: instantText(operator.waitsFor),
    })),
  };
}

function shownSnapshot(snapshot: PipelineStatus['snapshot'], nowMs: number): Record<string, unknown> | null {
  if (snapshot === undefined) return null;
  const { epoch, takenAtMs, files, bytes, writtenBytes } = snapshot;
  const takenAt = takenAtMs === undefined ? null : new Date(takenAtMs).toISOString();
  const ageMs = takenAtMs === undefined ? null : Math.max(0, Math.round(nowMs - takenAtMs));
  return { epoch, takenAt, ageMs, files, bytes, writtenBytes };
}
