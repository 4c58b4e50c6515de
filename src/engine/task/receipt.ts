import { BATCH_HEADER_BYTES, batchSizeAt, maxTimestampAt, recordCountAt } from '../../log/batch-header.ts';

/** When records of an epoch were received: the millisecond, and how many. */
export interface Receipt {
  readonly atMs: number;
  readonly records: number;
}

/** Distinct milliseconds that one epoch tells; what comes beyond is counted with the last of them. */
export const RECEIPTS_MAX = 256;

/**
 * Counts what an epoch reads by the time of its receipt: the record timestamp that ingest wrote, taken from the batch
 * headers, so that it costs nothing per record.
 */
export class ReceiptTally {
  #records = new Map<number, number>();
  #last = 0;

  clear(): void {
    this.#records = new Map();
  }

  /** Whole record batches, as the log gives them. */
  add(bytes: Uint8Array): void {
    for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; at += batchSizeAt(bytes, at)) {
      const received = maxTimestampAt(bytes, at);
      const known = this.#records.has(received) || this.#records.size < RECEIPTS_MAX;
      if (known) this.#last = received;
      this.#records.set(this.#last, (this.#records.get(this.#last) ?? 0) + recordCountAt(bytes, at));
    }
  }

  entries(): readonly Receipt[] {
    return Array.from(this.#records, ([atMs, records]) => ({ atMs, records }));
  }
}
