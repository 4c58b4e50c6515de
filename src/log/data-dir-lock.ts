import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { HeadraceError } from '../base/error.ts';

/**
 * Sole ownership of a data directory.
 *
 * On Linux the lock is an abstract Unix socket named by the directory's device and inode: binding is atomic, a symbolic
 * link or another mount path leads to the same name, and the kernel releases it however the process ends, `kill -9`
 * included. Node has no flock. The file `LOCK` says who the owner is; it is also the lock where the socket cannot be
 * one (other systems), and catches an owner in another network namespace of the same machine. A `LOCK` whose process
 * is gone, by pid, start time and boot, is stale and is taken over.
 */
export class DataDirLock {
  readonly #path: string;
  readonly #server: Server | undefined;

  private constructor(path: string, server: Server | undefined) {
    this.#path = path;
    this.#server = server;
  }

  /** @throws HeadraceError `LOG_LOCKED` */
  static async take(dataDir: string): Promise<DataDirLock> {
    mkdirSync(dataDir, { recursive: true });
    const path = join(dataDir, 'LOCK');
    const server = process.platform === 'linux' ? await bindName(dataDir, path) : undefined;
    const owner = readOwner(path);
    if (owner !== undefined && isAlive(owner)) {
      server?.close();
      throw locked(dataDir, owner);
    }
    try {
      // Stale or damaged: after a power cut the file may be there without its content.
      rmSync(path, { force: true });
      writeFileSync(path, JSON.stringify(self()), { flag: 'wx' });
    } catch (error) {
      server?.close();
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EEXIST';
      throw isTaken ? locked(dataDir, readOwner(path)) : error;
    }
    return new DataDirLock(path, server);
  }

  async release(): Promise<void> {
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // A disk that has become read-only keeps the file; as after a crash, it names an owner that is gone.
    }
    const server = this.#server;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

interface Owner {
  readonly pid: number;
  /** Clock ticks since boot (field 22 of /proc/<pid>/stat); 0 where unknown. */
  readonly startTime: number;
  readonly boot: string;
}

function bindName(dataDir: string, path: string): Promise<Server> {
  const { dev, ino } = statSync(dataDir);
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', () => reject(locked(dataDir, readOwner(path))));
    server.listen({ path: `\0headrace-${dev}-${ino}`, exclusive: true }, () => resolve(server));
  });
}

function locked(dataDir: string, owner: Owner | undefined): HeadraceError {
  const who = owner === undefined ? 'another process' : `process ${owner.pid}`;
  return new HeadraceError(`opening the data directory ${dataDir}: it is in use by ${who}`, {
    code: 'LOG_LOCKED',
    domain: 'log',
    next: 'stop that process, or choose another directory with --data-dir',
  });
}

function self(): Owner {
  return { pid: process.pid, startTime: startTime(process.pid) ?? 0, boot: bootId() };
}

/** A damaged LOCK counts as none: it was being written when its process died. */
function readOwner(path: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, startTime: started, boot } = value as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof started !== 'number' || typeof boot !== 'string') return undefined;
    return { pid, startTime: started, boot };
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  if (owner.boot !== bootId()) return false;
  if (process.platform === 'linux') return owner.startTime !== 0 && startTime(owner.pid) === owner.startTime;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}
