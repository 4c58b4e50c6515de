import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { PoolConfig } from 'pg';
import { messageOf } from '../../base/error.ts';
import { LookupRefused } from '../lookup/lookup-source.ts';
import type { PostgresClient, PostgresLookupOptions } from './postgres-lookup.ts';

/** Connections that nobody used for so long are closed. */
const IDLE_MS = 30_000;
const DEFAULT_PORT = 5432;
/** Texts of values as Headrace reads them; a look-up only reads. */
const SETTINGS = {
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  default_transaction_read_only: 'on',
} as const;
/** Class 22 (PostgreSQL's manual, appendix A): a value is not of its type, or out of its range. */
const DATA_EXCEPTION = /^22/;

type Connection = Pick<
  PostgresLookupOptions,
  'url' | 'passwordFile' | 'sslmode' | 'caFile' | 'timeout' | 'concurrency'
>;

/** A pool of connections to a database, at most `concurrency`; every value comes as text. Paths are relative to `dir`. */
export async function connectPostgres(options: Connection, dir: string): Promise<PostgresClient> {
  const { Pool } = await import('pg');
  const { hostname, port, username, pathname } = new URL(options.url);
  const { passwordFile } = options;
  const place = { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? DEFAULT_PORT : Number(port) };
  const pool = new Pool({
    ...place,
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
    // A function even without a file: the client must not look for a password in the environment or in ~/.pgpass.
    password: async () =>
      passwordFile === undefined ? '' : (await readFile(resolve(dir, passwordFile), 'utf8')).trim(),
    ssl: await tlsOf(options, dir),
    application_name: 'headrace',
    options: Object.entries(SETTINGS)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    max: options.concurrency,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: options.timeout,
    statement_timeout: options.timeout,
    query_timeout: options.timeout,
    types: { getTypeParser: () => (text: string) => text },
  } as PoolConfig);
  // Of connections that nobody uses: the next question makes a new one, and says what is wrong.
  pool.on('error', () => {});
  const asking = `asking PostgreSQL at ${place.host}:${place.port}`;
  return {
    query: async (text, values) => {
      try {
        const { fields, rows } = await pool.query<(string | null)[]>({ text, values: [...values], rowMode: 'array' });
        return { columns: fields.map(({ name }) => name), rows };
      } catch (error) {
        const message = `${asking}: ${reasonOf(error)}`;
        throw DATA_EXCEPTION.test(codeOf(error)) ? new LookupRefused(message) : new Error(message);
      }
    },
    close: () => pool.end(),
  };
}

async function tlsOf({ sslmode, caFile }: Connection, dir: string): Promise<PoolConfig['ssl']> {
  if (sslmode === 'disable') return false;
  if (sslmode === 'require') return { rejectUnauthorized: false };
  return caFile === undefined ? { rejectUnauthorized: true } : { ca: await readFile(resolve(dir, caFile), 'utf8') };
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown }).code ?? '');
}

/** What several addresses of a host said is hidden in `errors`. */
function reasonOf(error: unknown): string {
  const message = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : messageOf(error);
  return message.includes('does not support SSL') ? `${message} (sslmode = 'disable' goes without)` : message;
}
