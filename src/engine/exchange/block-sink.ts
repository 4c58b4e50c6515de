import { crc32c } from '../../base/crc32c.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Append } from '../../log/log.ts';
import { type Checksum, encodeRecordBatch, type LogRecord } from '../../log/record-batch.ts';
import { OUTPUT_BATCH_BYTES_MAX } from '../limits.ts';
import type { OutputChecksum } from '../task/journal.ts';

/** What goes to one task. */
interface Lane {
  readonly partition: number;
  records: LogRecord[];
  bytes: number;
  batches: Append[];
}

/**
 * Collects what an epoch writes to the partitions of an exchange's topic, and frames it. The checksum is over one partition after the
 * other: in which order the blocks of different tasks became full does not show.
 */
export class BlockSink {
  readonly topic: string;
  readonly #lanes: readonly Lane[];

  readonly #checksum: Checksum | undefined;

  /** `kernel` makes checksums, several times as fast as JavaScript. */
  constructor(topic: string, partitions: readonly number[], kernel?: Kernel) {
    this.topic = topic;
    this.#checksum = kernel && ((bytes, start, end) => crcOf(kernel, bytes.subarray(start, end)));
    this.#lanes = partitions.map((partition) => ({ partition, records: [], bytes: 0, batches: [] }));
  }

  write(task: number, value: Uint8Array, clockMs: number): void {
    const lane = this.#lanes[task]!;
    lane.records.push({ key: null, value, timestamp: clockMs });
    lane.bytes += value.length;
    if (lane.bytes >= OUTPUT_BATCH_BYTES_MAX) this.#frame(lane);
  }

  #frame(lane: Lane): void {
    if (lane.records.length === 0) return;
    const { partition } = lane;
    lane.batches.push({ topic: this.topic, partition, ...encodeRecordBatch(lane.records, undefined, this.#checksum) });
    lane.records = [];
    lane.bytes = 0;
  }

  /** Ends the epoch: what is to be appended, and its checksum; undefined when nothing was written. */
  take(): { readonly appends: readonly Append[]; readonly checksum: OutputChecksum } | undefined {
    const appends: Append[] = [];
    const total = { records: 0, bytes: 0, crc: 0 };
    for (const lane of this.#lanes) {
      this.#frame(lane);
      for (const append of lane.batches) {
        total.records += append.records;
        total.bytes += append.batch.length;
        total.crc = crc32c(append.batch, 17, 21, total.crc);
        appends.push(append);
      }
      lane.batches = [];
    }
    return appends.length === 0 ? undefined : { appends, checksum: { topic: this.topic, ...total } };
  }
}

function crcOf(kernel: Kernel, bytes: Uint8Array): number {
  const position = kernel.arenaPosition();
  const crc = kernel.exports.crc32c(kernel.arenaCopy(bytes), bytes.length) >>> 0;
  kernel.arenaRewind(position);
  return crc;
}
