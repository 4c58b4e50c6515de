/** Starts the product as a user would, on a fresh data directory, and stops it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ROOT = process.cwd();
const READY_MS_MAX = 60_000;

export interface Server {
  readonly port: number;
  readonly url: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** From spawn to the first 200 of /health/ready. */
  readonly readyMs: number;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  readonly output: () => string;
  stop(signal?: NodeJS.Signals): Promise<void>;
  removeData(): void;
}

export interface ServerOptions {
  /** `start` by default. */
  readonly command?: 'start' | 'dev';
  readonly project: string;
  readonly dataDir?: string;
  readonly flags?: readonly string[];
  readonly nodeFlags?: readonly string[];
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the one behind it in its own place, such as `prlimit --nofile=256`. */
  readonly wrapper?: readonly string[];
}

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

async function waitReady(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`starting the server: it exited with ${child.exitCode}:\n${output()}`);
    const ready = await fetch(`${url}/health/ready`).then(
      (r) => r.ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`starting the server: not ready within ${READY_MS_MAX} ms:\n${output()}`);
}

/** Linux counts CPU time in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process so far, by thread name; empty where there is no /proc. */
export function cpuSecondsByThread(pid: number): Readonly<Record<string, number>> {
  const seconds: Record<string, number> = {};
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return seconds;
  for (const task of readdirSync(tasks)) {
    const stat = readFileSync(join(tasks, task, 'stat'), 'latin1');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    // proc(5): utime and stime are fields 14 and 15; the name is field 2.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const label = Number(task) === pid ? 'main' : `${name} ${task}`;
    seconds[label] = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
  return seconds;
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const port = options.port ?? (await freePort());
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'headrace-'));
  const url = `http://127.0.0.1:${port}`;
  const startedAt = performance.now();
  const [program, ...before] = [...(options.wrapper ?? []), process.execPath];
  const child = spawn(
    program!,
    [
      ...before,
      ...(options.nodeFlags ?? []),
      join(ROOT, 'bin/headrace.js'),
      options.command ?? 'start',
      options.project,
      '--http-port',
      String(port),
      '--data-dir',
      dataDir,
      ...(options.flags ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } },
  );
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 0)),
  );
  await waitReady(url, child, () => text);
  return {
    port,
    url,
    dataDir,
    process: child,
    readyMs: performance.now() - startedAt,
    exited,
    output: () => text,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await exited;
    },
    removeData: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}
