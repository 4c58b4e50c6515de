/** Builds the library of shim.c, and steers it in a running process. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Offsets and length of `struct control`. */
const WRITE_ERRNO = 0;
const SYNC_ERRNO = 4;
const SKIP = 8;
const TIMES = 12;
const FAILED = 16;
const CLOCK_MS = 24;
const PATH = 32;
const CONTROL_BYTES = 288;

export function shimMissing(): string | undefined {
  if (process.platform !== 'linux') return 'it needs LD_PRELOAD, which is of Linux';
  return spawnSync('gcc', ['--version']).status === 0 ? undefined : 'it needs gcc, to build the library of shim.c';
}

export interface Harm {
  readonly calls: 'write' | 'sync';
  readonly error: 'EIO' | 'ENOSPC';
  /** A part of the names of the files meant. */
  readonly path: string;
  /** Calls that still succeed before. */
  readonly skip: number;
  /** Calls that fail; all by default. */
  readonly times?: number;
}

export class Shim {
  readonly #folder: string;
  readonly #file: number;
  /** For the process that is to have it. */
  readonly env: Readonly<Record<string, string>>;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'headrace-shim-'));
    const library = join(this.#folder, 'shim.so');
    execFileSync('gcc', ['-O1', '-Wall', '-shared', '-fPIC', '-o', library, 'test/faults/shim.c', '-ldl']);
    const control = join(this.#folder, 'control');
    this.#file = openSync(control, 'w+');
    writeSync(this.#file, Buffer.alloc(CONTROL_BYTES), 0, CONTROL_BYTES, 0);
    this.env = { LD_PRELOAD: library, FAULT_CONTROL: control, UV_USE_IO_URING: '0' };
  }

  /** From the next call on. */
  begin({ calls, error, path, skip, times = -1 }: Harm): void {
    this.end();
    const name = Buffer.alloc(CONTROL_BYTES - PATH);
    name.write(path);
    writeSync(this.#file, name, 0, name.length, PATH);
    this.#set(SKIP, skip);
    this.#set(TIMES, times);
    this.#set(calls === 'write' ? WRITE_ERRNO : SYNC_ERRNO, constants.errno[error]);
  }

  end(): void {
    this.#set(WRITE_ERRNO, 0);
    this.#set(SYNC_ERRNO, 0);
  }

  /** Moves the clock of the day to so far from the true one. */
  moveClock(ms: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(ms));
    writeSync(this.#file, bytes, 0, 8, CLOCK_MS);
  }

  /** Calls that have failed so far. */
  get failed(): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#file, bytes, 0, 4, FAILED);
    return bytes.readInt32LE();
  }

  #set(at: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    writeSync(this.#file, bytes, 0, 4, at);
  }

  remove(): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs with a shim; afterwards it is gone. */
export async function withShim<T>(body: (shim: Shim) => Promise<T>): Promise<T> {
  const shim = new Shim();
  try {
    return await body(shim);
  } finally {
    shim.remove();
  }
}
