import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { enrichThroughOutage, type LookupCase, PASSWORD, refused, users } from './lookup-run.ts';
import { firstFile, freePort, install, RealServer } from './real-server.ts';

const COMMON =
  "password_file = 'password', ttl = '0 s', negative_ttl = '0 s', timeout = '1 s', retries = 100, concurrency = 4";

function casesAt(url: string): readonly LookupCase[] {
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
      declaration: `(region text, id text, name text FROM '$.profile.name', level int4, PRIMARY KEY (region, id))
  WITH (connector = 'redis', url = '${url}', key = 'json:{region}:{id}', type = 'json', ${COMMON})`,
      on: 'u.region = o.region AND u.id = o.customer',
      columns: ['name', 'level'],
    },
    {
      title: 'strings',
      declaration: `(id text PRIMARY KEY, name text)
  WITH (connector = 'redis', url = '${url}', key = 'name:{id}', type = 'string', ${COMMON})`,
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
  const client = new Redis({ port, host: '127.0.0.1', password: PASSWORD, lazyConnect: true, retryStrategy: () => 50 });
  client.on('error', () => {});
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--requirepass', PASSWORD];
  const server = new RealServer({
    file,
    args: [...args, '--appendonly', 'yes', '--appendfsync', 'always'],
    port,
    isReady: async () => (await client.ping()) === 'PONG',
  });
  try {
    await server.start();
    await seed(client);
    const url = `redis://127.0.0.1:${port}/0`;
    for (const one of casesAt(url)) await enrichThroughOutage(dir, server, one);
    const strings = `(id text PRIMARY KEY, name text) WITH (connector = 'redis', url = '${url}', type = 'string'`;
    const bad = await refused(dir, `${strings}, key = '{id}', password_file = 'password')`, {
      good: 'name:u1',
      bad: 'user:u1',
    });
    assert.match(bad, /reading key \\"user:u1\\": WRONGTYPE/);
    const locked = await refused(dir, `${strings}, key = '{id}', retries = 1)`, { good: 'name:u1', bad: 'name:u1' });
    assert.match(locked, new RegExp(`asking redis at 127.0.0.1:${port}: NOAUTH`));
    const clients = String(await client.client('LIST'));
    assert.equal(clients.trim().split('\n').length, 1, 'look-ups that were stopped left no connection');
  } finally {
    client.disconnect();
    await server.kill();
  }
}
