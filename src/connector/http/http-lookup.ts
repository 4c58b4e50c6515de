import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';
import { messageOf } from '../../base/error.ts';
import { type ExactJson, elementsOf, parseExactly } from '../../plan/value/exact-json.ts';
import { fillPattern } from '../lookup/key-pattern.ts';
import { LOOKUP_OPTIONS } from '../lookup/lookup-options.ts';
import {
  foundInJson,
  LookupBusy,
  type LookupFound,
  type LookupKey,
  LookupRefused,
  type LookupSource,
  type LookupTarget,
} from '../lookup/lookup-source.ts';

/** Options of an HTTP look-up: `CREATE LOOKUP ... WITH (connector = 'http', ...)`. */
export const HTTP_LOOKUP_OPTIONS = {
  url: option.text({
    name: 'url',
    fallback: '',
    help: 'Address that is asked with GET; {column} stands for a column of the key.',
  }),
  bearerTokenFile: option.path({
    name: 'bearer_token_file',
    fallback: undefined,
    help: 'File that holds the token for the Authorization header; relative to the project.',
  }),
  ...LOOKUP_OPTIONS,
} as const;

export type HttpLookupOptions = OptionValues<typeof HTTP_LOOKUP_OPTIONS>;

/** Bytes of an answer that are read at most. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** There is nothing for this key. */
const NOT_FOUND: ReadonlySet<number> = new Set([204, 404, 410]);
/** The fault lies in the key; everything else (a wrong token, a limit, an outage) may be put right. */
const REFUSALS: ReadonlySet<number> = new Set([400, 405, 406, 414, 422]);

/** Asks an address for each key with GET, and reads a JSON object: 404 and an empty answer are nothing found. */
export class HttpLookupSource implements LookupSource {
  readonly batchMax = 1;
  readonly #options: HttpLookupOptions;
  readonly #target: LookupTarget;
  readonly #token: () => Promise<string | undefined>;

  /** `token` is read for every request, so that it can be changed in its file. */
  constructor(options: HttpLookupOptions, target: LookupTarget, token: () => Promise<string | undefined>) {
    this.#options = options;
    this.#target = target;
    this.#token = token;
  }

  async fetch([key = []]: readonly LookupKey[], signal: AbortSignal): Promise<readonly LookupFound[]> {
    const answer = await this.#get(this.#url(key), signal);
    if (NOT_FOUND.has(answer.status)) {
      await answer.body?.cancel();
      return [undefined];
    }
    if (!answer.ok) throw await this.#failure(answer);
    return [this.#found(await boundedText(answer), key)];
  }

  #url(key: LookupKey): string {
    return fillPattern(this.#options.url, this.#target.keyNames, (at) => encodeURIComponent(key[at] ?? ''));
  }

  async #get(url: string, signal: AbortSignal): Promise<Response> {
    const token = await this.#token();
    const headers = { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    try {
      return await fetch(url, { headers, signal, redirect: 'manual' });
    } catch (error) {
      throw new Error(`${this.#asking()}: ${reasonOf(error)}`);
    }
  }

  async #failure(answer: Response): Promise<Error> {
    await answer.body?.cancel();
    const message = `${this.#asking()}: it answered ${answer.status}`;
    if (REFUSALS.has(answer.status)) return new LookupRefused(message);
    return new LookupBusy(message, retryAfterMs(answer.headers.get('retry-after')));
  }

  #found(text: string, key: LookupKey): LookupFound {
    if (text.trim() === '') return undefined;
    let row: ExactJson;
    try {
      row = parseExactly(text);
    } catch {
      throw new LookupRefused(`${this.#asking()}: its answer is not JSON`);
    }
    const rows = elementsOf(row);
    if (rows.length > 1) throw new LookupRefused(`${this.#asking()}: it found ${rows.length} rows for one key`);
    const [first] = rows;
    if (first?.value === undefined || first.value === null) return undefined;
    if (typeof first.value !== 'object') throw new LookupRefused(`${this.#asking()}: its answer is not a JSON object`);
    return foundInJson(first, this.#target, key);
  }

  /** Without path and query, which may hold secrets. */
  #asking(): string {
    return `asking ${new URL(fillPattern(this.#options.url, [], () => '0')).origin}`;
  }

  async close(): Promise<void> {}
}

async function boundedText(answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer.body ?? []) {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX) throw new LookupRefused(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** `fetch` hides what happened in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  return cause instanceof Error ? cause.message : messageOf(error);
}

/** Seconds (RFC 9110, section 10.2.3). */
function retryAfterMs(value: string | null): number | undefined {
  return value !== null && /^\d+$/.test(value) ? Number(value) * 1000 : undefined;
}
