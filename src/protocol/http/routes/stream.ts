import type { IncomingHttpHeaders } from 'node:http';
import { HeadraceError } from '../../../base/error.ts';
import { pumpFrames } from '../live-pump.ts';
import { problemOf } from '../problem.ts';
import { defineRoute } from '../route.ts';

export const liveStream = defineRoute({
  method: 'GET',
  path: '/api/v2/stream/{id}',
  operation: 'stream',
  tag: 'streams',
  summary: 'Follow a view or a topic live',
  description:
    'Server-sent events; a WebSocket when the request asks for an upgrade. A snapshot comes first, then `caught-up`, then each change, as frames `{op, key, row, offset}`. Come back with `Last-Event-ID` or `?offset=` and the offset of the last frame to go on without a gap. `_alerts` is the stream of alerts.',
  parameters: {
    id: { in: 'path', type: 'string', description: 'Name of a view or topic.', example: 'requests_1m' },
    offset: {
      in: 'query',
      type: 'string',
      description: 'Go on after the frame that had this offset.',
      example: '0:42',
    },
    snapshot: { in: 'query', type: 'boolean', default: true, description: 'False: only what comes from now on.' },
  },
  responses: {
    101: { description: 'WebSocket: one text message a frame.' },
    200: {
      description:
        'The stream. Ends with an event `error` when the client is too slow, with the offset to resume from.',
      contents: {
        'text/event-stream': {
          type: 'object',
          properties: {
            op: { enum: ['snapshot', 'upsert', 'delete', 'append', 'caught-up'] },
            key: { type: ['string', 'null'] },
            row: { type: ['object', 'null'] },
            offset: { type: 'string' },
          },
        },
      },
    },
    404: { description: 'There is no such view or topic.' },
    410: {
      description:
        'The offset is past retention: start anew without it. Who asks with `Accept: text/event-stream` gets an event `error` with an empty id, so that a browser comes back without it; a WebSocket is closed with 1008.',
    },
    429: { description: 'Too many streams are open.' },
  },
  access: { action: 'read', resource: ({ id }) => ({ kind: 'topic', name: id }) },
  upgradable: true,
  async handle(exchange) {
    const { services, limits, principal, signal, request } = exchange;
    const { id, offset, snapshot } = exchange.parameters;
    const lastEventId = request.headers['last-event-id'];
    const resume = offset ?? (typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined);
    const frames = await services.live.open({ id, resume, snapshot, principal, signal }).catch((error: unknown) => {
      if (isGone(error) && readsNoStatus(request.headers)) return error;
      throw error;
    });
    const sink = await exchange.openSink();
    if (frames instanceof HeadraceError) {
      sink.letGo(problemOf(frames), undefined);
      return undefined;
    }
    await pumpFrames(frames, sink, services.clock, limits, signal);
    return undefined;
  },
});

function isGone(error: unknown): error is HeadraceError {
  return error instanceof HeadraceError && error.code === 'SERVING_OFFSET_GONE';
}

/** A browser shows its page neither the status nor the body of a refused EventSource or WebSocket. */
function readsNoStatus({ upgrade, accept }: IncomingHttpHeaders): boolean {
  return upgrade !== undefined || accept?.includes('text/event-stream') === true;
}
