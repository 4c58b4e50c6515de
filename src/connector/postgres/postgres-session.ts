import { Socket } from 'node:net';
import type { ClientConfig } from 'pg';
import {
  connectionConfig,
  type PostgresConnectionOptions,
  reasonOf,
  sqlstateOf,
  TEXT_SETTINGS,
} from './postgres-connection.ts';
import { PostgresFailure } from './postgres-fault.ts';

/** The server's own limits come first, so that it is the server who says what took too long. */
const ANSWER_MARGIN_MS = 1_000;
/** How long a connection may take to end in order. */
const END_MS = 1_000;

/** A parameter: a buffer is sent as its type's binary form. */
export type PostgresValue = string | number | Buffer | readonly (string | number | null)[];

export interface PostgresAnswer {
  readonly rows: readonly (readonly (string | null)[])[];
  /** Rows that were changed. */
  readonly count: number;
  /** What was done, as `COMMIT`, or `ROLLBACK` in its place. */
  readonly command: string;
}

/** One connection. Statements run one after another. */
export interface PostgresSession {
  /** Without values it may be several statements. @throws PostgresFailure */
  run(text: string, values?: readonly PostgresValue[]): Promise<PostgresAnswer>;
  /** Cuts it off, whatever is under way; the server rolls back what is not committed. */
  drop(): void;
  close(): Promise<void>;
}

/** Opens a connection, which is cut off when the signal is given. @throws PostgresFailure */
export async function openPostgresSession(
  options: PostgresConnectionOptions & { readonly timeout: number },
  dir: string,
  signal: AbortSignal,
): Promise<PostgresSession> {
  const { Client } = await import('pg');
  const socket = new Socket();
  const { timeout } = options;
  const client = new Client({
    ...(await connectionConfig(options, dir, TEXT_SETTINGS).catch((error: unknown) => {
      throw new PostgresFailure(reasonOf(error), '');
    })),
    // Ours, so that a server that does not answer can be left.
    stream: () => socket,
    keepAlive: true,
    connectionTimeoutMillis: timeout,
    statement_timeout: timeout,
    lock_timeout: timeout,
    // A process that is frozen in a transaction holds no lock for ever.
    idle_in_transaction_session_timeout: timeout,
    query_timeout: timeout + ANSWER_MARGIN_MS,
  } as ClientConfig);
  client.on('error', () => socket.destroy());
  const drop = (): void => {
    signal.removeEventListener('abort', drop);
    socket.destroy();
  };
  signal.addEventListener('abort', drop);
  const saying = async <Result>(action: Promise<Result>): Promise<Result> => {
    try {
      return await action;
    } catch (error) {
      const sqlstate = sqlstateOf(error);
      if (sqlstate === '') drop();
      throw new PostgresFailure(reasonOf(error), sqlstate);
    }
  };
  try {
    await saying(client.connect());
  } catch (error) {
    drop();
    throw error;
  }
  return {
    run: (text, values) =>
      saying(
        client
          .query<(string | null)[]>({ text, ...(values && { values: [...values] }), rowMode: 'array' })
          // Of several statements there are several results.
          .then((result) => {
            const { rows, rowCount, command } = [result].flat().at(-1)!;
            return { rows, count: rowCount ?? 0, command };
          }),
      ),
    drop,
    async close() {
      const timer = setTimeout(drop, END_MS);
      await client.end().catch(() => undefined);
      clearTimeout(timer);
      drop();
    },
  };
}
