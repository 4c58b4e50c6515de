import http, { type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { assertSafeBind } from '../../security/safe-bind.ts';
import { type DoorState, RequestExchange } from './exchange.ts';
import { ExpressLane } from './express-lane.ts';
import { Gate } from './gate.ts';
import * as limit from './limit.ts';
import { listenOn, urlOf } from './listen.ts';
import { LiveConnections, responseOfUpgrade } from './live-streams.ts';
import { doorLimits, type HttpDoorOptions } from './options.ts';
import { parseParameters } from './parameter.ts';
import { httpError, problemHeaders, problemOf } from './problem.ts';
import { jsonReply, type Reply, securityHeaders, sendReply } from './reply.ts';
import { BodyBudget, discardRest } from './request-body.ts';
import type { Route } from './route.ts';
import { Router } from './router.ts';
import { routes } from './routes/index.ts';
import type { HttpServices } from './services.ts';
import { staticFile } from './static-file.ts';
import { SystemHistory } from './system-history.ts';
import { readSystem } from './system-reading.ts';
import { VisitorCheck } from './visitor.ts';

export interface HttpDoor {
  /** @throws HeadraceError `HTTP_PORT_TAKEN`, `HTTP_LISTEN`, `SECURITY_UNSAFE_BIND` */
  listen(): Promise<{ readonly url: string }>;
  /** Takes no more requests, lets those under way finish, ends live streams with the offset to resume from. */
  close(): Promise<void>;
}

/**
 * The HTTP door: the API of ARCHITECTURE section 7, live streams, metrics, health and the console.
 *
 * @example
 * ```ts
 * const door = createHttpDoor(services, { host: '127.0.0.1', port: 8080, authConfigured: false });
 * const { url } = await door.listen();
 * ```
 */
export function createHttpDoor(services: HttpServices, options: HttpDoorOptions): HttpDoor {
  return new Door(services, options);
}

class Door implements HttpDoor {
  readonly #services: HttpServices;
  readonly #options: HttpDoorOptions;
  readonly #router = new Router(routes);
  readonly #visitors: VisitorCheck;
  readonly #state: DoorState;
  readonly #connections: LiveConnections;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #server: Server;
  #lane: ExpressLane | undefined;
  #closing = false;
  readonly #count: (route: string, status: number, elapsedMs: number) => void;

  constructor(services: HttpServices, options: HttpDoorOptions) {
    this.#services = services;
    this.#options = options;
    const { allowedHosts = [], allowedOrigins = [] } = options;
    this.#visitors = new VisitorCheck({ allowedHosts, allowedOrigins }, services.authenticator);
    const limits = doorLimits(options.limits);
    this.#connections = new LiveConnections(services.clock, limits.streamsMax);
    this.#headers = securityHeaders(options.tls !== undefined);
    this.#state = {
      services,
      limits,
      routes,
      budget: new BodyBudget(limits.inFlightBytesMax),
      gate: new Gate(limit.DECOMPRESSIONS_MAX),
      history: new SystemHistory(services.clock, () => readSystem(services)),
    };
    this.#count = this.#registerMetrics();
    this.#server = this.#createServer();
  }

  async listen(): Promise<{ readonly url: string }> {
    const { host, port, tls, authConfigured } = this.#options;
    assertSafeBind({ listener: 'http', host, tlsConfigured: tls !== undefined, authConfigured });
    const bound = await listenOn(this.#server, host, port);
    return { url: urlOf(tls !== undefined, host, bound) };
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#state.history.close();
    this.#connections.endAll();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#lane?.close();
    this.#server.closeIdleConnections();
    const cancel = this.#services.clock.after(limit.CLOSE_GRACE_MS, () => {
      this.#lane?.destroy();
      this.#server.closeAllConnections();
    });
    await closed;
    cancel();
  }

  #createServer(): Server {
    const { tls } = this.#options;
    const settings: ServerOptions = {
      maxHeaderSize: limit.HEADER_BYTES_MAX,
      requestTimeout: limit.REQUEST_TIMEOUT_MS,
      headersTimeout: limit.HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: limit.TIMEOUT_CHECK_MS,
      keepAliveTimeout: limit.KEEP_ALIVE_TIMEOUT_MS,
      noDelay: true,
    };
    const server =
      tls === undefined
        ? http.createServer(settings)
        : https.createServer({ ...settings, ...tls, minVersion: 'TLSv1.3' });
    if (tls === undefined) this.#openLane(server);
    server.maxConnections = this.#state.limits.connectionsMax;
    server.setTimeout(limit.IDLE_SOCKET_TIMEOUT_MS);
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#answer(request, response, () => this.#connections.openEvents(response, this.#streamHeaders(request)));
    };
    server.on('request', answer);
    server.on('checkContinue', answer);
    server.on('upgrade', (request: IncomingMessage, socket: Duplex) => this.#upgrade(request, socket));
    return server;
  }

  /** Connections begin on the lane; those that leave it go where they would have gone. */
  #openLane(server: Server): void {
    const serve = server.listeners('connection');
    server.removeAllListeners('connection');
    const lane = new ExpressLane({
      services: this.#services,
      visitors: this.#visitors,
      budget: this.#state.budget,
      bodyBytesMax: this.#state.limits.bodyBytesMax,
      headers: this.#headers,
      serve: (socket) => {
        for (const listener of serve) listener.call(server, socket);
      },
      refusal: (error, request) => this.#refusal(error, request),
      count: this.#count,
    });
    server.on('connection', (socket: Socket) => lane.take(socket));
    this.#lane = lane;
  }

  #upgrade(request: IncomingMessage, socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    const response = responseOfUpgrade(request, socket);
    void this.#answer(request, response, () => this.#connections.openSocket(request, response));
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    openSink: RequestExchange['openSink'],
  ): Promise<void> {
    const startedMs = this.#services.clock.monotonicMs();
    // The client has gone: whoever writes to it next finds that out by itself.
    response.on('error', () => {});
    const { path, query } = splitUrl(request.url ?? '/');
    let route: Route | undefined;
    let reply: Reply | undefined;
    let exchange: RequestExchange | undefined;
    try {
      this.#visitors.assertWelcome(request);
      const match = request.method === 'OPTIONS' ? undefined : this.#router.match(request.method ?? 'GET', path);
      if (match === undefined) {
        reply = await this.#otherwise(request, path);
      } else {
        route = match.route;
        if (request.headers.upgrade !== undefined && response.shouldKeepAlive === false && !route.upgradable) {
          throw httpError(
            'HTTP_METHOD_NOT_ALLOWED',
            `upgrading ${path}: it is not a stream`,
            'ask /api/v2/stream/{id}',
          );
        }
        const parameters = parseParameters(route.parameters, match.path, query);
        const principal = route.access === 'public' ? NOBODY : this.#visitors.authenticate(request);
        if (route.access !== 'public') {
          const { action, resource } = route.access;
          this.#services.authorizer.authorize(principal, action, resource(parameters as never, this.#services));
        }
        exchange = new RequestExchange(this.#state, request, response, principal, parameters, openSink);
        reply = await route.handle(exchange as never);
      }
    } catch (error) {
      reply = this.#refusal(error, describe(request));
    }
    if (reply !== undefined) this.#send(request, response, reply);
    exchange?.release();
    this.#count(route?.path ?? 'other', reply?.status ?? 200, this.#services.clock.monotonicMs() - startedMs);
  }

  #send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const crossOrigin = this.#visitors.crossOriginHeaders(request);
    // A client with more to send would keep its connection, and the door, open.
    if (this.#closing) response.shouldKeepAlive = false;
    const always = crossOrigin === undefined ? this.#headers : { ...this.#headers, ...crossOrigin };
    sendReply(response, reply, always, request.method === 'HEAD');
    discardRest(request);
  }

  #streamHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
    return { ...this.#headers, ...this.#visitors.crossOriginHeaders(request) };
  }

  /** What no route takes: preflight requests, the console's files, and mistakes. */
  async #otherwise(request: IncomingMessage, path: string): Promise<Reply> {
    const method = request.method ?? 'GET';
    if (method === 'OPTIONS')
      return { status: 204, headers: { allow: this.#router.methods(path).join(', ') }, body: '' };
    const allowed = this.#router.methods(path);
    if (allowed.length > 0) {
      const error = httpError(
        'HTTP_METHOD_NOT_ALLOWED',
        `answering ${method} ${path}: it takes ${allowed.join(', ')}`,
        `use ${allowed[0]}`,
      );
      const reply = this.#refusal(error, describe(request));
      return { ...reply, headers: { ...reply.headers, allow: allowed.join(', ') } };
    }
    if ((method === 'GET' || method === 'HEAD') && !path.startsWith('/api/')) {
      const file = this.#options.consoleDir && (await staticFile(this.#options.consoleDir, path));
      if (file) return file;
      if (path === '/') return jsonReply({ headrace: this.#services.info().version, api: '/api/v2/openapi.json' });
    }
    const near = this.#router.nearestPath(path);
    const next = near === undefined ? 'see /api/v2/openapi.json for all there is' : `did you mean ${near}?`;
    throw httpError('HTTP_NOT_FOUND', `answering ${method} ${path}: there is nothing at this path`, next);
  }

  #refusal(error: unknown, request: string): Reply {
    const problem = problemOf(error);
    if (problem.status >= 500) this.#services.report(error, request);
    return { status: problem.status, headers: problemHeaders(problem), body: JSON.stringify(problem) };
  }

  #registerMetrics(): (route: string, status: number, elapsedMs: number) => void {
    const { metrics } = this.#services;
    const requests = metrics.counter('headrace_http_requests_total', 'Requests answered', ['route', 'status']);
    const seconds = metrics.histogram(
      'headrace_http_request_seconds',
      'From the head of a request to its answer',
      SECONDS_BUCKETS,
      ['route'],
    );
    const bytes = metrics.gauge('headrace_http_body_bytes', 'Request bodies in memory');
    const streams = metrics.gauge('headrace_http_streams', 'Live streams open');
    metrics.onCollect(() => {
      bytes.set(this.#state.budget.bytes);
      streams.set(this.#connections.size);
    });
    return (route, status, elapsedMs) => {
      requests.add(1, { route, status: String(status) });
      seconds.observe(elapsedMs / 1000, { route });
    };
  }
}

const NOBODY = Object.freeze({ id: 'anonymous', scopes: Object.freeze([]) });
const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

function describe(request: IncomingMessage): string {
  return `${request.method} ${request.url}`;
}

function splitUrl(url: string): { readonly path: string; readonly query: string } {
  const mark = url.indexOf('?');
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}
