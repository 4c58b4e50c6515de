import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writevSync,
} from 'node:fs';
import { sep } from 'node:path';
import { derivation } from './derivation.ts';
import {
  type DerivedResult,
  DiskFailure,
  type DiskOperation,
  type DiskTask,
  failureKind,
  type PlainOperation,
  type RunResult,
} from './disk.ts';
import { fileReader } from './file-reader.ts';

/** Buffers of one writev (IOV_MAX is 1024 on Linux). */
const VECTOR_BUFFERS_MAX = 512;

/** Carries out disk operations with blocking calls: lives in the I/O thread. Keeps the files it writes open. */
export class FileExecutor {
  readonly #openFilesMax: number;
  /** In order of last use. */
  readonly #files = new Map<string, number>();
  readonly #monotonicMs: () => number;
  readonly #rest: (workedMs: number) => void;

  /** @param rest called after each step of a task, with the time that it took */
  constructor(openFilesMax: number, monotonicMs: () => number, rest: (workedMs: number) => void = () => {}) {
    this.#openFilesMax = openFilesMax;
    this.#monotonicMs = monotonicMs;
    this.#rest = rest;
  }

  /** @throws DiskFailure at the first operation that fails */
  run(operations: readonly DiskOperation[]): RunResult {
    let syncMs = 0;
    let derived: DerivedResult | undefined;
    for (const operation of operations) {
      if (operation.kind === 'derive') {
        const result = this.#derive(operation.task);
        syncMs += result.syncMs;
        derived = result.derived;
        continue;
      }
      const isSync = operation.kind === 'sync' || operation.kind === 'sync-directory';
      const began = isSync ? this.#monotonicMs() : 0;
      try {
        this.#execute(operation);
      } catch (error) {
        if (error instanceof DiskFailure) throw error;
        const code = systemCode(error);
        throw new DiskFailure(failureKind(operation.kind, code), code, describe(operation));
      }
      if (isSync) syncMs += this.#monotonicMs() - began;
    }
    return { syncMs, derived };
  }

  #derive(task: DiskTask): RunResult {
    const steps = derivation(fileReader, task);
    let syncMs = 0;
    try {
      for (;;) {
        const began = this.#monotonicMs();
        const step = steps.next();
        if (step.done === true) return { syncMs, derived: step.value };
        syncMs += this.run(step.value).syncMs;
        this.#rest(this.#monotonicMs() - began);
      }
    } finally {
      // What it reads is closed, also after a failure.
      steps.return(undefined);
    }
  }

  #execute(operation: PlainOperation): void {
    switch (operation.kind) {
      case 'write':
        writeFully(this.#file(operation.path), operation.buffers, operation.position);
        return;
      case 'set-length':
        ftruncateSync(this.#file(operation.path), operation.length);
        return;
      case 'sync':
        this.#sync(operation.path);
        return;
      case 'sync-directory':
        syncDirectory(operation.path);
        return;
      case 'make-directory':
        mkdirSync(operation.path, { recursive: true });
        return;
      case 'rename':
        this.#forget(operation.from);
        this.#forget(operation.to);
        renameSync(operation.from, operation.to);
        return;
      case 'remove':
        this.#forget(operation.path);
        rmSync(operation.path, { recursive: true, force: true });
        return;
      case 'release':
        this.#forget(operation.path);
        return;
    }
  }

  /** The system keeps an error of writing back for the next to open the file: one that was closed can be synced too. */
  #sync(path: string): void {
    if (this.#files.has(path)) {
      fdatasyncSync(this.#file(path));
      return;
    }
    const file = openExisting(path);
    if (file === undefined) return;
    try {
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  #file(path: string): number {
    let file = this.#files.get(path);
    if (file !== undefined) {
      this.#files.delete(path);
    } else {
      file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o640);
      if (this.#files.size >= this.#openFilesMax) this.#closeOldest();
    }
    this.#files.set(path, file);
    return file;
  }

  /** Closing loses no fsync error: every file that needs a sync is synced in the batch that wrote it or before a checkpoint. */
  #closeOldest(): void {
    const oldest = this.#files.keys().next();
    if (oldest.done !== true) this.#close(oldest.value);
  }

  #close(path: string): void {
    const file = this.#files.get(path);
    if (file !== undefined) closeSync(file);
    this.#files.delete(path);
  }

  #forget(path: string): void {
    const inside = path + sep;
    for (const open of [...this.#files.keys()]) if (open === path || open.startsWith(inside)) this.#close(open);
  }

  close(): void {
    for (const path of [...this.#files.keys()]) this.#close(path);
  }
}

/** A write may be short; the rest follows until it is all there or the system refuses. */
function writeFully(file: number, buffers: readonly Uint8Array[], position: number): void {
  let at = position;
  let index = 0;
  let skip = 0;
  while (index < buffers.length) {
    const vector = buffers.slice(index, index + VECTOR_BUFFERS_MAX);
    if (skip > 0) vector[0] = vector[0]!.subarray(skip);
    let written = writevSync(file, vector, at);
    if (written === 0 && vector.some((buffer) => buffer.length > 0))
      throw Object.assign(new Error('write'), { code: 'EIO' });
    at += written;
    written += skip;
    while (index < buffers.length && written >= buffers[index]!.length) written -= buffers[index++]!.length;
    skip = written;
  }
}

function syncDirectory(path: string): void {
  // Windows cannot open directories; NTFS journals its names.
  if (process.platform === 'win32') return;
  const directory = openExisting(path);
  if (directory === undefined) return;
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function openExisting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error);
}

function describe(operation: PlainOperation): string {
  return operation.kind === 'rename' ? `rename ${operation.from}` : `${operation.kind} ${operation.path}`;
}
