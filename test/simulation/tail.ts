import { offset } from '../../src/base/brand.ts';
import { textOf } from '../../src/base/bytes.ts';
import { isInternalTopic } from '../../src/log/internal-topic.ts';
import type { Log } from '../../src/log/log.ts';
import { decodeRecordBatches } from '../../src/log/record-batch.ts';

export interface SeenRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
}

const BUFFER_BYTES = 256 * 1024;
const buffer = new Uint8Array(BUFFER_BYTES);

/**
 * Subscribers of every topic, who outlive the process: each record is seen once, in order, without a gap, and what was
 * seen once stays what it was.
 */
export class Tail {
  /** By topic and partition, in the order of the offsets, which begin at 0. */
  readonly #seen = new Map<string, SeenRecord[]>();

  /** Keeps retention from what was not seen yet. */
  pin(log: Log): void {
    this.#each(log, (topic, partition, seen) => log.pin('tail', topic, partition, offset(seen.length)));
  }

  /** Sees what is new. @throws HeadraceError what reading throws */
  read(log: Log): void {
    this.#each(log, (topic, partition, seen) => {
      const { highWatermark } = log.bounds(topic, partition);
      if (highWatermark < seen.length) {
        throw new Error(`${topic}/${partition} ends at ${highWatermark}, and ${seen.length} records were seen of it`);
      }
      if (highWatermark > seen.length) readFrom(log, topic, partition, seen.length, (record) => seen.push(record));
    });
    this.pin(log);
  }

  /** Looks again at all that was seen and is still there. */
  verify(log: Log): void {
    this.read(log);
    this.#each(log, (topic, partition, seen) => {
      readFrom(log, topic, partition, log.bounds(topic, partition).logStart, (record) => {
        const before = seen[record.offset];
        if (before?.key === record.key && before.value === record.value) return;
        throw new Error(
          `${topic}/${partition} offset ${record.offset} was ${JSON.stringify(before)}, and is ${JSON.stringify(record)}`,
        );
      });
    });
  }

  #each(log: Log, visit: (topic: string, partition: number, seen: SeenRecord[]) => void): void {
    for (const { name, partitions } of log.topics()) {
      if (isInternalTopic(name)) continue;
      for (let partition = 0; partition < partitions; partition++) {
        const place = `${name}/${partition}`;
        let seen = this.#seen.get(place);
        if (seen === undefined) {
          seen = [];
          this.#seen.set(place, seen);
        }
        visit(name, partition, seen);
      }
    }
  }

  /** Everything that was ever seen of a topic, partition by partition. */
  records(topic: string): readonly SeenRecord[] {
    return [...this.#seen].flatMap(([place, seen]) => (place.startsWith(`${topic}/`) ? seen : []));
  }

  /** The rows of a topic: all of them, or the last of each key. */
  rows(topic: string, appends: boolean): Readonly<Record<string, unknown>>[] {
    const values = appends ? this.records(topic).map(({ value }) => value) : [...this.#table(topic).values()];
    return values.flatMap((value) => (value === null ? [] : [JSON.parse(value) as Record<string, unknown>]));
  }

  #table(topic: string): Map<string | null, string> {
    const rows = new Map<string | null, string>();
    for (const { key, value } of this.records(topic)) {
      if (value === null) rows.delete(key);
      else rows.set(key, value);
    }
    return rows;
  }
}

function readFrom(log: Log, topic: string, partition: number, from: number, visit: (record: SeenRecord) => void): void {
  let next = from;
  const reader = log.reader(topic, partition, offset(from));
  try {
    for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
      for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
        for (const { offset: at, key, value } of batch.entries()) {
          if (at < from) continue;
          if (at !== next++) throw new Error(`${topic}/${partition}: offset ${at} follows ${next - 2}`);
          visit({ partition, offset: at, key: key && textOf(key), value: value && textOf(value) });
        }
      }
    }
  } finally {
    reader.close();
  }
}
