import { HeadraceError } from '../base/error.ts';
import { isLoopbackAddress } from './origin.ts';

export interface BindOptions {
  /** The door, for the message: `http`. */
  readonly listener: string;
  readonly host: string;
  readonly tlsConfigured: boolean;
  readonly authConfigured: boolean;
}

/**
 * Refuses to listen beyond loopback without both encryption and authentication.
 * @throws HeadraceError `SECURITY_UNSAFE_BIND`
 */
export function assertSafeBind(options: BindOptions): void {
  if (isLoopbackAddress(options.host)) return;
  const missing: string[] = [];
  if (!options.tlsConfigured) {
    missing.push(`TLS (set ${options.listener}.tls.cert and ${options.listener}.tls.key to PEM files)`);
  }
  if (!options.authConfigured) {
    missing.push('authentication (make a token with "headrace tokens create", and set auth.tokens_file to its file)');
  }
  if (missing.length === 0) return;
  throw new HeadraceError(`listening on ${options.host}: an address beyond loopback needs ${missing.join(' and ')}`, {
    code: 'SECURITY_UNSAFE_BIND',
    domain: 'security',
    next: `configure ${missing.length === 1 ? 'it' : 'both'}, or bind to 127.0.0.1`,
  });
}
