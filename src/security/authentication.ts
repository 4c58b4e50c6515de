import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { isLoopbackAddress } from './origin.ts';
import type { Principal } from './principal.ts';
import { checkToken, type TokenRecord, tokenId } from './token.ts';

export interface AuthenticatorOptions {
  readonly tokens: readonly TokenRecord[];
  /** Whether anything may be asked without a token by a loopback peer; true only when no authentication is configured. */
  readonly localAllowed: boolean;
  readonly clock: Pick<Clock, 'now'>;
}

export interface Credentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The peer's address. */
  readonly remoteAddress: string | undefined;
}

export interface Authenticator {
  /** @throws HeadraceError `SECURITY_UNAUTHENTICATED` when a token is missing where one is needed, wrong or expired */
  authenticate(credentials: Credentials): Principal;
  /** Replaces the tokens, after the file was changed. */
  setTokens(tokens: readonly TokenRecord[]): void;
}

const LOCAL: Principal = Object.freeze({ id: 'local', scopes: Object.freeze(['admin'] as const) });

/** Who asks: by bearer token, or `local` on loopback when no authentication is configured. Everything else is refused. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  let tokens = index(options.tokens);
  return {
    setTokens(records) {
      tokens = index(records);
    },
    authenticate({ authorization, remoteAddress }) {
      if (authorization === undefined) {
        if (options.localAllowed && remoteAddress !== undefined && isLoopbackAddress(remoteAddress)) return LOCAL;
        throw unauthenticated('a token is needed', 'send "Authorization: Bearer hr_..."');
      }
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      const id = token === undefined ? undefined : tokenId(token);
      if (token === undefined || id === undefined) {
        throw unauthenticated(
          'the Authorization header holds no Headrace token',
          'send "Authorization: Bearer hr_..."',
        );
      }
      const entry = tokens.get(id);
      if (entry === undefined || !checkToken(token, entry.record)) {
        throw unauthenticated('the token is not known', 'make one with "headrace tokens create"');
      }
      if (entry.record.expiresAt !== undefined && entry.record.expiresAt <= options.clock.now()) {
        throw unauthenticated('the token has expired', 'make a new one with "headrace tokens create"');
      }
      return entry.principal;
    },
  };
}

interface IndexedToken {
  readonly record: TokenRecord;
  readonly principal: Principal;
}

function index(records: readonly TokenRecord[]): ReadonlyMap<string, IndexedToken> {
  return new Map(
    records.map((record) => [record.id, { record, principal: { id: record.principal, scopes: record.scopes } }]),
  );
}

function unauthenticated(what: string, next: string): HeadraceError {
  return new HeadraceError(`authenticating: ${what}`, { code: 'SECURITY_UNAUTHENTICATED', domain: 'security', next });
}
