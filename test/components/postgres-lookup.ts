import assert from 'node:assert/strict';
import type { Client } from 'pg';
import { enrichThroughOutage, type LookupCase, refused, users } from './lookup-run.ts';
import { connected, postgresIn } from './postgres-server.ts';

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

/** Look-ups in a PostgreSQL server with passwords and TLS, which is killed. */
export async function postgresLookup(dir: string): Promise<void> {
  const { server, port } = await postgresIn(dir);
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
