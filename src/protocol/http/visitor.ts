import type { IncomingMessage } from 'node:http';
import type { Authenticator } from '../../security/authentication.ts';
import { hostAllowed, type OriginPolicy, originAllowed } from '../../security/origin.ts';
import type { Principal } from '../../security/principal.ts';
import { VERDICTS_MAX } from './limit.ts';
import { httpError } from './problem.ts';

/** Browsers cannot set headers on a WebSocket: they offer their token as a subprotocol of this prefix. */
const TOKEN_SUBPROTOCOL = 'headrace.bearer.';

/** Decides who a request comes from, and whether a request from there is answered at all. */
export class VisitorCheck {
  readonly #policy: OriginPolicy;
  readonly #authenticator: Authenticator;
  readonly #hosts = new Verdicts();

  constructor(policy: OriginPolicy, authenticator: Authenticator) {
    this.#policy = policy;
    this.#authenticator = authenticator;
  }

  /**
   * Refuses a web page elsewhere that speaks to us through a visitor's browser: by a name that it has rebound to our
   * address (`Host`), or openly (`Origin`).
   *
   * @throws HeadraceError `HTTP_HOST_REFUSED`, `HTTP_ORIGIN_REFUSED`
   */
  assertWelcome(request: IncomingMessage): void {
    const { host, origin } = request.headers;
    this.assertHost(host);
    if (origin !== undefined && !originAllowed(origin, host, this.#policy)) {
      throw httpError(
        'HTTP_ORIGIN_REFUSED',
        `answering a page of "${origin}": pages of other sites may not ask`,
        'list the origin in http.allowed_origins',
      );
    }
  }

  /** @throws HeadraceError `HTTP_HOST_REFUSED` */
  assertHost(host: string | undefined): void {
    if (!this.#hosts.of(host ?? '', () => hostAllowed(host, this.#policy))) {
      throw httpError(
        'HTTP_HOST_REFUSED',
        `answering for host "${host ?? ''}": it is not a name of this server`,
        'ask by 127.0.0.1 or localhost, or list the name in http.allowed_hosts',
      );
    }
  }

  /** For a page elsewhere that is allowed by name: what its browser must be told (Fetch, section 3.2). */
  crossOriginHeaders(request: IncomingMessage): Readonly<Record<string, string>> | undefined {
    const { origin } = request.headers;
    if (origin === undefined || !this.#policy.allowedOrigins.includes(origin)) return undefined;
    return {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'authorization, content-type, content-encoding, idempotency-key, last-event-id',
      'access-control-expose-headers': 'retry-after',
      'cross-origin-resource-policy': 'cross-origin',
      vary: 'origin',
    };
  }

  /** @throws HeadraceError `SECURITY_UNAUTHENTICATED` */
  authenticate(request: IncomingMessage): Principal {
    const authorization = request.headers.authorization ?? offeredToken(request.headers['sec-websocket-protocol']);
    return this.#authenticator.authenticate({ authorization, remoteAddress: request.socket.remoteAddress });
  }
}

function offeredToken(subprotocols: string | undefined): string | undefined {
  const offered = subprotocols?.split(',').find((name) => name.trim().startsWith(TOKEN_SUBPROTOCOL));
  return offered === undefined ? undefined : `Bearer ${offered.trim().slice(TOKEN_SUBPROTOCOL.length)}`;
}

/** Remembers a decision per text; forgets all when there are too many, since clients choose the texts. */
class Verdicts {
  readonly #known = new Map<string, boolean>();

  of(text: string, decide: () => boolean): boolean {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const verdict = decide();
    if (this.#known.size >= VERDICTS_MAX) this.#known.clear();
    this.#known.set(text, verdict);
    return verdict;
  }
}
