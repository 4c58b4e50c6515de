import type { PoolConfig } from 'pg';
import { LookupRefused } from '../lookup/lookup-source.ts';
import { connectionConfig, placeOf, reasonOf, sqlstateOf, TEXT_SETTINGS } from './postgres-connection.ts';
import type { PostgresClient, PostgresLookupOptions } from './postgres-lookup.ts';

/** Connections that nobody used for so long are closed. */
const IDLE_MS = 30_000;
/** A look-up only reads. */
const SETTINGS = { ...TEXT_SETTINGS, default_transaction_read_only: 'on' } as const;
/** Class 22 (PostgreSQL's manual, appendix A): a value is not of its type, or out of its range. */
const DATA_EXCEPTION = /^22/;

type Connection = Pick<
  PostgresLookupOptions,
  'url' | 'passwordFile' | 'sslmode' | 'caFile' | 'timeout' | 'concurrency'
>;

/** A pool of connections to a database, at most `concurrency`; every value comes as text. Paths are relative to `dir`. */
export async function connectPostgres(options: Connection, dir: string): Promise<PostgresClient> {
  const { Pool } = await import('pg');
  const place = placeOf(options);
  const pool = new Pool({
    ...(await connectionConfig(options, dir, SETTINGS)),
    max: options.concurrency,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: options.timeout,
    statement_timeout: options.timeout,
    query_timeout: options.timeout,
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
        throw DATA_EXCEPTION.test(sqlstateOf(error)) ? new LookupRefused(message) : new Error(message);
      }
    },
    close: () => pool.end(),
  };
}
