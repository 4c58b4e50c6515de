import { shownPlan } from '../../../plan/comparison/project-plan.ts';
import type { Resource } from '../../../security/principal.ts';
import { JsonShape } from '../json-shape.ts';
import type { ParameterSpec } from '../parameter.ts';
import { jsonReply } from '../reply.ts';
import { defineRoute, type JsonSchema, type ResponseDeclaration } from '../route.ts';

const planSchema: JsonSchema = {
  type: 'object',
  properties: {
    changes: { type: 'boolean', description: 'Whether anything is to be done.' },
    applying: { type: 'boolean', description: 'Whether changes are being applied.' },
    pipelines: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          pipeline: { type: 'string' },
          fate: { enum: ['unchanged', 'created', 'dropped', 'survives', 'rebuilt'] },
          version: { type: ['integer', 'null'], description: 'The version that runs.' },
          building: { type: ['integer', 'null'], description: 'A version that is being built beside it.' },
          views: {
            type: 'array',
            items: {
              type: 'object',
              properties: {
                view: { type: 'string' },
                topic: { type: 'string' },
                fate: { enum: ['unchanged', 'created', 'dropped', 'survives', 'rebuilt'] },
                changes: { type: 'array', items: { type: 'string' } },
                consequence: { type: ['string', 'null'] },
              },
            },
          },
          besides: { type: 'array', items: { type: 'string' }, description: 'Changes that touch no state.' },
          lostInputs: {
            type: 'array',
            items: { type: 'object' },
            description: 'Partitions whose beginning is gone: what is built anew is without it.',
          },
        },
      },
    },
  },
};

const name = {
  in: 'path',
  type: 'string',
  description: 'The pipeline.',
  example: 'traffic',
} as const satisfies ParameterSpec;
const refusals = {
  404: { description: 'There is no such pipeline.' },
  409: { description: 'Another change of it is under way, or something needs it.' },
} as const satisfies Record<number, ResponseDeclaration>;
const accepted = { 202: { description: 'It is under way.' } } as const satisfies Record<number, ResponseDeclaration>;
const done = { 204: { description: 'Done.' } } as const satisfies Record<number, ResponseDeclaration>;
const NO_CONTENT = { status: 204, headers: {}, body: '' };
const onPipeline = {
  action: 'administer',
  resource: (p: { readonly name: string }): Resource => ({ kind: 'pipeline', name: p.name }),
} as const;
const onAll = { action: 'administer', resource: (): Resource => ({ kind: 'pipeline', name: '*' }) } as const;

export const planProject = defineRoute({
  method: 'GET',
  path: '/api/v2/plan',
  operation: 'planProject',
  tag: 'pipelines',
  summary: 'What applying the files of the project would change',
  description: 'Reads the files of the project that the process runs, and compares them with what runs.',
  parameters: {},
  responses: {
    200: { description: 'The plan.', contents: { 'application/json': planSchema } },
    400: { description: 'The files are wrong; the answer says where.' },
  },
  access: onAll,
  handle: async ({ services }) => jsonReply(shownPlan(await services.changes.plan())),
});

export const applyProject = defineRoute({
  method: 'POST',
  path: '/api/v2/apply',
  operation: 'applyProject',
  tag: 'pipelines',
  summary: 'Run what the files of the project say',
  description:
    'What is built anew is built beside the running version and takes its place when it has caught up; `GET /api/v2/pipelines` shows how far it is.',
  parameters: {
    accept_loss: {
      in: 'query',
      type: 'boolean',
      default: false,
      description: 'Also build anew what will know less than now, since the beginning of its inputs is gone.',
    },
  },
  responses: {
    202: { description: 'What is under way.', contents: { 'application/json': planSchema } },
    409: { description: 'Inputs are not whole any more; see `accept_loss`.' },
    400: { description: 'The files are wrong; the answer says where.' },
  },
  access: onAll,
  handle: async ({ services, parameters }) =>
    jsonReply(shownPlan(await services.changes.apply({ acceptLoss: parameters.accept_loss })), 202),
});

