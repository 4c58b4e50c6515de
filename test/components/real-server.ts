import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const ASK_EVERY_MS = 50;
const READY_MS_MAX = 60_000;
/** Of servers that are started here. */
export const PASSWORD = 'not to be seen';

/** Why a component cannot be had here: its test is skipped, and says so. */
export class Unavailable extends Error {}

/** Installs a package of Debian or Ubuntu unless `file` is there already. @throws Unavailable */
export function install(packageName: string, file: () => string | undefined): string {
  const there = file();
  if (there !== undefined) return there;
  if (process.getuid?.() !== 0) throw new Unavailable(`${packageName} is not installed, and only root may install it`);
  try {
    execFileSync('apt-get', ['update'], { stdio: 'ignore' });
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', packageName], { stdio: 'ignore', env });
  } catch (error) {
    throw new Unavailable(`installing ${packageName} failed: ${(error as Error).message}`);
  }
  const installed = file();
  if (installed === undefined) throw new Unavailable(`${packageName} was installed, and its program is not found`);
  return installed;
}

/** The first of the files that is there. */
export function firstFile(paths: readonly string[]): string | undefined {
  return paths.find((path) => existsSync(path));
}

/** A port of the loopback address that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A certificate for `localhost` that is signed with its own key. */
export function selfSigned(key: string, certificate: string): void {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const form = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
  execFileSync('openssl', [...form, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  chmodSync(key, 0o600);
}

interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Whether it answers; it is asked until it does. */
  readonly isReady: () => Promise<boolean>;
}

/** A server that can be killed and started again at the same port. */
export class RealServer {
  readonly #program: Program;
  #process: ChildProcess | undefined;

  constructor(program: Program) {
    this.#program = program;
  }

  async start(): Promise<void> {
    const { file, args, user, isReady } = this.#program;
    let output = '';
    const child = spawn(file, [...args], { ...user, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#process = child;
    for (let waited = 0; waited < READY_MS_MAX; waited += ASK_EVERY_MS) {
      if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}:\n${output}`);
      if ((await accepts(this.#program.port)) && (await isReady().catch(() => false))) return;
      await wait(ASK_EVERY_MS);
    }
    throw new Error(`${file} did not answer within ${READY_MS_MAX} ms:\n${output}`);
  }

  /** It is there, and does nothing, until {@link thaw}. */
  freeze(): void {
    this.#signalAll('SIGSTOP');
  }

  thaw(): void {
    this.#signalAll('SIGCONT');
  }

  /** The processes that it has started, too: one for each connection to PostgreSQL. */
  #signalAll(signal: NodeJS.Signals): void {
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    process.kill(pid, signal);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    for (const child of children === '' ? [] : children.split(' ')) process.kill(Number(child), signal);
  }

  /** Ends the process, by its id. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.thaw();
    this.#process = undefined;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  socket.destroy();
  return connected;
}
