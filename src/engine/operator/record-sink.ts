import { crc32c } from '../../base/crc32c.ts';
import { partitionOf } from '../../base/murmur2.ts';
import type { Append } from '../../log/log.ts';
import { type EncodedBatch, encodeRecordBatch, type LogRecord } from '../../log/record-batch.ts';
import { OUTPUT_BATCH_BYTES_MAX, OUTPUT_BATCH_RECORDS_MAX } from '../limits.ts';
import type { OutputChecksum } from '../task/journal.ts';

/** Records of one partition that are not framed yet. */
interface Gathering {
  records: LogRecord[];
  bytes: number;
}

/**
 * Collects what an epoch writes to one topic, and frames it. All of one epoch carries the epoch's clock reading. A record goes to
 * the partition of its key, as Kafka's default partitioner has it; one without a key to that of its value, so that a replay
 * comes to the same.
 */
export class RecordSink {
  readonly topic: string;
  readonly #gathering: readonly Gathering[];
  #batches: Append[] = [];
  #total = { records: 0, bytes: 0, crc: 0 };

  constructor(topic: string, partitions = 1) {
    this.topic = topic;
    this.#gathering = Array.from({ length: partitions }, () => ({ records: [], bytes: 0 }));
  }

  write(record: Omit<LogRecord, 'timestamp'>, clockMs: number): void {
    const { key, value } = record;
    const partition = partitionOf(key ?? value ?? NOTHING, this.#gathering.length);
    const gathering = this.#gathering[partition]!;
    gathering.records.push({ ...record, timestamp: clockMs });
    gathering.bytes += (value?.length ?? 0) + (key?.length ?? 0);
    if (gathering.records.length >= OUTPUT_BATCH_RECORDS_MAX || gathering.bytes >= OUTPUT_BATCH_BYTES_MAX) {
      this.#frame(gathering, partition);
    }
  }

  get partitions(): number {
    return this.#gathering.length;
  }

  /** Takes a batch that is framed already; what was written to the partition before comes before it. */
  append(partition: number, batch: EncodedBatch): void {
    this.#frame(this.#gathering[partition]!, partition);
    this.#add(partition, batch);
  }

  #frame(gathering: Gathering, partition: number): void {
    if (gathering.records.length === 0) return;
    this.#add(partition, encodeRecordBatch(gathering.records));
    gathering.records = [];
    gathering.bytes = 0;
  }

  #add(partition: number, { batch, records, maxTimestamp }: EncodedBatch): void {
    this.#total = {
      records: this.#total.records + records,
      bytes: this.#total.bytes + batch.length,
      crc: crc32c(batch, 17, 21, this.#total.crc),
    };
    this.#batches.push({ topic: this.topic, partition, batch, records, maxTimestamp });
  }

  /** Ends the epoch: what is to be appended, and its checksum; undefined when nothing was written. */
  take(): { readonly appends: readonly Append[]; readonly checksum: OutputChecksum } | undefined {
    this.#gathering.forEach((gathering, partition) => {
      this.#frame(gathering, partition);
    });
    if (this.#batches.length === 0) return undefined;
    const taken = { appends: this.#batches, checksum: { topic: this.topic, ...this.#total } };
    this.#batches = [];
    this.#total = { records: 0, bytes: 0, crc: 0 };
    return taken;
  }
}

const NOTHING = new Uint8Array(0);