export const pausePipeline = defineRoute({
  method: 'POST',
  path: '/api/v2/pipelines/{name}/pause',
  operation: 'pausePipeline',
  tag: 'pipelines',
  summary: 'Stop a pipeline until it is resumed, over restarts too',
  description: 'Its inputs are kept for it, up to a limit.',
  parameters: { name },
  responses: { ...done, ...refusals },
  access: onPipeline,
  async handle({ services, parameters }) {
    await services.changes.pause(parameters.name);
    return NO_CONTENT;
  },
});

export const resumePipeline = defineRoute({
  method: 'POST',
  path: '/api/v2/pipelines/{name}/resume',
  operation: 'resumePipeline',
  tag: 'pipelines',
  summary: 'Let a paused pipeline go on where it was',
  parameters: { name },
  responses: { ...done, ...refusals },
  access: onPipeline,
  async handle({ services, parameters }) {
    await services.changes.resume(parameters.name);
    return NO_CONTENT;
  },
});

export const restartPipeline = defineRoute({
  method: 'POST',
  path: '/api/v2/pipelines/{name}/restart',
  operation: 'restartPipeline',
  tag: 'pipelines',
  summary: 'Stop a pipeline and start it from what it has come to; also one that has failed',
  parameters: { name },
  responses: { ...done, ...refusals },
  access: onPipeline,
  async handle({ services, parameters }) {
    await services.changes.restart(parameters.name);
    return NO_CONTENT;
  },
});

export const abandonBuild = defineRoute({
  method: 'POST',
  path: '/api/v2/pipelines/{name}/abandon',
  operation: 'abandonBuild',
  tag: 'pipelines',
  summary: 'Give up the version that is being built beside a pipeline',
  parameters: { name },
  responses: { ...done, ...refusals },
  access: onPipeline,
  async handle({ services, parameters }) {
    await services.changes.abandon(parameters.name);
    return NO_CONTENT;
  },
});

export const replayPipeline = defineRoute({
  method: 'POST',
  path: '/api/v2/pipelines/{name}/replay',
  operation: 'replayPipeline',
  tag: 'pipelines',
  summary: 'Compute a pipeline once more from an earlier place',
  description:
    'Its results take the place of the present ones when they have caught up, or go into a topic of their own. Rows of before the place are in neither.',
  parameters: { name },
  body: {
    description: 'From where, and where to.',
    contents: {
      'application/json': {
        type: 'object',
        required: ['from'],
        additionalProperties: false,
        properties: {
          from: {
            type: 'string',
            description: '`earliest`, a time (ISO 8601), an offset, or `topic/partition:offset,...`.',
            examples: ['earliest', '2026-01-31T12:00:00Z', 'orders/0:1000'],
          },
          into: { type: 'string', description: 'A new topic.' },
          view: { type: 'string', description: 'Which view goes into it.' },
        },
      },
    },
  },
  responses: { ...accepted, 400: { description: 'The place is not clear, or not there.' }, ...refusals },
  access: onPipeline,
  async handle(exchange) {
    const shape = new JsonShape(await exchange.json(), ['from', 'into', 'view']);
    const request = { from: shape.requiredText('from'), into: shape.text('into'), view: shape.text('view') };
    await exchange.services.changes.replay(exchange.parameters.name, request);
    return jsonReply({ pipeline: exchange.parameters.name, ...request }, 202);
  },
});

export const dropPipeline = defineRoute({
  method: 'DELETE',
  path: '/api/v2/pipelines/{name}',
  operation: 'dropPipeline',
  tag: 'pipelines',
  summary: 'Drop a pipeline with its state and the topics that it writes',
  description: 'A pipeline that the files of the project declare is made anew by the next start or apply.',
  parameters: {
    name,
    cascade: {
      in: 'query',
      type: 'boolean',
      default: false,
      description: 'Also the pipelines that read it, and those whose sinks or alerts are of its views.',
    },
  },
  responses: {
    200: {
      description: 'The pipelines that are gone.',
      contents: {
        'application/json': { type: 'object', properties: { dropped: { type: 'array', items: { type: 'string' } } } },
      },
    },
    ...refusals,
  },
  access: { action: 'delete', resource: (p) => ({ kind: 'pipeline', name: p.name }) },
  handle: async ({ services, parameters }) =>
    jsonReply({ dropped: await services.changes.drop(parameters.name, parameters.cascade) }),
});
