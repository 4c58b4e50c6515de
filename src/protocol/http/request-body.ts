import type { IncomingMessage, ServerResponse } from 'node:http';
import { DISCARD_BYTES_MAX } from './limit.ts';
import { httpError } from './problem.ts';

/** Counts the body bytes in memory over all connections, and says when there is no room for more. */
export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws HeadraceError `HTTP_OVERLOADED` */
  take(bytes: number): void {
    this.assertRoom(bytes);
    this.#bytes += bytes;
  }

  /** False when there is no room. */
  tryTake(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  assertRoom(bytes: number): void {
    if (this.#bytes + bytes <= this.#bytesMax) return;
    throw httpError(
      'HTTP_OVERLOADED',
      `reading the body: ${this.#bytes} bytes of other requests are in memory, the limit is ${this.#bytesMax}`,
      'send it again after the time in Retry-After',
    );
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** A body in memory; `release` gives its bytes back to the budget, once. */
export interface HeldBody {
  /** As it came. */
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  /** In one piece. */
  whole(): Uint8Array;
  release(): void;
}

/**
 * Reads a whole body of at most `bytesMax`. What is known to be too large is refused before a byte of it is read; what
 * turns out so while it comes is refused there, and nothing of it is kept.
 *
 * @throws HeadraceError `HTTP_BODY_TOO_LARGE`, `HTTP_OVERLOADED`, `HTTP_BODY_TRUNCATED`
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  bytesMax: number,
  budget: BodyBudget,
): Promise<HeldBody> {
  const announced = request.headers['content-length'];
  const length = announced === undefined ? undefined : Number(announced);
  if (length !== undefined) {
    if (length > bytesMax) throw bodyTooLarge(length, bytesMax);
    budget.assertRoom(length);
  }
  // A client that sent `Expect: 100-continue` is told to go on only now, when the body may come.
  if (request.headers.expect !== undefined) response.writeContinue();
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let settled = false;
    const fail = (error: unknown): void => {
      if (settled) return;
      settled = true;
      chunks.length = 0;
      budget.give(bytes);
      request.off('data', onData);
      reject(error);
    };
    const onData = (chunk: Uint8Array): void => {
      try {
        if (bytes + chunk.length > bytesMax) throw bodyTooLarge(undefined, bytesMax);
        budget.take(chunk.length);
        bytes += chunk.length;
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
    };
    request.on('data', onData);
    request.once('end', () => {
      if (settled) return;
      settled = true;
      resolve(new BodyInMemory(chunks, bytes, budget));
    });
    const cut = (): void => {
      // Every request closes in the end: an error is made only for those that had not ended.
      if (!settled) fail(bodyTruncated(bytes, length));
    };
    request.once('close', cut);
    request.once('error', cut);
  });
}

/** A body whose bytes the budget has counted. */
export class BodyInMemory implements HeldBody {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  readonly #budget: BodyBudget;
  #held = true;

  constructor(parts: readonly Uint8Array[], length: number, budget: BodyBudget) {
    this.parts = parts;
    this.length = length;
    this.#budget = budget;
  }

  whole(): Uint8Array {
    return this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.length);
  }

  release(): void {
    if (this.#held) this.#budget.give(this.length);
    this.#held = false;
  }
}

/**
 * After an answer was given before the body was read: the rest of it is read and thrown away, up to a limit, so that
 * the client sees the answer instead of a reset; beyond the limit the connection is cut.
 */
export function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let discarded = 0;
  request.on('data', (chunk: Uint8Array) => {
    discarded += chunk.length;
    if (discarded > DISCARD_BYTES_MAX) request.destroy();
  });
  request.resume();
}

function bodyTooLarge(length: number | undefined, bytesMax: number) {
  const what =
    length === undefined ? `it is more than ${bytesMax} bytes` : `it is ${length} bytes, the limit is ${bytesMax}`;
  return httpError(
    'HTTP_BODY_TOO_LARGE',
    `reading the body: ${what}`,
    'send it in several requests, or raise the limit for bodies',
  );
}

export function bodyTruncated(bytes: number, length: number | undefined) {
  const of = length === undefined ? '' : ` of ${length}`;
  return httpError(
    'HTTP_BODY_TRUNCATED',
    `reading the body: the connection ended after ${bytes}${of} bytes`,
    'send the whole body; nothing of it was kept',
  );
}
