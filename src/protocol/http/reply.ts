import type { ServerResponse } from 'node:http';
import { jsonText } from './json-text.ts';

/** An answer that is whole in memory. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** What every answer says, whatever it is. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
};

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' } as const;

export function jsonReply(value: unknown, status = 200): Reply {
  return { status, headers: JSON_HEADERS, body: jsonText(value) };
}

export function textReply(body: string, contentType: string, status = 200): Reply {
  return { status, headers: { 'content-type': contentType, 'cache-control': 'no-store' }, body };
}

export function securityHeaders(secure: boolean): Readonly<Record<string, string>> {
  return secure ? { ...SECURITY_HEADERS, 'strict-transport-security': 'max-age=31536000' } : SECURITY_HEADERS;
}

/** Writes the reply with its length; `head` leaves the body out. */
export function sendReply(
  response: ServerResponse,
  reply: Reply,
  always: Readonly<Record<string, string>>,
  head: boolean,
): void {
  const length = typeof reply.body === 'string' ? Buffer.byteLength(reply.body) : reply.body.byteLength;
  const headers: Record<string, string | number> = { ...always, ...reply.headers, 'content-length': length };
  response.writeHead(reply.status, headers);
  if (head) response.end();
  else response.end(reply.body);
}
