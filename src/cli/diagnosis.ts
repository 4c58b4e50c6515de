import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../base/error.ts';
import { DataDirLock } from '../log/data-dir-lock.ts';
import { portOwner } from '../protocol/http/port-owner.ts';
import { bytesText } from './size-text.ts';

export type Verdict = 'ok' | 'warn' | 'fail';

/** What one check of `headrace doctor` found, and what to do where that is not good. */
export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly detail: string;
}

/** Less free space than this is worth a warning. */
const FREE_BYTES_MIN = 2e9;
/** A durable acknowledgement cannot be faster than this disk's fsync. */
const FSYNC_MS_GOOD = 10;
/** Faster than any disk that keeps its promise: memory, or a disk that does not flush. */
const FSYNC_MS_DOUBTFUL = 0.02;
const FSYNC_ROUNDS = 20;
/** No clock that is right reads less: this program is newer. */
const CLOCK_MS_MIN = Date.UTC(2026, 0, 1);
/** What was written may be ahead of the clock by so much, after a step back by NTP. */
const CLOCK_BACK_MS_MAX = 1_000;

export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const good = major > 20 || (major === 20 && minor >= 19);
  return { check: 'node', verdict: good ? 'ok' : 'fail', detail: `${version} (20.19 or newer is needed)` };
}

/** `v128.const 0; drop`, the smallest module that needs SIMD. */
const SIMD_MODULE = Uint8Array.from(
  Buffer.from(
    '0061736d010000000104016000000302010 00a17011500fd0c00000000000000000000000000000000 1a0b'.replaceAll(' ', ''),
    'hex',
  ),
);

export function simdFinding(): Finding {
  const good = WebAssembly.validate(SIMD_MODULE);
  return {
    check: 'simd',
    verdict: good ? 'ok' : 'fail',
    detail: good ? 'WebAssembly SIMD is there' : 'this processor has no WebAssembly SIMD; use one with SSE4.1 or NEON',
  };
}

/** Kernel and console are built files: a checkout may lack them. */
export function buildFinding(): Finding {
  const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
  const missing = ['kernel/kernel.wasm', 'engine/worker.js', 'console/index.html'].filter(
    (file) => !existsSync(dist + file),
  );
  return missing.length === 0
    ? { check: 'build', verdict: 'ok', detail: 'kernel, workers and console are there' }
    : { check: 'build', verdict: 'fail', detail: `${missing.join(', ')} missing in ${dist}; run "npm run build"` };
}

/** The clock decides retention, tokens and idle time: it must not be behind what was written by it. */
export function clockFinding(nowMs: number, dataDir: string): Finding {
  const shown = new Date(nowMs).toISOString();
  if (nowMs < CLOCK_MS_MIN)
    return { check: 'clock', verdict: 'fail', detail: `${shown} is in the past; set the clock` };
  const newest = newestChangeMs(dataDir);
  if (newest > nowMs + CLOCK_BACK_MS_MAX) {
    const ahead = new Date(newest).toISOString();
    return { check: 'clock', verdict: 'warn', detail: `${shown}, but data were written at ${ahead}; check NTP` };
  }
  return { check: 'clock', verdict: 'ok', detail: shown };
}

function newestChangeMs(folder: string): number {
  if (!existsSync(folder)) return 0;
  const commit = join(folder, 'commit');
  const files = existsSync(commit) ? readdirSync(commit).map((name) => join(commit, name)) : [];
  return Math.max(0, ...[folder, ...files].map((path) => statSync(path).mtimeMs));
}

/** Space and fsync, where the data are or will be. */
export function diskFindings(dataDir: string): readonly Finding[] {
  const folder = nearestFolder(dataDir);
  const findings: Finding[] = [];
  try {
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const few = free < FREE_BYTES_MIN;
    findings.push({
      check: 'disk',
      verdict: few ? 'warn' : 'ok',
      detail: `${bytesText(free)} free at ${folder}${few ? '; free some, or shorten the retention' : ''}`,
    });
    findings.push(fsyncFinding(medianFsyncMs(folder)));
  } catch (error) {
    findings.push({ check: 'disk', verdict: 'fail', detail: `writing to ${folder}: ${messageOf(error)}` });
  }
  return findings;
}

export function fsyncFinding(ms: number): Finding {
  const shown = `${ms.toFixed(2)} ms`;
  if (ms < FSYNC_MS_DOUBTFUL)
    return {
      check: 'fsync',
      verdict: 'warn',
      detail: `${shown}: too fast for a disk that flushes; what is lost at a power cut?`,
    };
  if (ms > FSYNC_MS_GOOD)
    return { check: 'fsync', verdict: 'warn', detail: `${shown}; no acknowledgement is faster: use a faster disk` };
  return { check: 'fsync', verdict: 'ok', detail: `${shown}; no acknowledgement is faster than that` };
}

function nearestFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function medianFsyncMs(folder: string): number {
  const file = join(folder, `.headrace-doctor-${process.pid}`);
  const block = Buffer.alloc(4096, 1);
  try {
    const fd = openSync(file, 'w');
    try {
      const times: number[] = [];
      for (let i = 0; i < FSYNC_ROUNDS; i++) {
        writeSync(fd, block);
        const started = performance.now();
        fsyncSync(fd);
        times.push(performance.now() - started);
      }
      return times.sort((a, b) => a - b)[FSYNC_ROUNDS / 2]!;
    } finally {
      closeSync(fd);
    }
  } finally {
    rmSync(file, { force: true });
  }
}

/** Whether somebody owns the data directory now. */
export async function dataDirFinding(dataDir: string): Promise<Finding> {
  if (!existsSync(dataDir))
    return { check: 'data', verdict: 'ok', detail: `${dataDir} will be made at the first start` };
  try {
    const lock = await DataDirLock.take(dataDir);
    await lock.release();
    return { check: 'data', verdict: 'ok', detail: `${dataDir} is free` };
  } catch (error) {
    return { check: 'data', verdict: 'warn', detail: messageOf(error) };
  }
}

/** Whether the door could listen; `ours` when what listens there is the process that was asked. */
export async function portFinding(host: string, port: number, ours: boolean): Promise<Finding> {
  const shown = `${host}:${port}`;
  const code = await listenError(host, port);
  if (code === undefined) return { check: 'port', verdict: 'ok', detail: `${shown} is free` };
  if (code === 'EADDRINUSE' && ours) return { check: 'port', verdict: 'ok', detail: `${shown} is this server's` };
  const owner = code === 'EADDRINUSE' ? portOwner(port) : undefined;
  const who = owner === undefined ? `${shown}: ${code}` : `${shown} is used by process ${owner.pid} (${owner.command})`;
  return { check: 'port', verdict: 'warn', detail: `${who}; choose another with --http-port or --http-host` };
}

function listenError(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}
