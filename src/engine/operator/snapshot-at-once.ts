import { ByteWriter } from '../../base/bytes.ts';
import type { Operator, StagedSnapshot } from './operator.ts';

/** What most small states fit into. */
const PART_BYTES = 64 * 1024;

/** A small state is serialised when the snapshot begins. */
export function snapshotAtOnce(operator: Operator): StagedSnapshot {
  const writer = new ByteWriter(new Uint8Array(PART_BYTES));
  operator.snapshot(writer);
  let bytes: Uint8Array | undefined = writer.written();
  return {
    next(target) {
      if (bytes === undefined || bytes.length === 0) return false;
      target.raw(bytes);
      bytes = undefined;
      return true;
    },
    end() {
      bytes = undefined;
    },
  };
}
