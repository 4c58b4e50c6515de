import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { enrichThroughOutage, type LookupCase, PASSWORD, refused, users } from './lookup-run.ts';
import { firstFile, freePort, install, RealServer, selfSigned } from './real-server.ts';

const VERSIONS = '/usr/lib/postgresql';

function program(): string | undefined {
  const versions = firstFile([VERSIONS]) === undefined ? [] : readdirSync(VERSIONS);
  return firstFile(versions.map((version) => `${VERSIONS}/${version}/bin/postgres`));
}

function casesWith(common: string): readonly LookupCase[] {
  return [
    {
      title: 'a table by one column, over TLS',
      declaration: `(id text PRIMARY KEY, name text FROM '$.FullName', level int4)
  WITH (connector = 'postgres', table = 'crm.users', ${common})`,
      on: 'u.id = o.customer',
      columns: ['name', 'level'],
    },
    {
      title: 'a table by two columns',
      frozen: true,
      declaration: `(region text, id text, name text FROM '$.profile.name', level int4, PRIMARY KEY (region, id))
  WITH (connector = 'postgres', table = 'crm.users', ${common})`,
      on: 'u.region = o.region AND u.id = o.customer',
      columns: ['name', 'level'],
    },
    {
      title: 'a query',
      declaration: `(id text PRIMARY KEY, name text, level int4)
  WITH (connector = 'postgres', ${common},
    query = 'SELECT id, profile->>''name'' AS name, level FROM crm.users WHERE id = ANY($1)')`,
      on: 'u.id = o.customer',
      columns: ['name', 'level'],
    },
  ];
}

async function seed(client: Client): Promise<void> {
  await client.query(`CREATE SCHEMA crm;
    CREATE TABLE crm.users (id varchar(20) PRIMARY KEY, region text, "FullName" text, level int8, profile jsonb);
    CREATE TABLE crm.numbers (id int4 PRIMARY KEY, name text);
    INSERT INTO crm.numbers VALUES (1, 'one');`);
  for (const { id, region, name, level } of users) {
    const values = [id, region, name, level, JSON.stringify({ name })];
    await client.query('INSERT INTO crm.users VALUES ($1, $2, $3, $4, $5)', values);
  }
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

/** A cluster with a password and a certificate of its own, owned by a user who is not root. */
async function clusterIn(dir: string, file: string): Promise<{ server: RealServer; port: number }> {
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined;
  const home = join(dir, 'cluster');
  mkdirSync(home);
  chmodSync(dir, 0o755);
  writeFileSync(join(dir, 'password'), `${PASSWORD}\n`);
  const key = join(home, 'server.key');
  const certificate = join(dir, 'server.pem');
  selfSigned(key, certificate);
  if (user !== undefined) for (const path of [home, key]) chownSync(path, user.uid, user.gid);
  const data = join(home, 'data');
  const initdb = ['-D', data, '-U', 'app', '-A', 'scram-sha-256', '--pwfile', join(dir, 'password'), '-E', 'UTF8'];
  execFileSync(file.replace(/postgres$/, 'initdb'), initdb, { ...user, stdio: 'ignore', cwd: home });
  const port = await freePort();
  const settings = { listen_addresses: 'localhost', port, unix_socket_directories: home, ssl: 'on' };
  const files = { ssl_cert_file: certificate, ssl_key_file: key };
  const args = Object.entries({ ...settings, ...files }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const isReady = async (): Promise<boolean> => {
    await (await connected(port)).end();
    return true;
  };
  const server = new RealServer({ file, args: ['-D', data, ...args], port, ...(user && { user }), isReady });
  return { server, port };
}

async function connected(port: number): Promise<Client> {
  const client = new Client({ host: 'localhost', port, user: 'app', password: PASSWORD, database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Look-ups in a PostgreSQL server with passwords and TLS, which is killed. */
export async function postgresLookup(dir: string): Promise<void> {
  const file = install('postgresql', program);
  const { server, port } = await clusterIn(dir, file);
  try {
    await server.start();
    const first = await connected(port);
    await seed(first);
    await first.end();
    const url = `url = 'postgres://app@localhost:${port}/postgres'`;
    const login = `${url}, password_file = 'password', ca_file = 'server.pem'`;
    const common = `${login}, ttl = '0 s', negative_ttl = '0 s', timeout = '2 s', retries = 100, concurrency = 4`;
    for (const one of casesWith(common)) await enrichThroughOutage(dir, server, one);
    const numbers = "(id text PRIMARY KEY, name text) WITH (connector = 'postgres', table = 'crm.numbers'";
    const bad = await refused(dir, `${numbers}, ${login})`, { good: '1', bad: 'one' });
    assert.match(bad, /invalid input syntax for type integer/);
    const open = `${numbers}, ${url}, password_file = 'password', retries = 0)`;
    assert.match(await refused(dir, open, { good: '1', bad: '1' }), /self-signed certificate/);
    const locked = `${numbers}, ${url}, sslmode = 'disable', retries = 0)`;
    assert.match(await refused(dir, locked, { good: '1', bad: '1' }), /password/);
    const last = await connected(port);
    const left = await last.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'headrace'");
    await last.end();
    assert.equal(left.rowCount, 0, 'look-ups that were stopped left no connection');
  } finally {
    await server.kill('SIGINT');
  }
}
