import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Turn } from '../../ingest/ingest.ts';
import type { Principal } from '../../security/principal.ts';
import { LaneConnection, type LaneOwner, type LaneRequest } from './lane-connection.ts';
import { type LaneHead, readLaneHead } from './lane-head.ts';
import { KEEP_ALIVE_TIMEOUT_MS, LANE_SWEEP_MS, TURN_BODY_BYTES_MIN } from './limit.ts';
import type { Reply } from './reply.ts';
import { type BodyBudget, bodyTruncated, type HeldBody } from './request-body.ts';
import { ingestReply, ingestToDefault, ingestToTopic } from './routes/ingest.ts';
import type { HttpServices } from './services.ts';
import type { VisitorCheck } from './visitor.ts';
import { WorkTurns } from './work-turns.ts';

export interface ExpressLaneParts {
  readonly services: HttpServices;
  readonly visitors: VisitorCheck;
  readonly budget: BodyBudget;
  readonly bodyBytesMax: number;
  /** What every answer says. */
  readonly headers: Readonly<Record<string, string>>;
  /** Takes a connection over that the lane leaves. */
  readonly serve: (socket: Socket) => void;
  readonly refusal: (error: unknown, request: string) => Reply;
  readonly count: (route: string, status: number, elapsedMs: number) => void;
}

interface IngestLaneRequest extends LaneRequest {
  readonly principal: Principal;
}

/**
 * Ingest without the full HTTP server around it, which costs several times what the events themselves do. The lane carries
 * out the plain case only; a request with anything else about it, whatever it is, makes its connection the full server's.
 */
export class ExpressLane implements LaneOwner<IngestLaneRequest> {
  readonly #parts: ExpressLaneParts;
  readonly #connections = new Set<LaneConnection<IngestLaneRequest>>();
  readonly #fixedHead: string;
  readonly #turn: Turn;
  #cancelSweep: (() => void) | undefined;
  #dateSecond = -1;
  #dateLine = '';

  constructor(parts: ExpressLaneParts) {
    this.#parts = parts;
    const turns = new WorkTurns(parts.services.clock);
    this.#turn = (work) => turns.run(work);
    const always = Object.entries(parts.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#fixedHead = `${always.join('')}connection: keep-alive\r\nkeep-alive: timeout=${KEEP_ALIVE_TIMEOUT_MS / 1000}\r\n`;
  }

  /** A new connection. */
  take(socket: Socket): void {
    this.#connections.add(new LaneConnection(this, socket));
    this.#sweepLater();
  }

  /** Connections end after their present answer. */
  close(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    for (const connection of this.#connections) connection.close();
  }

  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #sweepLater(): void {
    this.#cancelSweep ??= this.#parts.services.clock.after(LANE_SWEEP_MS, () => {
      this.#cancelSweep = undefined;
      const now = this.nowMs();
      for (const connection of this.#connections) connection.sweep(now);
      if (this.#connections.size > 0) this.#sweepLater();
    });
  }

  read(head: string): LaneHead | undefined {
    return readLaneHead(head);
  }

  admit(head: LaneHead, socket: Socket): IngestLaneRequest | undefined {
    const { services, visitors, bodyBytesMax } = this.#parts;
    const topic = head.topic ?? services.defaultTopic();
    if (topic === undefined || services.log.topic(topic) === undefined) return undefined;
    if (head.contentLength === 0 || head.contentLength > bodyBytesMax) return undefined;
    try {
      visitors.assertHost(head.host);
      const { authorization } = head;
      const principal = services.authenticator.authenticate({ authorization, remoteAddress: socket.remoteAddress });
      return { head, topic, principal };
    } catch {
      // The full server says why.
      return undefined;
    }
  }

  hold(bytes: number): boolean {
    return this.#parts.budget.tryTake(bytes);
  }

  give(bytes: number): void {
    this.#parts.budget.give(bytes);
  }

  async answer(request: IngestLaneRequest, body: HeldBody): Promise<string | Buffer> {
    const { head, topic, principal } = request;
    const { services, refusal, count } = this.#parts;
    const startedMs = services.clock.monotonicMs();
    let reply: Reply;
    try {
      // Here and not before the body is read: a denial is for the audit trail, once.
      services.authorizer.authorize(principal, 'write', { kind: 'topic', name: topic });
      const { format, idempotencyKey } = head;
      const turn = body.length < TURN_BODY_BYTES_MIN ? undefined : this.#turn;
      reply = ingestReply(
        await services.ingest.accept({ topic, principal, body: body.parts, format, idempotencyKey, turn }),
      );
    } catch (error) {
      reply = refusal(error, `POST ingest ${topic}`);
    }
    const route = head.topic === undefined ? ingestToDefault : ingestToTopic;
    count(route.path, reply.status, services.clock.monotonicMs() - startedMs);
    return this.#render(reply);
  }

  truncated(request: IngestLaneRequest, bytes: number): Buffer {
    const error = bodyTruncated(bytes, request.head.contentLength);
    return Buffer.from(this.#render(this.#parts.refusal(error, `POST ingest ${request.topic}`)));
  }

  /** The answer as bytes; a string if it is plain ASCII. */
  #render({ status, headers, body }: Reply): string | Buffer {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${this.#fixedHead}${this.#date()}`;
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    if (typeof body !== 'string') {
      return Buffer.concat([Buffer.from(`${head}content-length: ${body.byteLength}\r\n\r\n`, 'latin1'), body]);
    }
    const length = Buffer.byteLength(body);
    const text = `${head}content-length: ${length}\r\n\r\n${body}`;
    return length === body.length ? text : Buffer.from(text);
  }

  #date(): string {
    const now = this.#parts.services.clock.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#dateSecond) {
      this.#dateSecond = second;
      this.#dateLine = `date: ${new Date(now).toUTCString()}\r\n`;
    }
    return this.#dateLine;
  }

  handOver(socket: Socket): void {
    this.#parts.serve(socket);
  }

  closed(connection: LaneConnection<IngestLaneRequest>): void {
    this.#connections.delete(connection);
  }

  nowMs(): number {
    return this.#parts.services.clock.monotonicMs();
  }
}
