import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { firstFile, freePort, install, PASSWORD, RealServer, selfSigned } from './real-server.ts';

const VERSIONS = '/usr/lib/postgresql';

/** Undefined when it is not installed. */
export function postgresProgram(): string | undefined {
  const versions = firstFile([VERSIONS]) === undefined ? [] : readdirSync(VERSIONS);
  return firstFile(versions.map((version) => `${VERSIONS}/${version}/bin/postgres`));
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

/**
 * A cluster with a password (in the file `password`) and a certificate (`server.pem`) of its own, owned by a user who is not root; not
 * started. @throws Unavailable
 */
export async function postgresIn(dir: string): Promise<{ readonly server: RealServer; readonly port: number }> {
  const file = install('postgresql', postgresProgram);
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

/** A connection as the owner. */
export async function connected(port: number): Promise<Client> {
  const client = new Client({ host: 'localhost', port, user: 'app', password: PASSWORD, database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  return client;
}
