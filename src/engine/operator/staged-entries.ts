import { ByteWriter } from '../../base/bytes.ts';
import { SNAPSHOT_ENTRIES_BYTES } from '../limits.ts';
import type { StagedSnapshot } from './operator.ts';

/** Something that JavaScript keeps, and that a snapshot hands out in its turn. */
export interface StagedEntry {
  /** The last snapshot that has written it, or that began before it came. */
  seenBy: number;
}

export interface EntryStages<Entry> {
  /** All entries, in their order; read on while they come and go. */
  readonly entries: Iterator<Entry>;
  readonly write: (writer: ByteWriter, entry: Entry) => void;
  /** What stands in front of the number of entries: in the first part, and in those behind it. */
  readonly head: (writer: ByteWriter, isFirst: boolean) => void;
}

/**
 * Lets a snapshot be written in parts while the entries change: what is to change, or to go, before its turn is serialised as it is.
 * Whoever keeps the entries tells before each.
 */
export class StagedEntries<Entry extends StagedEntry> {
  #number = 0;
  #write: EntryStages<Entry>['write'] | undefined;
  /** What an entry was that has changed since, until its turn; and what has gone. */
  readonly #images = new Map<Entry, Uint8Array>();
  #gone: Uint8Array[] = [];

  /** `seenBy` of an entry that comes now. */
  get number(): number {
    return this.#number;
  }

  /** To be called before an entry changes. */
  changing(entry: Entry): void {
    if (this.#write === undefined || entry.seenBy === this.#number) return;
    this.#images.set(entry, this.#imageOf(entry));
    entry.seenBy = this.#number;
  }

  /** To be called before an entry is taken out; it may have changed already. */
  going(entry: Entry): void {
    if (this.#write === undefined) return;
    this.changing(entry);
    const image = this.#images.get(entry);
    if (image === undefined) return;
    this.#images.delete(entry);
    this.#gone.push(image);
  }

  #imageOf(entry: Entry): Uint8Array {
    const writer = new ByteWriter(new Uint8Array(256));
    this.#write!(writer, entry);
    return writer.written().slice();
  }

  /** One at a time. Each part is `head`, the number of its entries, and these. */
  begin({ entries, write, head }: EntryStages<Entry>): StagedSnapshot {
    this.#number++;
    this.#write = write;
    const scratch = new ByteWriter(new Uint8Array(SNAPSHOT_ENTRIES_BYTES));
    let isFirst = true;
    return {
      next: (writer) => {
        scratch.clear();
        const count = this.#take(entries, scratch);
        if (count === 0 && !isFirst) return false;
        head(writer, isFirst);
        isFirst = false;
        writer.varint(count);
        writer.raw(scratch.written());
        return true;
      },
      end: () => {
        this.#write = undefined;
        this.#images.clear();
        this.#gone = [];
      },
    };
  }

  #take(entries: Iterator<Entry>, target: ByteWriter): number {
    let count = 0;
    for (; target.length < SNAPSHOT_ENTRIES_BYTES && this.#gone.length > 0; count++) target.raw(this.#gone.pop()!);
    while (target.length < SNAPSHOT_ENTRIES_BYTES) {
      const next = entries.next();
      if (next.done === true) return count;
      const entry = next.value;
      const image = this.#images.get(entry);
      if (image !== undefined) {
        this.#images.delete(entry);
        target.raw(image);
        count++;
      } else if (entry.seenBy !== this.#number) {
        entry.seenBy = this.#number;
        this.#write!(target, entry);
        count++;
      }
    }
    return count;
  }
}
