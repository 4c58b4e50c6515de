import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import { INPUT_PADDING_BYTES, type Kernel } from './kernel.ts';

const KEY_GROUPS = 128;
/** Above 128: earlier formats began with a count of key groups. */
const STATE_FORMAT = 0xa1;

/** Writes a group table: how many groups, then those of each key group that has some. */
export function writeGroups(kernel: Kernel, table: number, groups: number, writer: ByteWriter): void {
  const { exports } = kernel;
  writer.u8(STATE_FORMAT);
  writer.varint(groups);
  const lists = [0, 1, 2].map(() => kernel.alloc(Math.max(1, groups) * 4));
  const [scratch, ordered, ranks] = lists as [number, number, number];
  const starts = exports.groupOrder(table, scratch, ordered, ranks) >>> 0;
  for (let group = 0; group < KEY_GROUPS; group++) {
    const from = kernel.u32()[(starts >>> 2) + group]!;
    const count = kernel.u32()[(starts >>> 2) + group + 1]! - from;
    if (count === 0) continue;
    const bytes = exports.groupExportBytes(table, ordered + from * 4, count) >>> 0;
    const target = kernel.alloc(bytes);
    exports.groupExport(table, ordered + from * 4, ranks + from * 4, count, target);
    writer.varint(group);
    writer.prefixed(kernel.u8().subarray(target, target + bytes));
    kernel.free(target);
  }
  writer.varint(KEY_GROUPS);
  for (const list of lists) kernel.free(list);
}

/** @throws HeadraceError `KERNEL_STATE_INVALID` */
export function readGroups(kernel: Kernel, table: number, reader: ByteReader): void {
  if (reader.u8() !== STATE_FORMAT) throw unknownFormat();
  const { exports } = kernel;
  const groups = reader.unsigned();
  const places = kernel.alloc(Math.max(1, groups) * 4);
  const blocks: number[] = [];
  while (reader.unsigned() < KEY_GROUPS) {
    const bytes = reader.prefixed();
    const block = kernel.alloc(bytes.length + INPUT_PADDING_BYTES);
    kernel.u8().set(bytes, block);
    exports.groupImportPlaces(block, bytes.length, places);
    blocks.push(block);
  }
  exports.groupImport(table, places, groups);
  for (const block of blocks) kernel.free(block);
  kernel.free(places);
}

function unknownFormat(): HeadraceError {
  return new HeadraceError('reading the state of an aggregate: its format is not known', {
    code: 'KERNEL_STATE_INVALID',
    domain: 'kernel',
    next: 'rebuild the pipeline from its inputs',
  });
}
