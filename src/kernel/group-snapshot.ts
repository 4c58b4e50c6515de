import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { HeadraceError } from '../base/error.ts';
import { INPUT_PADDING_BYTES, type Kernel } from './kernel.ts';

/** Of groups; sessions are in the format before, which groups are read in too. */
const STATE_FORMAT = { groups: 0xa4, sessions: 0xa2 } as const;
/** Only what had changed since the snapshot before; of groups. */
const DELTA_FORMAT = 0xb4;
const OLD_STATE_FORMAT = 0xa2;
const OLD_DELTA_FORMAT = 0xb2;
/** Records are written in blocks of about so many bytes; one that is larger has a block of its own. */
const BLOCK_BYTES = 256 * 1024;

/** Functions of the kernel that write and read one kind of records. */
const FUNCTIONS = {
  groups: {
    begin: 'groupSnapshotBegin',
    next: 'groupSnapshotNext',
    needed: 'groupSnapshotNeeded',
    end: 'groupSnapshotEnd',
    take: 'groupImport',
  },
  sessions: {
    begin: 'sessionSnapshotBegin',
    next: 'sessionSnapshotNext',
    needed: 'sessionSnapshotNeeded',
    end: 'sessionSnapshotEnd',
    take: 'sessionImport',
  },
} as const;

type RecordKind = keyof typeof FUNCTIONS;

/** The groups or sessions of one moment, handed out in parts while rows go on being added; one at a time. */
export class GroupSnapshot {
  readonly #kernel: Kernel;
  readonly #table: number;
  readonly #functions: (typeof FUNCTIONS)[RecordKind];
  readonly #format: number;
  readonly isDelta: boolean;
  #complete = false;
  #open = true;

  /** `delta`: of what has changed since the last one began, if that is known and little; never of sessions. */
  constructor(kernel: Kernel, table: number, kind: RecordKind, delta: boolean) {
    this.#kernel = kernel;
    this.#table = table;
    this.#functions = FUNCTIONS[kind];
    this.isDelta = delta && kind === 'groups' && kernel.exports.groupHasFewChanges(table) !== 0;
    this.#format = this.isDelta ? DELTA_FORMAT : STATE_FORMAT[kind];
    kernel.exports[this.#functions.begin](table, this.isDelta ? 1 : 0);
  }

  /** Writes the next groups until the part has `bytesMin`; false when there were none left. */
  next(writer: ByteWriter, bytesMin: number): boolean {
    if (this.#complete) return false;
    writer.u8(this.#format);
    if (this.isDelta) writer.i64(this.#kernel.exports.groupSnapshotPassed(this.#table));
    const from = writer.length;
    let room = BLOCK_BYTES;
    while (!this.#complete && writer.length - from < bytesMin) room = this.#writeBlock(writer, room);
    writer.varint(0);
    return true;
  }

  /** Returns the room that the next block needs. */
  #writeBlock(writer: ByteWriter, room: number): number {
    const { exports } = this.#kernel;
    const target = this.#kernel.alloc(room);
    const bytes = exports[this.#functions.next](this.#table, target, room) >>> 0;
    const needed = exports[this.#functions.needed](this.#table) >>> 0;
    if (bytes > 0) writer.prefixed(this.#kernel.u8().subarray(target, target + bytes));
    this.#kernel.free(target);
    this.#complete = needed === 0;
    return Math.max(BLOCK_BYTES, needed);
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#kernel.exports[this.#functions.end](this.#table);
  }
}

/** Takes in one part of a snapshot. @throws HeadraceError `KERNEL_STATE_INVALID` */
export function readRecords(kernel: Kernel, table: number, kind: RecordKind, reader: ByteReader): void {
  const format = reader.u8();
  const isDelta = kind === 'groups' && (format === DELTA_FORMAT || format === OLD_DELTA_FORMAT);
  const isOld = kind === 'groups' && (format === OLD_STATE_FORMAT || format === OLD_DELTA_FORMAT);
  if (format !== STATE_FORMAT[kind] && !isDelta && !isOld) throw unknownFormat();
  const take = isOld ? 'groupImport02' : FUNCTIONS[kind].take;
  if (kind === 'groups') kernel.exports.groupTrack(table, 0);
  if (isDelta) kernel.exports.groupImportPassed(table, reader.i64());
  for (let length = reader.unsigned(); length > 0; length = reader.unsigned()) {
    const block = kernel.alloc(length + INPUT_PADDING_BYTES);
    kernel.u8().set(reader.raw(length), block);
    kernel.exports[take](table, block, length, isDelta ? 1 : 0);
    kernel.free(block);
  }
  if (kind === 'groups') kernel.exports.groupTrack(table, 1);
}

function unknownFormat(): HeadraceError {
  return new HeadraceError('reading the state of an aggregate: its format is not known', {
    code: 'KERNEL_STATE_INVALID',
    domain: 'kernel',
    next: 'rebuild the pipeline from its inputs',
  });
}
