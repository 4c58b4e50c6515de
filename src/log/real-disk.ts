import { Worker } from 'node:worker_threads';
import { workerEntry } from '../base/worker-entry.ts';
import { DataDirLock } from './data-dir-lock.ts';
import { type Disk, DiskFailure, type DiskOperation, type DiskReader, type RunResult } from './disk.ts';
import { fileReader } from './file-reader.ts';
import type { IoReply, IoRequest, IoThreadData } from './io-thread.ts';

interface Waiter {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (failure: DiskFailure) => void;
}

/** The machine's disk. Changes run in one I/O thread with blocking calls: libuv's pool is shared with zlib, fs and crypto. */
export class RealDisk implements Disk {
  readonly reader: DiskReader = fileReader;
  readonly #worker: Worker;
  readonly #waiting: Waiter[] = [];
  #lock: DataDirLock | undefined;
  #dead: DiskFailure | undefined;

  constructor(options: IoThreadData) {
    this.#worker = new Worker(workerEntry(import.meta.url, './io-thread'), {
      workerData: options,
      name: 'log-io',
      execArgv: [],
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: IoReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error.message));
    this.#worker.on('exit', () => this.#fail('the I/O thread has ended'));
  }

  async lock(dataDir: string): Promise<void> {
    this.#lock = await DataDirLock.take(dataDir);
  }

  run(operations: readonly DiskOperation[]): Promise<RunResult> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const transfer = new Set<ArrayBuffer>();
    const request: IoRequest = { operations: operations.map((operation) => movable(operation, transfer)) };
    return new Promise((resolve, reject) => {
      // Throws when a buffer cannot be moved: then nothing was sent, and no answer will come.
      this.#worker.postMessage(request, [...transfer]);
      this.#waiting.push({ resolve, reject });
      if (this.#waiting.length === 1) this.#worker.ref();
    });
  }

  #settle(reply: IoReply): void {
    const waiter = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    if (reply.ok) waiter?.resolve({ syncMs: reply.syncMs });
    else waiter?.reject(new DiskFailure(reply.kind, reply.systemCode, reply.operation));
  }

  #fail(why: string): void {
    this.#dead ??= new DiskFailure('io', why, 'I/O thread');
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#dead);
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    if (this.#dead === undefined) {
      this.#worker.ref();
      this.#worker.postMessage('close');
      await ended;
    }
    await this.#lock?.release();
    this.#lock = undefined;
  }
}

/** Cloning a view clones all of its buffer: so whole buffers are transferred, shared ones shared, the rest copied first. */
function movable(operation: DiskOperation, transfer: Set<ArrayBuffer>): DiskOperation {
  if (operation.kind !== 'write') return operation;
  const buffers = operation.buffers.map((bytes) => {
    if (!(bytes.buffer instanceof ArrayBuffer)) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    const isWhole = bytes.length === bytes.buffer.byteLength && !transfer.has(bytes.buffer);
    const own = isWhole ? bytes.buffer : Uint8Array.from(bytes).buffer;
    transfer.add(own);
    return new Uint8Array(own);
  });
  return { kind: 'write', path: operation.path, position: operation.position, buffers };
}
