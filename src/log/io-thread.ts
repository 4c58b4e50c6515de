import { parentPort, workerData } from 'node:worker_threads';
import { DiskFailure, type DiskOperation } from './disk.ts';
import { FileExecutor } from './file-executor.ts';

/**
 * Entry of an I/O thread: blocking writes and fsyncs, one batch a message, in order. There are two: one for commits, and
 * one for what no commit waits for.
 */

export interface IoRequest {
  readonly operations: readonly DiskOperation[];
}

export type IoReply =
  | { readonly ok: true; readonly syncMs: number }
  | { readonly ok: false; readonly kind: DiskFailure['kind']; readonly systemCode: string; readonly operation: string };

export interface IoThreadData {
  readonly openFilesMax: number;
  /** Closes its files after every batch, so that they can be removed by the other thread. */
  readonly closesFiles: boolean;
}

function reply(executor: FileExecutor, request: IoRequest): IoReply {
  try {
    return { ok: true, syncMs: executor.run(request.operations).syncMs };
  } catch (error) {
    if (error instanceof DiskFailure) {
      return { ok: false, kind: error.kind, systemCode: error.systemCode, operation: error.operation };
    }
    return { ok: false, kind: 'io', systemCode: String(error), operation: 'run' };
  }
}

const port = parentPort;
if (port !== null) {
  const data: IoThreadData = workerData;
  const executor = new FileExecutor(data.openFilesMax, () => performance.now());
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
