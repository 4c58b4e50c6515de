import { HeadraceError, messageOf, type SourcePosition } from '../../base/error.ts';
import { TargetBusy } from '../../delivery/target-busy.ts';
import type { TopicKind } from '../../log/log.ts';
import type { SinkConnector } from '../connector.ts';
import { type RowForm, rowForm, sinkLine } from '../sink-line.ts';
import { SinkLoop } from '../sink-loop.ts';
import type { SinkParts } from '../sink-parts.ts';
import type { SinkBatch, SinkDelivery, SinkOpening, SinkRecord, SinkRefusal, SinkTarget } from '../sink-target.ts';
import type { HttpSinkOptions } from './http-sink-options.ts';

export interface HttpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Text of the answer, at most {@link ANSWER_CHARS_MAX} of it. */
  readonly text: string;
  readonly retryAfterMs: number | undefined;
}

/** Sends a POST; throws when there is no answer. */
export type Post = (request: HttpRequest) => Promise<HttpAnswer>;

/** Characters of an answer that a dead letter quotes. */
export const ANSWER_CHARS_MAX = 500;

/** The fault lies in what was sent; everything else (a missing page, a wrong token, a full queue) may be put right. */
const REFUSALS: ReadonlySet<number> = new Set([400, 406, 409, 411, 413, 414, 415, 422]);

/** What a dead letter says; the state of this target is nothing. */
type Nothing = Readonly<Record<string, never>>;
const NOTHING: Nothing = {};

/**
 * Sends rows with POST, in order. Every request carries an `Idempotency-Key` of its records that is the same when it is
 * repeated, also after a crash: a receiver that honours it gets each row once, another one at least once. A batch that is
 * refused is halved until the rows that are at fault stand alone; they go to dead letters.
 */
class HttpTarget implements SinkTarget<Nothing> {
  readonly fixedBatches = true;
  readonly keepsPosition = false;
  readonly #name: string;
  readonly #options: HttpSinkOptions;
  readonly #kind: TopicKind;
  readonly #form: RowForm;
  readonly #token: () => Promise<string | undefined>;
  readonly #post: Post;

  constructor(
    name: string,
    options: HttpSinkOptions,
    kind: TopicKind,
    token: () => Promise<string | undefined>,
    post: Post,
  ) {
    this.#name = name;
    this.#options = options;
    this.#kind = kind;
    this.#form = rowForm(options.rows, kind);
    this.#token = token;
    this.#post = post;
  }

  async open(): Promise<SinkOpening<Nothing>> {
    return { state: NOTHING };
  }

  async write({ topic, records }: SinkBatch, _state: Nothing, signal: AbortSignal): Promise<SinkDelivery<Nothing>> {
    return { kind: 'delivered', state: NOTHING, refused: await this.#send(topic, records, signal) };
  }

  async close(): Promise<void> {}

  async #send(topic: string, records: readonly SinkRecord[], signal: AbortSignal): Promise<readonly SinkRefusal[]> {
    const rows = records.flatMap((record) => {
      const line = sinkLine(record, this.#form, this.#kind);
      return line === undefined ? [] : [line];
    });
    if (rows.length === 0) return [];
    const answer = await this.#ask(topic, records, rows, signal);
    if (answer.status >= 200 && answer.status < 300) return [];
    const message = `sending to ${originOf(this.#options.url)}: it answered ${answer.status} ${answer.text}`.trimEnd();
    if (!REFUSALS.has(answer.status)) throw new TargetBusy(message, answer.retryAfterMs);
    if (records.length === 1) return [{ record: records[0]!, message }];
    const half = Math.ceil(records.length / 2);
    const first = await this.#send(topic, records.slice(0, half), signal);
    return [...first, ...(await this.#send(topic, records.slice(half), signal))];
  }

  async #ask(
    topic: string,
    records: readonly SinkRecord[],
    rows: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { url, format, timeout } = this.#options;
    const [first, last] = [records[0]!, records.at(-1)!];
    try {
      const token = await this.#token();
      return await this.#post({
        url,
        headers: {
          'content-type': format === 'json' ? 'application/json' : 'application/x-ndjson',
          'idempotency-key': `${this.#name}:${topic}:${first.partition}:${first.offset}-${last.offset}`,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: bodyOf(rows, format),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
      });
    } catch (error) {
      throw new TargetBusy(`sending to ${originOf(url)}: ${reasonOf(error)}`, undefined, error);
    }
  }
}

function bodyOf(rows: readonly Uint8Array[], format: HttpSinkOptions['format']): Uint8Array {
  const [open, between, close] = format === 'json' ? ['[', ',', ']'] : ['', '\n', '\n'];
  const parts = rows.flatMap((row, at) => [Buffer.from(at === 0 ? open : between), row]);
  return Buffer.concat([...parts, Buffer.from(close)]);
}

/** `fetch` hides what happened in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  return cause instanceof Error ? cause.message : messageOf(error);
}

/** Without path and query, which may hold secrets. */
function originOf(url: string): string {
  return new URL(url).origin;
}

/** @throws HeadraceError `CONFIG_VALUE_INVALID` */
export function requireUrl(name: string, url: string, position?: SourcePosition): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  throw new HeadraceError(`reading sink "${name}": "${url}" is not an http or https address`, {
    code: 'CONFIG_VALUE_INVALID',
    domain: 'config',
    ...(position && { position }),
    next: 'write it with its scheme, as in https://example.com/hook',
  });
}

/** POST with `fetch`; redirects are not followed, since the rows were meant for this address. */
export const fetchPost: Post = async ({ url, headers, body, signal }) => {
  const answer = await fetch(url, { method: 'POST', headers, body: body.slice(), signal, redirect: 'manual' });
  const text = (await answer.text()).slice(0, ANSWER_CHARS_MAX);
  return { status: answer.status, text, retryAfterMs: retryAfterMs(answer.headers.get('retry-after')) };
};

/** Seconds or a date (RFC 9110, section 10.2.3). */
function retryAfterMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

/** A sink that sends a topic to an address. `token` is read for every request, so that it can be changed in its file. */
export function createHttpSink(
  name: string,
  topic: string,
  options: HttpSinkOptions,
  parts: SinkParts & { readonly token?: () => Promise<string | undefined>; readonly post?: Post },
): SinkConnector {
  const { token = async () => undefined, post = fetchPost, ...rest } = parts;
  requireUrl(name, options.url);
  const kind = rest.log.topic(topic)?.kind ?? 'append';
  return new SinkLoop({
    name,
    topic,
    identity: `http:${topic}:${options.url}`,
    target: new HttpTarget(name, options, kind, token, post),
    start: options.start,
    rowsMax: options.batchRows,
    bytesMax: options.batchBytes,
    waitMs: options.batchWait,
    retryMsMax: options.retryMax,
    ...rest,
  });
}
