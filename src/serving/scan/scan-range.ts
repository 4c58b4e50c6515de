import type { Kernel } from '../../kernel/kernel.ts';
import { BATCH_HEADER_BYTES, batchSizeAt, maxTimestampAt } from '../../log/batch-header.ts';
import type { PartitionReader } from '../../log/log.ts';
import { isBatchTooLarge } from '../../log/read-buffer.ts';
import { SCAN_CHUNK_BYTES, SCAN_CHUNK_BYTES_MAX } from '../limits.ts';
import type { ChainScan } from './chain-scan.ts';

/** Records of one partition: a share of a scan. */
export interface ScanRange {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** Cuts what is to be read into shares of about `records`, for threads to take one after the other. */
export function cutRanges(starts: readonly number[], ends: readonly number[], records: number): readonly ScanRange[] {
  const ranges: ScanRange[] = [];
  starts.forEach((start, partition) => {
    const end = ends[partition]!;
    for (let from = start; from < end; from += records) {
      ranges.push({ partition, from, to: Math.min(end, from + records) });
    }
  });
  return ranges;
}

/** Reads ranges of a topic chunk by chunk into kernel memory, for a scan. */
export class RangeScan {
  readonly #kernel: Kernel;
  readonly #scan: ChainScan;
  #chunkBytes = SCAN_CHUNK_BYTES;
  #newestMs = 0;

  constructor(kernel: Kernel, scan: ChainScan) {
    this.#kernel = kernel;
    this.#scan = scan;
  }

  /** Receipt of the newest record read, milliseconds. */
  get newestMs(): number {
    return this.#newestMs;
  }

  /** Reads the range; asks between chunks whether to stop. */
  read(reader: PartitionReader, range: ScanRange, stopped: () => boolean): void {
    while (reader.position < range.to && !stopped()) {
      const { address, length } = this.#readChunk(reader);
      if (length === 0) return;
      this.#scan.process({ ...range, address, length });
    }
  }

  #readChunk(reader: PartitionReader): { readonly address: number; readonly length: number } {
    this.#kernel.arenaReset();
    const address = this.#kernel.arenaInput(this.#chunkBytes);
    const target = this.#kernel.u8().subarray(address, address + this.#chunkBytes);
    try {
      const length = reader.readInto(target);
      for (let at = 0; at + BATCH_HEADER_BYTES <= length; at += batchSizeAt(target, at)) {
        this.#newestMs = Math.max(this.#newestMs, maxTimestampAt(target, at));
      }
      return { address, length };
    } catch (error) {
      if (!isBatchTooLarge(error) || this.#chunkBytes >= SCAN_CHUNK_BYTES_MAX) throw error;
      this.#chunkBytes = Math.min(2 * this.#chunkBytes, SCAN_CHUNK_BYTES_MAX);
      return this.#readChunk(reader);
    }
  }
}
