import { Worker } from 'node:worker_threads';
import { workerEntry } from '../base/worker-entry.ts';
import { DiskFailure, type DiskOperation, type RunResult } from './disk.ts';
import type { IoReply, IoRequest, IoThreadData } from './io-thread.ts';

interface Waiter {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (failure: DiskFailure) => void;
}

/** One I/O thread, seen from the thread that owns the log. */
export class IoLane {
  readonly #worker: Worker;
  readonly #waiting: Waiter[] = [];
  #dead: DiskFailure | undefined;

  constructor(name: string, data: IoThreadData) {
    this.#worker = new Worker(workerEntry(import.meta.url, './io-thread'), { workerData: data, name, execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (reply: IoReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error.message));
    this.#worker.on('exit', () => this.#fail('the I/O thread has ended'));
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
    if (reply.ok) waiter?.resolve({ syncMs: reply.syncMs, derived: reply.derived });
    else waiter?.reject(new DiskFailure(reply.kind, reply.systemCode, reply.operation));
  }

  #fail(why: string): void {
    this.#dead ??= new DiskFailure('io', why, 'I/O thread');
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#dead);
  }

  /** Waits for what is running. */
  async close(): Promise<void> {
    if (this.#dead !== undefined) return;
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.ref();
    this.#worker.postMessage('close');
    await ended;
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
