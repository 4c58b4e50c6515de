import {
  decodeAlerts,
  decodeDeadLetters,
  decodeMetrics,
  decodePipelines,
  decodeQueryResult,
  decodeTables,
  decodeTopics,
} from './decode.ts';
import { ApiError, decodeError } from './error.ts';
import { parseJson } from './json.ts';
import type { Alert, DeadLetter, Metrics, PipelineStatus, QueryResult, TableInfo, TopicInfo } from './types.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 120_000;
const TOKEN_KEY = 'headrace.token';

/** The public API of the server that served this page. */
export class ApiClient {
  readonly base: string;
  #token: string | undefined;

  constructor(base: string) {
    this.base = base;
    this.#token = sessionStorage.getItem(TOKEN_KEY) ?? undefined;
  }

  /** Kept for this tab only; sent as a bearer token from now on. */
  setToken(token: string): void {
    this.#token = token;
    sessionStorage.setItem(TOKEN_KEY, token);
  }

  headers(): Record<string, string> {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
  }

  async metrics(): Promise<Metrics> {
    return decodeMetrics(await this.#get('metrics'));
  }

  async pipelines(): Promise<readonly PipelineStatus[]> {
    return decodePipelines(await this.#get('pipelines'));
  }

  async tables(): Promise<readonly TableInfo[]> {
    return decodeTables(await this.#get('tables'));
  }

  async topics(): Promise<readonly TopicInfo[]> {
    return decodeTopics(await this.#get('topics'));
  }

  async alerts(): Promise<readonly Alert[]> {
    return decodeAlerts(await this.#get('alerts'));
  }

  async deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    return decodeDeadLetters(await this.#get(`dead-letters?limit=${limit}`));
  }

  async query(sql: string, signal: AbortSignal): Promise<QueryResult> {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify({ sql }) };
    return decodeQueryResult(
      await this.#request('query', init, AbortSignal.any([signal, AbortSignal.timeout(QUERY_TIMEOUT_MS)])),
    );
  }

  #get(path: string): Promise<unknown> {
    return this.#request(path, {}, AbortSignal.timeout(REQUEST_TIMEOUT_MS));
  }

  async #request(path: string, init: RequestInit, signal: AbortSignal): Promise<unknown> {
    const headers = { accept: 'application/json', ...(init.headers as Record<string, string>), ...this.headers() };
    let response: Response;
    let body: string;
    try {
      response = await fetch(`${this.base}/api/v2/${path}`, { ...init, headers, signal, cache: 'no-store' });
      body = await response.text();
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      const late = error instanceof DOMException && error.name === 'TimeoutError';
      throw new ApiError(late ? 'the server did not answer in time' : 'the server cannot be reached', 0);
    }
    const value = decodeBody(body);
    if (!response.ok) throw decodeError(value, response.status);
    return value;
  }
}

function decodeBody(body: string): unknown {
  try {
    return parseJson(body);
  } catch {
    return body;
  }
}
