import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { groupingKey } from '../../../plan/value/value-order.ts';
import { byKeyGroup } from '../key-group.ts';
import { readValue, writeValue } from '../state-value.ts';
import type { Accumulator } from './accumulator.ts';

/** State of one group of an aggregate. */
export interface Group {
  readonly key: string;
  readonly values: readonly unknown[];
  readonly accumulators: readonly Accumulator[];
  /** Rows in the group, by weight: the group is gone at zero. */
  rows: number;
  /** Listed among the changed groups of the epoch. */
  changed: boolean;
  /** What was emitted last: undefined when nothing stands. */
  emitted: readonly unknown[] | undefined;
}

/**
 * The groups of an aggregate by window end (0n when not windowed) and key, in the order of their first row: the order of
 * results, so it survives snapshots.
 */
export class GroupTable {
  readonly #types: readonly DataType[];
  readonly #resultTypes: readonly DataType[];
  readonly #makeAccumulators: () => readonly Accumulator[];
  readonly #windows = new Map<bigint, Map<string, Group>>();
  #size = 0;
  #keyBytes = 0;

  constructor(
    types: readonly DataType[],
    resultTypes: readonly DataType[],
    makeAccumulators: () => readonly Accumulator[],
  ) {
    this.#types = types;
    this.#resultTypes = resultTypes;
    this.#makeAccumulators = makeAccumulators;
  }

  get size(): number {
    return this.#size;
  }

  /** About: the key, its values, and a fixed share per accumulator. */
  get bytes(): number {
    return this.#keyBytes * 2 + this.#size * (96 + 64 * this.#resultTypes.length);
  }

  get(windowEnd: bigint, values: readonly unknown[]): Group {
    let window = this.#windows.get(windowEnd);
    if (window === undefined) {
      window = new Map();
      this.#windows.set(windowEnd, window);
    }
    let key = '';
    for (let i = 0; i < values.length; i++) key += `${groupingKey(values[i], this.#types[i]!)}\u0000`;
    let group = window.get(key);
    if (group === undefined) {
      const accumulators = this.#makeAccumulators();
      group = { key, values, accumulators, rows: 0, changed: false, emitted: undefined };
      window.set(key, group);
      this.#size++;
      this.#keyBytes += key.length;
    }
    return group;
  }

  remove(windowEnd: bigint, group: Group): void {
    if (this.#windows.get(windowEnd)?.delete(group.key) !== true) return;
    this.#size--;
    this.#keyBytes -= group.key.length;
  }

  /** The earliest window end; undefined when there is none. */
  nextEnd(): bigint | undefined {
    let least: bigint | undefined;
    for (const end of this.#windows.keys()) if (least === undefined || end < least) least = end;
    return least;
  }

  /** Takes out the windows that end at or before `watermark`, earliest first. */
  close(watermark: bigint): readonly Group[] {
    const ends = [...this.#windows.keys()].filter((end) => end <= watermark);
    ends.sort((a, b) => (a < b ? -1 : 1));
    const closed: Group[] = [];
    for (const end of ends) {
      for (const group of this.#windows.get(end)!.values()) {
        closed.push(group);
        this.#keyBytes -= group.key.length;
      }
      this.#windows.delete(end);
    }
    this.#size -= closed.length;
    return closed;
  }

  snapshot(writer: ByteWriter): void {
    const all = [...this.#windows].flatMap(([end, groups]) => [...groups.values()].map((group) => ({ end, group })));
    const shards = byKeyGroup(all, ({ group }) => group.key);
    writer.varint(shards.size);
    for (const [shard, members] of shards) {
      writer.varint(shard);
      writer.varint(members.length);
      for (const { at, entry } of members) {
        writer.varint(at);
        writer.i64(entry.end);
        this.#writeGroup(writer, entry.group);
      }
    }
  }

  #writeGroup(writer: ByteWriter, group: Group): void {
    writer.varint(group.rows);
    for (let i = 0; i < group.values.length; i++) writeValue(writer, group.values[i], this.#types[i]!);
    for (const accumulator of group.accumulators) accumulator.snapshot(writer);
    writer.u8(group.emitted === undefined ? 0 : 1);
    if (group.emitted === undefined) return;
    for (let i = 0; i < this.#resultTypes.length; i++) writeValue(writer, group.emitted[i], this.#resultTypes[i]!);
  }

  restore(reader: ByteReader): void {
    const found: { at: number; end: bigint; values: unknown[]; rows: number; restored: Group }[] = [];
    let shards = reader.unsigned();
    while (shards-- > 0) {
      reader.unsigned();
      let members = reader.unsigned();
      while (members-- > 0) {
        const at = reader.unsigned();
        const end = reader.i64();
        const rows = reader.unsigned();
        const values = this.#types.map((type) => readValue(reader, type));
        const accumulators = this.#makeAccumulators();
        for (const accumulator of accumulators) accumulator.restore(reader);
        const emitted = reader.u8() === 0 ? undefined : this.#resultTypes.map((type) => readValue(reader, type));
        found.push({
          at,
          end,
          values,
          rows,
          restored: { key: '', values, accumulators, rows, changed: false, emitted },
        });
      }
    }
    found.sort((a, b) => a.at - b.at);
    for (const { end, restored } of found) this.#insert(end, restored);
  }

  #insert(end: bigint, restored: Group): void {
    const group = this.get(end, restored.values);
    const window = this.#windows.get(end)!;
    window.set(group.key, { ...restored, key: group.key });
  }

  clear(): void {
    this.#windows.clear();
    this.#size = 0;
    this.#keyBytes = 0;
  }
}
