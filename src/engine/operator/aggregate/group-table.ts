import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { DataType } from '../../../plan/data-type.ts';
import { groupingKey } from '../../../plan/value/value-order.ts';
import { KEY_GROUPS } from '../../limits.ts';
import type { StagedSnapshot } from '../operator.ts';
import { StagedEntries, type StagedEntry } from '../staged-entries.ts';
import { readValue, writeValue } from '../state-value.ts';
import type { Accumulator } from './accumulator.ts';

/** Instead of a number of key groups: the groups follow in their order. */
const IN_ORDER = KEY_GROUPS + 1;

/** State of one group of an aggregate. */
export interface Group extends StagedEntry {
  readonly key: string;
  /** Of its window; 0n when there are none. */
  readonly end: bigint;
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
  readonly #staged = new StagedEntries<Group>();
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

  /** The group, made when it is new; it may be changed. */
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
      const seenBy = this.#staged.number;
      group = { key, end: windowEnd, values, accumulators, rows: 0, changed: false, emitted: undefined, seenBy };
      window.set(key, group);
      this.#size++;
      this.#keyBytes += key.length;
    } else this.#staged.changing(group);
    return group;
  }

  remove(windowEnd: bigint, group: Group): void {
    const window = this.#windows.get(windowEnd);
    if (window?.has(group.key) !== true) return;
    this.#staged.going(group);
    window.delete(group.key);
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
        this.#staged.going(group);
        closed.push(group);
        this.#keyBytes -= group.key.length;
      }
      this.#windows.delete(end);
    }
    this.#size -= closed.length;
    return closed;
  }

  /** Begins a snapshot of the groups as they are now; `head` is written before each part of them. */
  stage(head: (writer: ByteWriter, isFirst: boolean) => void): StagedSnapshot {
    return this.#staged.begin({
      entries: this.#groups(),
      write: (writer, group) => {
        writer.i64(group.end);
        this.#writeGroup(writer, group);
      },
      head: (writer, isFirst) => {
        head(writer, isFirst);
        writer.varint(IN_ORDER);
      },
    });
  }

  *#groups(): Generator<Group> {
    for (const window of this.#windows.values()) yield* window.values();
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
    const shards = reader.unsigned();
    if (shards === IN_ORDER) {
      for (let groups = reader.unsigned(); groups > 0; groups--) this.#insert(this.#readGroup(reader));
      return;
    }
    // The format before: by key group, each with its place in the order.
    const found: { readonly at: number; readonly group: Omit<Group, 'key' | 'seenBy'> }[] = [];
    for (let shard = 0; shard < shards; shard++) {
      reader.unsigned();
      for (let members = reader.unsigned(); members > 0; members--) {
        found.push({ at: reader.unsigned(), group: this.#readGroup(reader) });
      }
    }
    found.sort((a, b) => a.at - b.at);
    for (const { group } of found) this.#insert(group);
  }

  #readGroup(reader: ByteReader): Omit<Group, 'key' | 'seenBy'> {
    const end = reader.i64();
    const rows = reader.unsigned();
    const values = this.#types.map((type) => readValue(reader, type));
    const accumulators = this.#makeAccumulators();
    for (const accumulator of accumulators) accumulator.restore(reader);
    const emitted = reader.u8() === 0 ? undefined : this.#resultTypes.map((type) => readValue(reader, type));
    return { end, values, accumulators, rows, changed: false, emitted };
  }

  #insert(restored: Omit<Group, 'key' | 'seenBy'>): void {
    const { key, seenBy } = this.get(restored.end, restored.values);
    this.#windows.get(restored.end)!.set(key, { ...restored, key, seenBy });
  }

  clear(): void {
    this.#windows.clear();
    this.#size = 0;
    this.#keyBytes = 0;
  }
}
