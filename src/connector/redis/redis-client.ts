import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { messageOf } from '../../base/error.ts';
import { type RedisClient, type RedisCommand, type RedisLookupOptions, RedisWrongType } from './redis-lookup.ts';

/** Waits between attempts to connect grow from the first to the second. */
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 2_000;
const DEFAULT_PORT = 6379;

type Connection = Pick<RedisLookupOptions, 'url' | 'passwordFile' | 'caFile' | 'timeout'>;

/**
 * A client of one server, which connects when it is asked, and again when it lost the connection. A command whose connection is lost
 * fails at once: whoever asks decides whether to ask again. Paths are relative to `dir`.
 */
export async function connectRedis(options: Connection, dir: string): Promise<RedisClient> {
  const { Redis } = await import('ioredis');
  const password = options.passwordFile && (await readFile(resolve(dir, options.passwordFile), 'utf8')).trim();
  const ca = options.caFile && (await readFile(resolve(dir, options.caFile), 'utf8'));
  const { protocol, hostname, port, username, pathname } = new URL(options.url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const redis = new Redis({
    host,
    port: port === '' ? DEFAULT_PORT : Number(port),
    db: Number(pathname.slice(1) || '0'),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== undefined && { password }),
    ...(protocol === 'rediss:' && {
      tls: { ...(isIP(host) === 0 && { servername: host }), ...(ca !== undefined && { ca }) },
    }),
    // Any version of Redis speaks it.
    protocol: 2,
    lazyConnect: true,
    connectTimeout: options.timeout,
    commandTimeout: options.timeout,
    // A connection that says nothing any more, whose other end may be gone, is made again.
    socketTimeout: options.timeout,
    // What waits fails with the first attempt to connect that fails.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A server that still loads its data says so, and is asked again.
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: (times) => Math.min(RECONNECT_MS_MIN * 2 ** Math.min(times, 10), RECONNECT_MS_MAX),
  });
  const asking = `asking redis at ${hostname}:${port || DEFAULT_PORT}`;
  let reason: string | undefined;
  redis.on('error', (error: Error) => {
    reason = messageOf(error);
  });
  redis.on('ready', () => {
    reason = undefined;
  });
  return {
    ask: async (commands: readonly RedisCommand[]) => {
      const replies = await redis.pipeline(commands.map((command) => [...command])).exec();
      return (replies ?? []).map(([error, reply]) => {
        if (error === null) return reply;
        if (error.message.startsWith('WRONGTYPE')) return new RedisWrongType(error.message);
        throw new Error(`${asking}: ${error.name === 'MaxRetriesPerRequestError' && reason ? reason : error.message}`);
      });
    },
    close: async () => redis.disconnect(),
  };
}
