import type { ServerResponse } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import type { LiveFrame } from '../../serving/serving.ts';
import { jsonText } from './json-text.ts';
import { SLOW_CLIENT_GRACE_MS } from './limit.ts';
import { frameText, type LiveSink } from './live-pump.ts';
import type { Problem } from './problem.ts';

/** Milliseconds after which a browser's EventSource comes back by itself. */
const RETRY_MS = 2_000;

/**
 * A live stream as server-sent events (WHATWG HTML, section 9.2): each frame is one message whose `id` is the offset to
 * resume from; the stream ends with an event `error` when the server lets the client go.
 */
export class SseSink implements LiveSink {
  readonly #response: ServerResponse;
  readonly #clock: Clock;

  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>, clock: Clock) {
    this.#response = response;
    this.#clock = clock;
    response.socket?.setTimeout(0);
    response.socket?.setNoDelay(true);
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      // A stream is the last that its connection carries.
      connection: 'close',
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
  }

  send(frames: readonly LiveFrame[]): boolean {
    let text = '';
    for (const frame of frames) {
      // A row of the snapshot has no offset: after a break there, the client starts anew.
      if (frame.offset !== '') text += `id: ${frame.offset}\n`;
      text += `data: ${frameText(frame)}\n\n`;
    }
    return this.#response.write(text);
  }

  drained(): Promise<void> {
    const response = this.#response;
    if (response.destroyed || !response.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      response.once('drain', done);
      response.once('close', done);
    });
  }

  heartbeat(): void {
    if (!this.#response.writableNeedDrain) this.#response.write(': heartbeat\n\n');
  }

  letGo(problem: Problem, resume: string | undefined): void {
    // An empty id makes an EventSource forget the offset that it would come back with for ever.
    const isGone = problem.code === 'SERVING_OFFSET_GONE';
    const id = isGone ? 'id:\n' : resume === undefined ? '' : `id: ${resume}\n`;
    this.#response.end(`event: error\n${id}data: ${jsonText({ ...problem, resume: isGone ? undefined : resume })}\n\n`);
    this.#cutAfterGrace();
  }

  end(): void {
    this.#response.end();
    this.#cutAfterGrace();
  }

  #cutAfterGrace(): void {
    const cancel = this.#clock.after(SLOW_CLIENT_GRACE_MS, () => this.#response.destroy());
    this.#response.once('close', cancel);
  }
}
