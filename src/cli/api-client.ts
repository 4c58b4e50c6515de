import { messageOf } from '../base/error.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command.ts';
import { EXIT } from './exit-code.ts';
import type { FlagSpecs } from './flag.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** Flags of every command that talks to a running process. */
export const SERVER_FLAGS = {
  url: { type: 'string', value: 'url', help: 'where Headrace runs; or in HEADRACE_URL', otherwise: DEFAULT_URL },
  token: {
    type: 'string',
    value: 'token',
    help: 'bearer token; better in HEADRACE_TOKEN, where no process list shows it',
  },
} as const satisfies FlagSpecs;

/** Speaks to the process that owns the data, over its public API. */
export class ApiClient {
  readonly url: string;
  readonly #token: string | undefined;

  constructor(url: string, token: string | undefined) {
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
  }

  static of({ flags, env }: CommandContext): ApiClient {
    const url = String(flags.url ?? env.HEADRACE_URL ?? DEFAULT_URL);
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new CliError(
        EXIT.usage,
        'CLI_USAGE',
        `reading --url: "${url}" is not a URL`,
        'write http://127.0.0.1:8080',
      );
    }
    const token = flags.token ?? env.HEADRACE_TOKEN;
    return new ApiClient(url, token === undefined ? undefined : String(token));
  }

  /** Headers that say who asks. */
  get credentials(): Readonly<Record<string, string>> {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
  }

  /** The body as JSON. @throws CliError with the server's problem, or of exit code 3 when nothing answers */
  async json<T>(path: string, signal: AbortSignal, init: RequestInit = {}): Promise<T> {
    const response = await this.request(path, signal, init);
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async post<T>(path: string, body: unknown, signal: AbortSignal): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    return this.json<T>(path, signal, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async request(path: string, signal: AbortSignal, init: RequestInit = {}): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.url + path, {
        ...init,
        signal,
        headers: { ...(init.headers as Record<string, string>), ...this.credentials },
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw this.#unreachable(error);
    }
    if (response.ok) return response;
    throw await problemError(response);
  }

  #unreachable(error: unknown): CliError {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const refused = cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
    const why = refused ? 'nothing listens there' : messageOf(cause);
    return new CliError(
      EXIT.unreachable,
      'CLI_UNREACHABLE',
      `asking ${this.url}: ${why}`,
      'start it with "headrace start", or say where it is with --url',
      error,
    );
  }
}

async function problemError(response: Response): Promise<CliError> {
  const text = await response.text();
  const exitCode = response.status === 401 || response.status === 403 ? EXIT.refused : EXIT.failed;
  try {
    const { detail, code } = JSON.parse(text) as { readonly detail?: unknown; readonly code?: unknown };
    if (typeof detail === 'string')
      return new CliError(exitCode, typeof code === 'string' ? code : 'CLI_REFUSED', detail);
  } catch {
    // Not a problem document: somebody else answers there.
  }
  return new CliError(
    exitCode,
    'CLI_REFUSED',
    `asking ${response.url}: status ${response.status}`,
    'check that --url is a Headrace server',
  );
}
