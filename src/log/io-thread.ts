import { parentPort, workerData } from 'node:worker_threads';
import { type DerivedResult, DiskFailure, type DiskOperation } from './disk.ts';
import { FileExecutor } from './file-executor.ts';

/**
 * Entry of an I/O thread: blocking writes and fsyncs, one batch a message, in order. There are three: one for commits, one
 * for what no commit waits for, and one for what takes long and is not to be felt.
 */

export interface IoRequest {
  readonly operations: readonly DiskOperation[];
}

export type IoReply =
  | { readonly ok: true; readonly syncMs: number; readonly derived: DerivedResult | undefined }
  | { readonly ok: false; readonly kind: DiskFailure['kind']; readonly systemCode: string; readonly operation: string };

export interface IoThreadData {
  readonly openFilesMax: number;
  /** Closes its files after every batch, so that they can be removed by the other thread. */
  readonly closesFiles: boolean;
  /** Rests after each step of a task for as long as the step took. */
  readonly isSlow: boolean;
}

function reply(executor: FileExecutor, request: IoRequest): IoReply {
  try {
    const { syncMs, derived } = executor.run(request.operations);
    return { ok: true, syncMs, derived };
  } catch (error) {
    if (error instanceof DiskFailure) {
      return { ok: false, kind: error.kind, systemCode: error.systemCode, operation: error.operation };
    }
    return { ok: false, kind: 'io', systemCode: String(error), operation: 'run' };
  }
}

/** A rest is no longer: whoever waits for the end of the task waits for it too. */
const REST_MS_MAX = 100;

function rest(workedMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.min(workedMs, REST_MS_MAX));
}

const port = parentPort;
if (port !== null) {
  const data: IoThreadData = workerData;
  const executor = new FileExecutor(data.openFilesMax, () => performance.now(), data.isSlow ? rest : undefined);
  port.on('message', (request: IoRequest | 'close') => {
    if (request === 'close') {
      executor.close();
      port.close();
      return;
    }
    const answer = reply(executor, request);
    if (data.closesFiles) executor.close();
    port.postMessage(answer);
  });
}
