import { createHash, randomBytes as systemRandomBytes, timingSafeEqual } from 'node:crypto';
import { HeadraceError } from '../base/error.ts';
import type { Scope } from './principal.ts';

/**
 * A bearer token is `hr_<id>_<secret>`: 12 hex digits that name the record, then 256 random bits as base64url. Since
 * the secret has full entropy, one SHA-256 is a sufficient hash: there is nothing to guess that a slow hash would slow.
 */
const TOKEN = /^hr_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;
const ID_BYTES = 6;
const SECRET_BYTES = 32;
const SCOPES: readonly Scope[] = ['read', 'write', 'admin'];

/** What is stored: enough to check a token, nothing to make one. */
export interface TokenRecord {
  /** The token's public part. */
  readonly id: string;
  /** Principal that the token speaks for: `service:web`, `user:alice`. */
  readonly principal: string;
  readonly scopes: readonly Scope[];
  /** SHA-256 of the whole token, hex. */
  readonly sha256: string;
  /** Milliseconds since the Unix epoch; undefined: does not expire. */
  readonly expiresAt?: number;
}

export interface CreateTokenOptions {
  readonly principal: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: number;
  readonly randomBytes?: (size: number) => Uint8Array;
}

/**
 * A new token and the record to store. The token itself is shown once and never stored.
 *
 * @example
 * ```ts
 * const { token, record } = createToken({ principal: 'service:web', scopes: ['write'] });
 * checkToken(token, record); // true
 * ```
 */
export function createToken(options: CreateTokenOptions): { readonly token: string; readonly record: TokenRecord } {
  const random = options.randomBytes ?? systemRandomBytes;
  const id = Buffer.from(random(ID_BYTES)).toString('hex');
  const token = `hr_${id}_${Buffer.from(random(SECRET_BYTES)).toString('base64url')}`;
  const record: TokenRecord = {
    id,
    principal: options.principal,
    scopes: [...options.scopes],
    sha256: digest(token).toString('hex'),
    ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
  };
  return { token, record: checkRecord(record, 'creating a token') };
}

/** The public part of a token, or undefined when it does not have the form of one. */
export function tokenId(token: string): string | undefined {
  return TOKEN.exec(token)?.[1];
}

/** Compares in constant time. */
export function checkToken(token: string, record: TokenRecord): boolean {
  const expected = Buffer.from(record.sha256, 'hex');
  const actual = digest(token);
  return expected.length === actual.length && timingSafeEqual(actual, expected);
}

/**
 * Parses a tokens file: JSON, `{"tokens": [TokenRecord, ...]}`.
 * @throws HeadraceError `SECURITY_TOKENS_INVALID`
 */
export function parseTokens(text: string, file: string): readonly TokenRecord[] {
  const action = `reading tokens file ${file}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalid(action, 'it is not JSON', cause);
  }
  const tokens = isRecord(parsed) ? parsed.tokens : undefined;
  if (!Array.isArray(tokens)) throw invalid(action, 'it has no list "tokens"');
  const records = tokens.map((token: unknown, at) => checkRecord(token, `${action}, token ${at + 1}`));
  const ids = new Set<string>();
  for (const { id } of records) {
    if (ids.has(id)) throw invalid(action, `the id ${id} occurs twice`);
    ids.add(id);
  }
  return records;
}

/** The text of a tokens file, to be written with mode 0600. */
export function formatTokens(records: readonly TokenRecord[]): string {
  return `${JSON.stringify({ tokens: records }, undefined, 2)}\n`;
}

function checkRecord(value: unknown, action: string): TokenRecord {
  if (!isRecord(value)) throw invalid(action, 'it is not an object');
  const { id, principal, scopes, sha256, expiresAt } = value;
  if (typeof id !== 'string' || !/^[0-9a-f]{12}$/.test(id)) throw invalid(action, '"id" is not 12 hex digits');
  if (typeof principal !== 'string' || !/^(user|service):[^\s:]{1,128}$/.test(principal)) {
    throw invalid(action, '"principal" is not user:NAME or service:NAME');
  }
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every((scope) => SCOPES.includes(scope as Scope))) {
    throw invalid(action, `"scopes" is not a list of ${SCOPES.join(', ')}`);
  }
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
    throw invalid(action, '"sha256" is not 64 hex digits');
  if (expiresAt !== undefined && !Number.isSafeInteger(expiresAt)) {
    throw invalid(action, '"expiresAt" is not a number of milliseconds');
  }
  return {
    id,
    principal,
    scopes: scopes as Scope[],
    sha256,
    ...(expiresAt === undefined ? {} : { expiresAt: expiresAt as number }),
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(action: string, what: string, cause?: unknown): HeadraceError {
  return new HeadraceError(`${action}: ${what}`, {
    code: 'SECURITY_TOKENS_INVALID',
    domain: 'security',
    cause,
    next: 'make entries with "headrace tokens create"',
  });
}
