import type { Socket } from 'node:net';
import type { LaneHead } from './lane-head.ts';
import {
  IDLE_SOCKET_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LANE_BODY_BYTES_MAX,
  LANE_HEAD_BYTES_MAX,
  LANE_PATIENCE_MS,
} from './limit.ts';
import type { HeldBody } from './request-body.ts';

/** A head that was admitted, ready to be carried out. */
export interface LaneRequest {
  readonly head: LaneHead;
  readonly topic: string;
}

/** What a connection asks of the lane. */
export interface LaneOwner<Request extends LaneRequest> {
  /** Undefined for a head that is not for the lane. */
  read(head: string): LaneHead | undefined;
  /** Undefined when the request is not plainly allowed. */
  admit(head: LaneHead, socket: Socket): Request | undefined;
  /** Counts bytes of a body; false when there is no room for them. */
  hold(bytes: number): boolean;
  give(bytes: number): void;
  /** The whole answer; a string is of ASCII characters. */
  answer(request: Request, body: HeldBody): Promise<string | Buffer>;
  /** The answer to a request that its client broke off. */
  truncated(request: Request, bytes: number): string | Buffer;
  /** The connection is the full server's from here on; what it has not answered is read again there. */
  handOver(socket: Socket): void;
  closed(connection: LaneConnection<Request>): void;
  nowMs(): number;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const POST = Buffer.from('POST ');

/**
 * One connection on the express lane: reads ingest requests, one after another, until something comes that is not plainly
 * one. Then the full server takes the connection over, with every byte of the request.
 */
export class LaneConnection<Request extends LaneRequest> {
  readonly #owner: LaneOwner<Request>;
  readonly #socket: Socket;
  /** The last head as text, and what it says: clients repeat themselves. */
  #lastText = '';
  #lastHead: LaneHead | undefined;
  #request: Request | undefined;
  /** All chunks of the request that is being read, its head included. */
  #chunks: Buffer[] = [];
  #bytes = 0;
  #headBytes = 0;
  #held = 0;
  #answering = false;
  #ended = false;
  #closing = false;
  #left = false;
  #served = false;
  /** When the connection was made, the last answer was given, or the request began that is being read. */
  #sinceMs: number;

  constructor(owner: LaneOwner<Request>, socket: Socket) {
    this.#owner = owner;
    this.#socket = socket;
    this.#sinceMs = owner.nowMs();
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get isIdle(): boolean {
    return !this.#answering && this.#bytes === 0;
  }

  /** Ends what has been idle for too long; what is slow to send goes where requests are timed. */
  sweep(nowMs: number): void {
    if (this.#answering) return;
    const waitedMs = nowMs - this.#sinceMs;
    if (this.#served && this.#bytes === 0) {
      if (waitedMs >= KEEP_ALIVE_TIMEOUT_MS) this.#socket.destroy();
    } else if (waitedMs >= LANE_PATIENCE_MS) {
      this.handOver();
    }
  }

  /** No request more: at once when idle, else after the answer. */
  close(): void {
    this.#closing = true;
    if (this.isIdle) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#bytes === 0) this.#sinceMs = this.#owner.nowMs();
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#answering) this.#socket.pause();
    else this.#advance();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    if (this.#answering) return;
    if (this.#request !== undefined) {
      this.#socket.end(this.#owner.truncated(this.#request, this.#bytes - this.#headBytes));
    } else {
      this.#socket.end();
    }
  };

  readonly #onError = (): void => {
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#release();
    this.#owner.closed(this);
  };

  #release(): void {
    this.#owner.give(this.#held);
    this.#held = 0;
  }

