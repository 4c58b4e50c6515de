import { crc32c } from '../base/crc32c.ts';
import type { Append } from '../log/log.ts';
import { encodeRecordBatch, type LogRecord } from '../log/record-batch.ts';
import type { OutputChecksum } from './journal.ts';
import { OUTPUT_BATCH_BYTES_MAX, OUTPUT_BATCH_RECORDS_MAX } from './limits.ts';

/** Collects what an epoch writes to one topic, and frames it. All of one epoch carries the epoch's clock reading. */
export class RecordSink {
  readonly topic: string;
  #records: LogRecord[] = [];
  #bytes = 0;
  #batches: Append[] = [];
  #total = { records: 0, bytes: 0, crc: 0 };

  constructor(topic: string) {
    this.topic = topic;
  }

  write(record: Omit<LogRecord, 'timestamp'>, clockMs: number): void {
    this.#records.push({ ...record, timestamp: clockMs });
    this.#bytes += (record.value?.length ?? 0) + (record.key?.length ?? 0);
    if (this.#records.length >= OUTPUT_BATCH_RECORDS_MAX || this.#bytes >= OUTPUT_BATCH_BYTES_MAX) this.#frame();
  }

  #frame(): void {
    if (this.#records.length === 0) return;
    const { batch, records, maxTimestamp } = encodeRecordBatch(this.#records);
    this.#total = {
      records: this.#total.records + records,
      bytes: this.#total.bytes + batch.length,
      crc: crc32c(batch, 17, 21, this.#total.crc),
    };
    this.#batches.push({ topic: this.topic, partition: 0, batch, records, maxTimestamp });
    this.#records = [];
    this.#bytes = 0;
  }

  /** Ends the epoch: what is to be appended, and its checksum; undefined when nothing was written. */
  take(): { readonly appends: readonly Append[]; readonly checksum: OutputChecksum } | undefined {
    this.#frame();
    if (this.#batches.length === 0) return undefined;
    const taken = { appends: this.#batches, checksum: { topic: this.topic, ...this.#total } };
    this.#batches = [];
    this.#total = { records: 0, bytes: 0, crc: 0 };
    return taken;
  }
}
