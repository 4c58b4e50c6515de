import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { SNAPSHOT_PART_BYTES } from '../../limits.ts';
import type { StagedSnapshot } from '../operator.ts';
import type { JoinSide } from './join-side.ts';

/** The rows of both sides in parts, those of the left first. `head` writes what the operator itself keeps: each part begins with it. */
export function stageSides(sides: readonly JoinSide[], head: (writer: ByteWriter) => void): StagedSnapshot {
  const snapshots = sides.map((side) => side.store.beginSnapshot());
  let input = 0;
  return {
    next: (writer) => {
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

/** Reads one part; or several that were written one after the other. */
export function restoreSides(sides: readonly JoinSide[], reader: ByteReader, head: () => void): void {
  while (reader.remaining > 0) {
    head();
    sides[reader.u8()]!.store.restore(reader);
  }
}
