import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../../base/clock.ts';
import { WEBSOCKET_MESSAGE_BYTES_MAX } from './limit.ts';
import type { LiveSink } from './live-pump.ts';
import { httpError } from './problem.ts';
import { SseSink } from './sse.ts';
import { WebSocketSink } from './websocket.ts';

/** The subprotocol that is answered when a client offers it; frames are the same without. */
const SUBPROTOCOL = 'headrace';

/** The connections that carry live streams now; bounded, and ended together when the server stops. */
export class LiveConnections {
  readonly #clock: Clock;
  readonly #streamsMax: number;
  readonly #sinks = new Set<LiveSink>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: WEBSOCKET_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  constructor(clock: Clock, streamsMax: number) {
    this.#clock = clock;
    this.#streamsMax = streamsMax;
  }

  get size(): number {
    return this.#sinks.size;
  }

  /** @throws HeadraceError `HTTP_STREAMS_FULL` */
  assertRoom(): void {
    if (this.#sinks.size < this.#streamsMax) return;
    throw httpError(
      'HTTP_STREAMS_FULL',
      `opening the stream: ${this.#streamsMax} streams are open, which is the limit`,
      'close one, or come back later',
    );
  }

  openEvents(response: ServerResponse, headers: Readonly<Record<string, string>>): LiveSink {
    this.assertRoom();
    const sink = new SseSink(response, headers, this.#clock);
    this.#keep(sink, (gone) => response.once('close', gone));
    return sink;
  }

  openSocket(request: IncomingMessage, response: ServerResponse): Promise<LiveSink> {
    this.assertRoom();
    const { socket } = request;
    response.detachSocket(socket);
    socket.setTimeout(0);
    return new Promise((resolve, reject) => {
      const broken = (): void =>
        reject(httpError('HTTP_BODY_TRUNCATED', 'opening the WebSocket: the connection ended'));
      socket.once('close', broken);
      this.#sockets.handleUpgrade(request, socket, Buffer.alloc(0), (webSocket: WebSocket) => {
        socket.off('close', broken);
        const sink = new WebSocketSink(webSocket, this.#clock);
        this.#keep(sink, (gone) => webSocket.once('close', gone));
        resolve(sink);
      });
    });
  }

  endAll(): void {
    for (const sink of this.#sinks) sink.end();
  }

  #keep(sink: LiveSink, onGone: (gone: () => void) => void): void {
    this.#sinks.add(sink);
    onGone(() => this.#sinks.delete(sink));
  }
}

/** A response on the socket of an upgrade request, so that a refusal is an ordinary answer. */
export function responseOfUpgrade(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  response.once('finish', () => {
    if (response.statusCode !== 101) socket.end();
  });
  return response;
}