  #advance(): void {
    if (this.#request === undefined && !this.#readHead()) return;
    const request = this.#request!;
    const { contentLength } = request.head;
    const arrived = Math.min(this.#bytes - this.#headBytes, contentLength);
    if (arrived > this.#held) {
      if (!this.#owner.hold(arrived - this.#held)) {
        this.handOver();
        return;
      }
      this.#held = arrived;
    }
    if (arrived === contentLength) void this.#carryOut(request);
  }

  /** False when the connection has left the lane. */
  #readHead(): boolean {
    const chunk = this.#chunks[0]!;
    const end = chunk.indexOf(HEAD_END);
    // A head in pieces is rare, and the business of the server that times heads.
    if (end < 0 || end > LANE_HEAD_BYTES_MAX || chunk.compare(POST, 0, 5, 0, 5) !== 0) {
      this.handOver();
      return false;
    }
    const text = chunk.toString('latin1', 0, end);
    if (text !== this.#lastText) {
      this.#lastText = text;
      this.#lastHead = this.#owner.read(text);
    }
    const head = this.#lastHead;
    const request = head === undefined ? undefined : this.#owner.admit(head, this.#socket);
    if (request === undefined || request.head.contentLength > LANE_BODY_BYTES_MAX) {
      this.handOver();
      return false;
    }
    this.#request = request;
    this.#headBytes = end + HEAD_END.length;
    return true;
  }

  async #carryOut(request: Request): Promise<void> {
    this.#answering = true;
    const { parts, rest } = this.#cut(request.head.contentLength);
    this.#chunks = rest === undefined ? [] : [rest];
    this.#bytes = rest?.length ?? 0;
    // A paused socket does not end: what follows can still be handed over.
    if (rest !== undefined) this.#socket.pause();
    const held = this.#held;
    this.#held = 0;
    const body = new LaneBody(parts, request.head.contentLength);
    const answer = await this.#owner.answer(request, body);
    this.#owner.give(held);
    if (this.#socket.destroyed) return;
    const taken = typeof answer === 'string' ? this.#socket.write(answer, 'latin1') : this.#socket.write(answer);
    if (taken) this.#proceed();
    else this.#whenTaken(() => this.#proceed());
  }

  /** A client that reads no answers sends no more requests either; after a while it is let go. */
  #whenTaken(proceed: () => void): void {
    const socket = this.#socket;
    const letGo = (): void => {
      socket.destroy();
    };
    socket.pause();
    socket.setTimeout(IDLE_SOCKET_TIMEOUT_MS, letGo);
    socket.once('drain', () => {
      socket.setTimeout(0, letGo);
      proceed();
    });
  }

  /** On to the next request, when the answer to the last one has gone. */
  #proceed(): void {
    this.#answering = false;
    this.#served = true;
    this.#request = undefined;
    this.#sinceMs = this.#owner.nowMs();
    if (this.#bytes === 0 && (this.#ended || this.#closing)) {
      this.#socket.end();
      return;
    }
    if (this.#bytes > 0) this.#advance();
    if (!this.#answering && !this.#left && this.#socket.isPaused()) this.#socket.resume();
  }

  /** The parts of the body, and what has come after it. */
  #cut(contentLength: number): { parts: Buffer[]; rest: Buffer | undefined } {
    const parts: Buffer[] = [];
    let skip = this.#headBytes;
    let left = contentLength;
    let rest: Buffer | undefined;
    for (const chunk of this.#chunks) {
      const from = Math.min(skip, chunk.length);
      skip -= from;
      const to = Math.min(chunk.length, from + left);
      left -= to - from;
      if (to > from) parts.push(chunk.subarray(from, to));
      if (to < chunk.length) rest = chunk.subarray(to);
    }
    return { parts, rest };
  }

  /** Leaves the lane with all bytes that have come and were not answered. Not while answering. */
  handOver(): void {
    if (this.#left) return;
    this.#left = true;
    this.#release();
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#owner.closed(this);
    socket.pause();
    if (this.#bytes > 0) socket.unshift(this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks));
    this.#chunks = [];
    this.#owner.handOver(socket);
    socket.resume();
  }
}

class LaneBody implements HeldBody {
  readonly parts: readonly Uint8Array[];
  readonly length: number;

  constructor(parts: readonly Uint8Array[], length: number) {
    this.parts = parts;
    this.length = length;
  }

  whole(): Uint8Array {
    return this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.length);
  }

  /** The connection gives the bytes back. */
  release(): void {}
}
