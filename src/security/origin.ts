/** Which `Host` and `Origin` headers are answered: what keeps a web page elsewhere from speaking to a local server. */
export interface OriginPolicy {
  /** Names beyond the loopback ones, without port, e.g. `headrace.example.com`; lower case. */
  readonly allowedHosts: readonly string[];
  /** Whole origins that may call from a browser, e.g. `https://app.example.com`. */
  readonly allowedOrigins: readonly string[];
}

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** True for 127.0.0.0/8, ::1 and IPv4-mapped forms of them. */
export function isLoopbackAddress(address: string): boolean {
  const plain = address
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '');
  return plain === '::1' || plain === 'localhost' || /^127(\.\d{1,3}){3}$/.test(plain);
}

/**
 * Whether the `Host` header names this server. A page that rebinds its own DNS name to 127.0.0.1 sends that name here,
 * and is refused.
 */
export function hostAllowed(host: string | undefined, policy: OriginPolicy): boolean {
  if (host === undefined) return false;
  const name = hostName(host);
  return name !== undefined && (LOOPBACK_HOSTS.has(name) || policy.allowedHosts.includes(name));
}

/**
 * Whether a request with this `Origin` may be answered. No `Origin`: not a browser's cross-origin request. `null`
 * (sandboxed frames, files) is refused. The server's own origin passes: same host and port as the `Host` header.
 */
export function originAllowed(origin: string | undefined, host: string | undefined, policy: OriginPolicy): boolean {
  if (origin === undefined) return true;
  if (policy.allowedOrigins.includes(origin)) return true;
  const match = /^https?:\/\/([^/?#\s]+)$/i.exec(origin);
  return (
    match !== null && host !== undefined && match[1]!.toLowerCase() === host.toLowerCase() && hostAllowed(host, policy)
  );
}

function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1];
}
