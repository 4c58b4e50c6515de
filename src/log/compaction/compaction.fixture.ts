import { offset } from '../../base/brand.ts';
import { textOf, utf8 } from '../../base/bytes.ts';
import { ManualClock } from '../../base/clock.ts';
import type { LogLimits } from '../limits.ts';
import type { Append, Log, TopicConfig } from '../log.ts';
import { openLog } from '../open.ts';
import { decodeRecordBatches, encodeRecordBatch } from '../record-batch.ts';
import { VirtualDisk, type VirtualDiskOptions } from '../virtual-disk.ts';

/** A log with one upsert topic of small segments, and what was ever written to it. */

export const DELETE_RETENTION_MS = 10_000;

const LIMITS: Partial<LogLimits> = {
  inlineBytesMax: 300,
  commitLogBytesMax: 4000,
  commitSpaceBytes: 1024,
  commitReserveBytes: 512,
  extendBytes: 2048,
  indexIntervalBytes: 200,
  partitionsMax: 16,
  compactionLagMs: 0,
  compactionDirtyRatio: 0,
  deleteRetentionMs: DELETE_RETENTION_MS,
};

export const TOPIC: TopicConfig = {
  name: 't',
  partitions: 1,
  kind: 'upsert',
  retentionMs: undefined,
  retentionBytes: undefined,
  segmentBytesMax: 1024,
  keyPath: undefined,
  properties: {},
};

export interface Written {
  readonly key: string | null;
  readonly value: string | null;
}

export interface Read extends Written {
  readonly offset: number;
  readonly timestamp: number;
}

export class CompactionWorld {
  readonly clock = new ManualClock(1_000_000);
  readonly warnings: string[] = [];
  readonly disk: VirtualDisk;
  /** Everything that was acknowledged, by offset. */
  readonly history: Read[] = [];
  readonly #limits: Partial<LogLimits>;
  log!: Log;

  constructor(limits: Partial<LogLimits> = {}, disk: Partial<VirtualDiskOptions> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.disk = new VirtualDisk({ random: () => 0.5, ...disk });
  }

  async open(): Promise<this> {
    this.log = await openLog({
      dataDir: '/data',
      clock: this.clock,
      disk: this.disk.session(),
      limits: this.#limits,
      random: () => 7,
      onWarning: (warning) => this.warnings.push(warning),
    });
    return this;
  }

  async create(): Promise<this> {
    await this.open();
    await this.log.createTopic(TOPIC);
    return this;
  }

  appendOf(records: readonly Written[]): Append {
    const timestamp = this.clock.now();
    const encoded = records.map(({ key, value }) => ({ key: bytesOf(key), value: bytesOf(value), timestamp }));
    return { topic: 't', partition: 0, ...encodeRecordBatch(encoded) };
  }

  async write(...records: readonly Written[]): Promise<void> {
    const timestamp = this.clock.now();
    const { baseOffsets } = await this.log.commit({ appends: [this.appendOf(records)], puts: [] });
    records.forEach((record, i) => {
      const at = baseOffsets[0]! + i;
      this.history[at] = { ...record, offset: at, timestamp };
    });
  }

  /** Writes to one key until so many segments are sealed. */
  async fill(segments: number, key = 'filler'): Promise<void> {
    const before = this.segments().length;
    for (let i = 0; this.segments().length < before + segments; i++)
      await this.write({ key, value: `${i}`.padEnd(200) });
  }

  /** Names of the segments' files. */
  segments(): readonly string[] {
    return this.disk.paths().filter((path) => path.startsWith('/data/topics/') && path.endsWith('.log'));
  }

  read(from = 0, bufferBytes = 70_000): readonly Read[] {
    const reader = this.log.reader('t', 0, offset(from));
    const target = new Uint8Array(bufferBytes);
    const records: Read[] = [];
    for (let length = reader.readInto(target); length > 0; length = reader.readInto(target)) {
      for (const batch of decodeRecordBatches(target.subarray(0, length))) {
        for (const { key, value, offset: at, timestamp } of batch.entries()) {
          if (at < from) continue;
          records.push({ key: key && textOf(key), value: value && textOf(value), offset: at, timestamp });
        }
      }
    }
    if (reader.position < this.log.bounds('t', 0).highWatermark) throw new Error(`read to ${reader.position} only`);
    reader.close();
    return records;
  }
}

const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : utf8(text));

/** What stands after these records: the last value of each key that was not deleted. */
export function standing(records: readonly Written[]): ReadonlyMap<string, string> {
  const rows = new Map<string, string>();
  for (const { key, value } of records) {
    if (key === null) continue;
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
  return rows;
}
