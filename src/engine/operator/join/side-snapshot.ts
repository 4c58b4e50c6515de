import { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { SNAPSHOT_PART_BYTES } from '../../limits.ts';
import type { StagedSnapshot } from '../operator.ts';
import type { JoinSide } from './join-side.ts';

/**
 * The rows of both sides in parts, those of the left first; only what has changed when that is little on both. `head` writes what the
 * operator itself keeps: each part begins with it. What `more` writes, at once, is a part of its own, with which all is written.
 */
export function stageSides(
  sides: readonly JoinSide[],
  delta: boolean,
  head: (writer: ByteWriter) => void,
  more?: (writer: ByteWriter) => void,
): StagedSnapshot {
  const isDelta = delta && more === undefined && sides.every((side) => side.store.hasFewChanges);
  const snapshots = sides.map((side) => side.store.beginSnapshot(isDelta));
  let input = 0;
  let rest = more === undefined ? undefined : writtenBy(more);
  return {
    isDelta,
    next: (writer) => {
      if (rest !== undefined) {
        head(writer);
        writer.u8(sides.length);
        writer.prefixed(rest);
        rest = undefined;
        return true;
      }
      while (input < snapshots.length && !snapshots[input]!.hasMore) input++;
      if (input === snapshots.length) return false;
      head(writer);
      writer.u8(input);
      snapshots[input]!.next(writer, SNAPSHOT_PART_BYTES);
      return true;
    },
    end: () => {
      for (const snapshot of snapshots) snapshot.end();
    },
  };
}

function writtenBy(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  return writer.written();
}

/** Reads one part; or several that were written one after the other. */
export function restoreSides(
  sides: readonly JoinSide[],
  reader: ByteReader,
  head: () => void,
  more?: (reader: ByteReader) => void,
): void {
  while (reader.remaining > 0) {
    head();
    const part = reader.u8();
    if (part < sides.length) sides[part]!.store.restore(reader);
    else more!(new ByteReader(reader.prefixed()));
  }
}
