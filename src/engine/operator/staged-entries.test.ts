import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { SNAPSHOT_ENTRIES_BYTES } from '../limits.ts';
import { StagedEntries, type StagedEntry } from './staged-entries.ts';

interface Counter extends StagedEntry {
  readonly key: number;
  value: number;
}

/** So large that few fit into a part. */
const PADDING = new Uint8Array(SNAPSHOT_ENTRIES_BYTES / 3);

class Counters {
  readonly staged = new StagedEntries<Counter>();
  readonly all = new Map<number, Counter>();

  set(key: number, value: number): void {
    const known = this.all.get(key);
    if (known === undefined) this.all.set(key, { key, value, seenBy: this.staged.number });
    else {
      this.staged.changing(known);
      known.value = value;
    }
  }

  delete(key: number): void {
    const known = this.all.get(key);
    if (known === undefined) return;
    this.staged.going(known);
    this.all.delete(key);
  }

  begin() {
    return this.staged.begin({
      entries: this.all.values(),
      write: (writer, { key, value }) => {
        writer.varint(key);
        writer.varint(value);
        writer.raw(PADDING);
      },
      head: (writer, isFirst) => writer.u8(isFirst ? 1 : 0),
    });
  }
}

function entriesOf(part: Uint8Array): [number, number][] {
  const reader = new ByteReader(part);
  reader.u8();
  return Array.from({ length: reader.unsigned() }, () => {
    const entry: [number, number] = [reader.unsigned(), reader.unsigned()];
    reader.raw(PADDING.length);
    return entry;
  });
}

const change = fc.record({ key: fc.nat(12), value: fc.option(fc.nat(99)) });

describe('entries that are staged', () => {
  it('are handed out as they were when the snapshot began, each once, whatever becomes of them meanwhile', () => {
    const changes = fc.array(change, { maxLength: 20 });
    fc.assert(
      fc.property(changes, fc.array(changes, { maxLength: 6 }), fc.boolean(), (before, during, completes) => {
        const counters = new Counters();
        const apply = (list: typeof before): void => {
          for (const { key, value } of list) value === null ? counters.delete(key) : counters.set(key, value);
        };
        apply(before);
        // Twice: what one that was given up has left behind must not show in the next.
        for (const isLast of [false, true]) {
          const expected = [...counters.all.values()].map(({ key, value }) => [key, value]);
          const staged = counters.begin();
          const found: [number, number][] = [];
          const writer = new ByteWriter();
          const left = [...during];
          for (let more = true; more; ) {
            apply(left.shift() ?? []);
            if (!completes && !isLast && left.length === 0) break;
            writer.clear();
            more = staged.next(writer);
            if (more) found.push(...entriesOf(writer.written()));
          }
          staged.end();
          if (completes || isLast)
            expect(found.sort(([a], [b]) => a - b)).toEqual(expected.sort(([a], [b]) => a! - b!));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('keep their order when none of them goes', () => {
    const counters = new Counters();
    for (let key = 20; key > 0; key--) counters.set(key, key);
    const staged = counters.begin();
    const keys: number[] = [];
    const writer = new ByteWriter();
    for (let more = true; more; ) {
      counters.set(keys.length + 1, 7);
      writer.clear();
      more = staged.next(writer);
      if (more) keys.push(...entriesOf(writer.written()).map(([key]) => key));
    }
    staged.end();
    expect(keys).toEqual(Array.from({ length: 20 }, (_, i) => 20 - i));
  });
});
