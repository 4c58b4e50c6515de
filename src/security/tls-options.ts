import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { HeadraceError, messageOf } from '../base/error.ts';

export interface TlsFiles {
  /** PEM: the server's certificate first, then its chain. */
  readonly certFile: string;
  /** PEM: its private key. */
  readonly keyFile: string;
}

/** For `https.createServer`. */
export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.3';
}

/**
 * TLS 1.3 from PEM files, checked before anything listens: both readable, the key belongs to the certificate, and the
 * certificate is valid now.
 * @throws HeadraceError `SECURITY_TLS_INVALID`
 */
export function readTlsOptions(
  files: TlsFiles,
  readFile: (path: string) => string,
  clock: Pick<Clock, 'now'>,
): TlsOptions {
  const cert = readPem(files.certFile, readFile);
  const key = readPem(files.keyFile, readFile);
  const certificate = parse(files.certFile, 'a PEM certificate', () => new X509Certificate(cert));
  const privateKey = parse(files.keyFile, 'a PEM private key', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw invalid(files.keyFile, `the key does not belong to the certificate in ${files.certFile}`, 'give the pair');
  }
  const now = clock.now();
  if (now > Date.parse(certificate.validTo)) {
    throw invalid(files.certFile, `the certificate expired on ${certificate.validTo}`, 'renew it');
  }
  if (now < Date.parse(certificate.validFrom)) {
    throw invalid(
      files.certFile,
      `the certificate is valid from ${certificate.validFrom} only`,
      "check the machine's clock",
    );
  }
  return { cert, key, minVersion: 'TLSv1.3' };
}

function readPem(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (cause) {
    throw invalid(path, messageOf(cause), 'check the path and its permissions', cause);
  }
}

function parse<T>(path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw invalid(path, `it is not ${what}`, 'give an unencrypted PEM file', cause);
  }
}

function invalid(path: string, what: string, next: string, cause?: unknown): HeadraceError {
  return new HeadraceError(`reading ${path} for TLS: ${what}`, {
    code: 'SECURITY_TLS_INVALID',
    domain: 'security',
    cause,
    next,
  });
}
