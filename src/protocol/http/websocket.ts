import type { WebSocket } from 'ws';
import type { Clock } from '../../base/clock.ts';
import type { LiveFrame } from '../../serving/serving.ts';
import { SLOW_CLIENT_GRACE_MS, STREAM_BUFFER_BYTES_MAX } from './limit.ts';
import { frameText, type LiveSink } from './live-pump.ts';
import type { Problem } from './problem.ts';

/** Close codes (RFC 6455, section 7.4, and the IANA registry). */
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const TRY_AGAIN_LATER = 1013;
/** A close reason holds at most this many bytes (RFC 6455, section 5.5). */
const REASON_BYTES_MAX = 123;

/** A live stream over WebSocket: one text message a frame. */
export class WebSocketSink implements LiveSink {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  #waiting: (() => void) | undefined;
  #answered = true;

  constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('pong', () => {
      this.#answered = true;
    });
    socket.on('close', () => this.#wake());
    socket.on('error', () => socket.terminate());
  }

  send(frames: readonly LiveFrame[]): boolean {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return true;
    const last = frames.length - 1;
    for (let i = 0; i < last; i++) socket.send(frameText(frames[i]!));
    // The callback of the last message tells that all of them have left the process.
    socket.send(frameText(frames[last]!), () => this.#wake());
    return socket.bufferedAmount <= STREAM_BUFFER_BYTES_MAX;
  }

  drained(): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN || this.#socket.bufferedAmount === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** A peer that did not answer the last ping is gone. */
  heartbeat(): void {
    if (!this.#answered) {
      this.#socket.terminate();
      return;
    }
    this.#answered = false;
    this.#socket.ping();
  }

  letGo(problem: Problem, resume: string | undefined): void {
    this.#close(closeCodeOf(problem), closeReason(problem, resume));
  }

  end(): void {
    this.#close(GOING_AWAY, 'the server stops; resume from the last offset');
  }

  #close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    const cancel = this.#clock.after(SLOW_CLIENT_GRACE_MS, () => this.#socket.terminate());
    this.#socket.once('close', cancel);
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

function closeCodeOf(problem: Problem): number {
  if (problem.retryable || problem.status === 429) return TRY_AGAIN_LATER;
  return problem.status >= 500 ? INTERNAL_ERROR : POLICY_VIOLATION;
}

function closeReason(problem: Problem, resume: string | undefined): string {
  const short =
    resume === undefined || problem.code === 'SERVING_OFFSET_GONE'
      ? problem.code
      : `${problem.code}; resume from ${resume}`;
  if (Buffer.byteLength(short) <= REASON_BYTES_MAX) return short;
  return `${problem.code}; resume from the offset of the last frame`.slice(0, REASON_BYTES_MAX);
}
