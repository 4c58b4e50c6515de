import { BATCH_BLOCK_BYTES, BATCH_BLOCKS_KEPT } from './limits.ts';

/** V8 copies into shared memory byte by byte where source and target are not both aligned to words; the kernel's arena is. */
const ALIGNMENT_BYTES = 16;

interface Block {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  used: number;
  /** Batches in it that are not yet released. */
  held: number;
}

/**
 * Memory for record batches on their way to the disk: shared with the I/O thread, so that none is copied or cloned to get
 * there, and used again when they are durable, so that none is garbage.
 */
export class BatchMemory {
  readonly #free: Block[] = [];
  readonly #held = new Map<ArrayBufferLike, Block>();
  #current: Block | undefined;

  /** Room for one batch; to be released when the log has answered. */
  take(bytes: number): Uint8Array {
    if (bytes > BATCH_BLOCK_BYTES) return new Uint8Array(new SharedArrayBuffer(bytes));
    let block = this.#current;
    if (block === undefined || block.used + bytes > BATCH_BLOCK_BYTES) {
      block = this.#free.pop() ?? { bytes: new Uint8Array(new SharedArrayBuffer(BATCH_BLOCK_BYTES)), used: 0, held: 0 };
      this.#held.set(block.bytes.buffer, block);
      this.#current = block;
    }
    const batch = block.bytes.subarray(block.used, block.used + bytes);
    block.used += (bytes + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
    block.held++;
    return batch;
  }

  /** Each batch that {@link take} gave, once. */
  release(batch: Uint8Array): void {
    const block = this.#held.get(batch.buffer);
    if (block === undefined || --block.held > 0) return;
    block.used = 0;
    if (block === this.#current) return;
    this.#held.delete(batch.buffer);
    if (this.#free.length < BATCH_BLOCKS_KEPT) this.#free.push(block);
  }
}
