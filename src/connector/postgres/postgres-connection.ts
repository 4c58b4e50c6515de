import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ClientConfig } from 'pg';
import { option } from '../../base/config/option.ts';
import type { OptionValues } from '../../base/config/option-set.ts';
import { messageOf } from '../../base/error.ts';

const DEFAULT_PORT = 5432;

/** Where a database is, and who asks. */
export const POSTGRES_CONNECTION_OPTIONS = {
  url: option.text({
    name: 'url',
    fallback: '',
    help: 'Address of the database, postgres://user@host:5432/database; no password.',
  }),
  passwordFile: option.path({
    name: 'password_file',
    fallback: undefined,
    help: 'File that holds the password, read for every connection; relative to the project.',
  }),
  sslmode: option.choice({
    name: 'sslmode',
    choices: ['disable', 'require', 'verify-full'],
    fallback: 'verify-full',
    help: 'TLS: none, without a check of the certificate, or with it.',
  }),
  caFile: option.path({
    name: 'ca_file',
    fallback: undefined,
    help: 'File of certificates (PEM) that the certificate of the server is checked against; relative to the project.',
  }),
} as const;

export type PostgresConnectionOptions = OptionValues<typeof POSTGRES_CONNECTION_OPTIONS>;

/** How the values of statements and answers are written. */
export const TEXT_SETTINGS = {
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
} as const;

/** `host:port`, which may be shown. */
export function placeOf({ url }: Pick<PostgresConnectionOptions, 'url'>): {
  readonly host: string;
  readonly port: number;
} {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? DEFAULT_PORT : Number(port) };
}

/** What a client needs to connect; every value comes as text. Paths are relative to `dir`. */
export async function connectionConfig(
  options: PostgresConnectionOptions,
  dir: string,
  settings: Readonly<Record<string, string>>,
): Promise<ClientConfig> {
  const { username, pathname } = new URL(options.url);
  const { passwordFile } = options;
  return {
    ...placeOf(options),
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
    // A function even without a file: the client must not look for a password in the environment or in ~/.pgpass.
    password: async () =>
      passwordFile === undefined ? '' : (await readFile(resolve(dir, passwordFile), 'utf8')).trim(),
    ssl: await tlsOf(options, dir),
    application_name: 'headrace',
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    types: { getTypeParser: () => (text: string) => text },
  } as ClientConfig;
}

async function tlsOf({ sslmode, caFile }: PostgresConnectionOptions, dir: string): Promise<ClientConfig['ssl']> {
  if (sslmode === 'disable') return false;
  if (sslmode === 'require') return { rejectUnauthorized: false };
  return caFile === undefined ? { rejectUnauthorized: true } : { ca: await readFile(resolve(dir, caFile), 'utf8') };
}

/** The SQLSTATE of what a client threw; empty when it is not the server that said it. */
export function sqlstateOf(error: unknown): string {
  const { code, severity } = error as { readonly code?: unknown; readonly severity?: unknown };
  return severity === undefined ? '' : String(code ?? '');
}

/** What several addresses of a host said is hidden in `errors`. */
export function reasonOf(error: unknown): string {
  const message = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : messageOf(error);
  return message.includes('does not support SSL') ? `${message} (sslmode = 'disable' goes without)` : message;
}

/** An identifier as it stands, whatever it holds. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
