import { HeadraceError } from '../base/error.ts';
import { LOG_LIMITS } from './limits.ts';
import type { PartitionReader } from './log.ts';

/** Where readers of one thread read to: it grows when a batch does not fit. */
export class ReadBuffer {
  #bytes: Uint8Array;

  /** @param bytes to begin with */
  constructor(bytes: number) {
    this.#bytes = new Uint8Array(bytes);
  }

  /**
   * The next whole batches of a partition, as many as fit; empty when nothing new is visible. They stand until the next call.
   * @throws HeadraceError what {@link PartitionReader.readInto} throws
   */
  read(reader: PartitionReader): Uint8Array {
    for (;;) {
      try {
        return this.#bytes.subarray(0, reader.readInto(this.#bytes));
      } catch (error) {
        if (!isBatchTooLarge(error) || this.#bytes.length >= LOG_LIMITS.batchBytesMax) throw error;
        this.#bytes = new Uint8Array(Math.min(this.#bytes.length * 4, LOG_LIMITS.batchBytesMax));
      }
    }
  }
}

/** Whether a read failed for no other reason than that the next batch does not fit. */
export function isBatchTooLarge(error: unknown): boolean {
  return error instanceof HeadraceError && error.code === 'LOG_BATCH_TOO_LARGE';
}
