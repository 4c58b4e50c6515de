import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { enrichThroughOutage, type LookupCase, refused, users } from './lookup-run.ts';
import { firstFile, freePort, install, PASSWORD, RealServer, selfSigned } from './real-server.ts';

const COMMON =
  "password_file = 'password', ttl = '0 s', negative_ttl = '0 s', timeout = '1 s', retries = 100, concurrency = 4";

function casesAt(url: string, secureUrl: string): readonly LookupCase[] {
  return [
    {
      title: 'hashes',
      declaration: `(id text PRIMARY KEY, name text NOT NULL, level int4)
  WITH (connector = 'redis', url = '${url}', key = 'user:{id}', ${COMMON})`,
      on: 'u.id = o.customer',
      columns: ['name', 'level'],
    },
    {
      title: 'JSON by two columns',
      frozen: true,
      declaration: `(region text, id text, name text FROM '$.profile.name', level int4, PRIMARY KEY (region, id))
  WITH (connector = 'redis', url = '${url}', key = 'json:{region}:{id}', type = 'json', ${COMMON})`,
      on: 'u.region = o.region AND u.id = o.customer',
      columns: ['name', 'level'],
    },
    {
      title: 'strings over TLS',
      declaration: `(id text PRIMARY KEY, name text)
  WITH (connector = 'redis', url = '${secureUrl}', ca_file = 'server.pem', key = 'name:{id}', type = 'string', ${COMMON})`,
      on: 'u.id = o.customer',
      columns: ['name'],
    },
  ];
}

async function seed(client: Redis): Promise<void> {
  const pipeline = client.pipeline();
  for (const { id, region, name, level } of users) {
    pipeline.hset(`user:${id}`, { name, other: 'x', ...(level !== null && { level }) });
    pipeline.set(`json:${region}:${id}`, JSON.stringify({ profile: { name }, level }));
    pipeline.set(`name:${id}`, name);
  }
  await pipeline.exec();
}

/** Look-ups in a Redis server with a password and an append-only file, which is killed. */
export async function redisLookup(dir: string): Promise<void> {
  const file = install('redis-server', () => firstFile(['/usr/bin/redis-server', '/usr/local/bin/redis-server']));
  const port = await freePort();
  writeFileSync(join(dir, 'password'), `${PASSWORD}\n`);
  const securePort = await freePort();
  const [key, certificate] = [join(dir, 'server.key'), join(dir, 'server.pem')];
  selfSigned(key, certificate);
  const client = new Redis({ port, host: '127.0.0.1', password: PASSWORD, lazyConnect: true, retryStrategy: () => 50 });
  client.on('error', () => {});
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--requirepass', PASSWORD];
  const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate];
  const tls = ['--tls-port', `${securePort}`, '--tls-auth-clients', 'no', ...files];
  const server = new RealServer({
    file,
    args: [...args, ...tls, '--appendonly', 'yes', '--appendfsync', 'always'],
    port,
    isReady: async () => (await client.ping()) === 'PONG',
  });
  try {
    await server.start();
    await seed(client);
    const url = `redis://127.0.0.1:${port}/0`;
    for (const one of casesAt(url, `rediss://localhost:${securePort}`)) await enrichThroughOutage(dir, server, one);
    const strings = `(id text PRIMARY KEY, name text) WITH (connector = 'redis', url = '${url}', type = 'string'`;
    const bad = await refused(dir, `${strings}, key = '{id}', password_file = 'password')`, {
      good: 'name:u1',
      bad: 'user:u1',
    });
    assert.match(bad, /reading key \\"user:u1\\": WRONGTYPE/);
    const locked = await refused(dir, `${strings}, key = '{id}', retries = 1)`, { good: 'name:u1', bad: 'name:u1' });
    assert.match(locked, new RegExp(`asking redis at 127.0.0.1:${port}: NOAUTH`));
    const untrusted = `(id text PRIMARY KEY, name text) WITH (connector = 'redis', url = 'rediss://localhost:${securePort}'`;
    const unsafe = `${untrusted}, type = 'string', key = '{id}', password_file = 'password', retries = 1)`;
    assert.match(await refused(dir, unsafe, { good: 'name:u1', bad: 'name:u1' }), /self-signed certificate/);
    const clients = String(await client.client('LIST'));
    assert.equal(clients.trim().split('\n').length, 1, 'look-ups that were stopped left no connection');
  } finally {
    client.disconnect();
    await server.kill();
  }
}
