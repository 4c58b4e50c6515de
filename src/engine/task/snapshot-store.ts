import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, bytesEqual, utf8 } from '../../base/bytes.ts';
import { HeadraceError, messageOf } from '../../base/error.ts';
import type { ReadHandle } from '../../log/disk.ts';
import type { SnapshotFile, SnapshotPointer } from './journal.ts';
import { filesOf } from './snapshot-chain.ts';
import { AsyncFileDisk, type SnapshotDisk } from './snapshot-disk.ts';

const DIRECTORY = 'snapshots';
const SUFFIX = '.snapshot';
const MAGIC = utf8('HRSNAP04');
/** Length and CRC-32 of a section (begun with whose it is), and whose it is, before its bytes; Node computes this checksum fastest. */
const SECTION_HEADER_BYTES = 12;
/** The format before: sections said themselves, in front of their bytes, whose they were. */
const OLD_MAGIC = utf8('HRSNAP03');
const OLD_SECTION_HEADER_BYTES = 8;
/** Instead of an operator: the section is the task's own. */
const TASK = 0xffff_ffff;
/** Synced this often while it is written, so that a commit never waits behind much of a snapshot. */
const SYNC_BYTES = 2 * 1024 * 1024;

export interface WrittenSnapshot {
  readonly file: string;
  readonly bytes: number;
  /** CRC-32 over the headers of the sections. */
  readonly crc: number;
}

export interface SnapshotSection {
  /** Place in the pipeline of the operator whose it is; undefined for what the task itself keeps. */
  readonly operator: number | undefined;
  readonly bytes: Uint8Array;
}

/** One file of a snapshot on its way to the disk. */
export interface SnapshotWriter {
  /** Takes the bytes over. */
  append(section: SnapshotSection): Promise<void>;
  /** Durable when it resolves; before, nobody can see it. */
  finish(): Promise<WrittenSnapshot>;
  /** Removes what was written; never throws. */
  abandon(): Promise<void>;
}

/** Where snapshots are kept: in files of sections, as they were appended. */
export interface SnapshotStore {
  create(pipeline: string, epoch: number): SnapshotWriter;
  /**
   * The sections that count, one at a time, the bytes of each valid until the next is asked for: that of the task, then those of operators in the order in which they were written.
   * @throws HeadraceError `ENGINE_SNAPSHOT_INVALID` when a file is missing or damaged
   */
  read(pipeline: string, pointer: SnapshotPointer): Generator<SnapshotSection>;
  /** Removes all files but those of this snapshot and of the one before; never throws: what is left over is removed the next time. */
  keepOnly(pipeline: string, pointer: SnapshotPointer): Promise<void>;
  /** Removes all files of a version, in all its tasks; never throws. */
  forget(pipeline: string): Promise<void>;
}

/** Files of the machine, below the data directory. */
export function fileSnapshots(dataDir: string): SnapshotStore {
  return diskSnapshots(new AsyncFileDisk(), dataDir);
}

/** Files `<dataDir>/snapshots/<pipeline>/<epoch>.snapshot`: written aside, synced, renamed, and the directory synced. */
export function diskSnapshots(disk: SnapshotDisk, dataDir: string): SnapshotStore {
  const directoryOf = (pipeline: string): string => join(dataDir, DIRECTORY, encodeURIComponent(pipeline));
  return {
    create: (pipeline, epoch) => new DiskSnapshotWriter(disk, directoryOf(pipeline), epoch),
    read: (pipeline, pointer) => readSnapshot(disk, directoryOf(pipeline), pipeline, pointer),
    async keepOnly(pipeline, pointer) {
      const directory = directoryOf(pipeline);
      const before = pointer.former?.snapshot;
      const kept = new Set([pointer, ...(before ? [before] : [])].flatMap(filesOf).map(({ file }) => file));
      // A file that is being written is younger than those to be kept.
      const isOld = (name: string): boolean => name < pointer.file && !kept.has(name);
      const old = disk.reader.list(directory).filter(isOld);
      await disk.run(old.map((name) => ({ kind: 'remove', path: join(directory, name) }))).catch(() => {});
    },
    async forget(pipeline) {
      const all = join(dataDir, DIRECTORY);
      const [own, ofTasks] = [encodeURIComponent(pipeline), encodeURIComponent(`${pipeline}/`)];
      const gone = disk.reader.list(all).filter((name) => name === own || name.startsWith(ofTasks));
      await disk.run(gone.map((name) => ({ kind: 'remove', path: join(all, name) }))).catch(() => {});
    },
  };
}

class DiskSnapshotWriter implements SnapshotWriter {
  readonly #disk: SnapshotDisk;
  readonly #directory: string;
  readonly #file: string;
  readonly #part: string;
  #position = 0;
  #syncedTo = 0;
  #crc = 0;

  constructor(disk: SnapshotDisk, directory: string, epoch: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#file = `${String(epoch).padStart(16, '0')}${SUFFIX}`;
    this.#part = join(directory, `${this.#file}.part`);
  }

  async #begin(): Promise<void> {
    if (this.#position > 0) return;
    const buffers = [MAGIC.slice()];
    await this.#disk.run([
      { kind: 'make-directory', path: this.#directory },
      { kind: 'remove', path: this.#part },
      { kind: 'write', path: this.#part, position: 0, buffers },
    ]);
    this.#position = MAGIC.length;
  }

  async append({ operator, bytes }: SnapshotSection): Promise<void> {
    await this.#begin();
    const writer = new ByteWriter(new Uint8Array(SECTION_HEADER_BYTES));
    writer.u32(bytes.length);
    writer.u32(crc32(bytes, operator ?? TASK));
    writer.u32(operator ?? TASK);
    const header = writer.written();
    this.#crc = crc32(header, this.#crc);
    const position = this.#position;
    this.#position += SECTION_HEADER_BYTES + bytes.length;
    const buffers = [header, bytes];
    await this.#disk.run([{ kind: 'write', path: this.#part, position, buffers }]);
    if (this.#position - this.#syncedTo < SYNC_BYTES) return;
    this.#syncedTo = this.#position;
    await this.#disk.run([{ kind: 'sync', path: this.#part }]);
  }

  async finish(): Promise<WrittenSnapshot> {
    await this.#begin();
    await this.#disk.run([
      { kind: 'sync', path: this.#part },
      { kind: 'rename', from: this.#part, to: join(this.#directory, this.#file) },
      { kind: 'sync-directory', path: this.#directory },
      { kind: 'sync-directory', path: dirname(this.#directory) },
      { kind: 'sync-directory', path: dirname(dirname(this.#directory)) },
    ]);
    return { file: this.#file, bytes: this.#position, crc: this.#crc };
  }

  async abandon(): Promise<void> {
    await this.#disk.run([{ kind: 'remove', path: this.#part }]).catch(() => {});
  }
}

function* readSnapshot(
  disk: SnapshotDisk,
  directory: string,
  pipeline: string,
  pointer: SnapshotPointer,
): Generator<SnapshotSection> {
  const damaged = (why: string, cause?: unknown): HeadraceError => damagedSnapshot(pipeline, pointer, why, cause);
  const files = filesOf(pointer);
  const newest = sectionsOf(disk, directory, files.at(-1)!, damaged);
  try {
    // What the task itself keeps comes first, and is that of the newest.
    const first = newest.next();
    if (first.done !== true) yield first.value;
    for (const file of files.slice(0, -1)) {
      for (const section of sectionsOf(disk, directory, file, damaged))
        if (section.operator !== undefined) yield section;
    }
    yield* newest;
  } finally {
    newest.return(undefined);
  }
}

/** The sections of one file that count, and that of the task. */
function* sectionsOf(
  disk: SnapshotDisk,
  directory: string,
  { file, bytes: size, crc: expectedCrc, shares }: SnapshotFile,
  damaged: (why: string, cause?: unknown) => HeadraceError,
): Generator<SnapshotSection> {
  let handle: ReadHandle | undefined;
  try {
    handle = disk.reader.open(join(directory, file));
  } catch (cause) {
    throw damaged(messageOf(cause), cause);
  }
  if (handle === undefined) throw damaged(`its file ${file} is missing`);
  // One for all sections: memory that the process has not touched yet costs as much as reading into it.
  let room = Buffer.alloc(0);
  const bytesAt = (position: number, length: number): Uint8Array => {
    if (room.length < length) room = Buffer.allocUnsafeSlow(Math.max(length, room.length * 2));
    try {
      return room.subarray(0, handle.read(room, 0, length, position));
    } catch (cause) {
      throw damaged(messageOf(cause), cause);
    }
  };
  try {
    if (handle.size() !== size) throw damaged(`${file} has ${handle.size()} bytes, not ${size}`);
    const magic = bytesAt(0, MAGIC.length);
    const isOld = bytesEqual(magic, OLD_MAGIC);
    if (!isOld && !bytesEqual(magic, MAGIC)) throw damaged(`${file} is in another format`);
    const headerBytes = isOld ? OLD_SECTION_HEADER_BYTES : SECTION_HEADER_BYTES;
    const counts = shares && new Set(shares.map(({ operator }) => operator));
    let crc = 0;
    let index = 0;
    for (let at = MAGIC.length; at < size; index++) {
      if (at + headerBytes > size) throw damaged(`${file} ends within a section`);
      const raw = bytesAt(at, headerBytes);
      crc = crc32(raw, crc);
      const header = new ByteReader(raw);
      const length = header.u32();
      const expected = header.u32();
      at += headerBytes;
      if (at + length > size) throw damaged(`a section of ${file} ends beyond it`);
      const operator = isOld ? undefined : header.u32();
      at += length;
      if (operator !== undefined && operator !== TASK && counts?.has(operator) === false) continue;
      const bytes = bytesAt(at - length, length);
      if (crc32(bytes, operator ?? 0) !== expected)
        throw damaged(`the checksum of a section of ${file} does not match`);
      yield isOld ? oldSection(bytes, index) : { operator: operator === TASK ? undefined : operator, bytes };
    }
    if (crc !== expectedCrc) throw damaged(`the checksum of ${file} does not match`);
  } finally {
    handle.close();
  }
}

function oldSection(bytes: Uint8Array, index: number): SnapshotSection {
  if (index === 0) return { operator: undefined, bytes };
  const reader = new ByteReader(bytes);
  const operator = reader.unsigned();
  return { operator, bytes: bytes.subarray(bytes.length - reader.remaining) };
}

function damagedSnapshot(pipeline: string, pointer: SnapshotPointer, why: string, cause: unknown): HeadraceError {
  return new HeadraceError(`reading snapshot ${pointer.epoch} of pipeline "${pipeline}": ${why}`, {
    code: 'ENGINE_SNAPSHOT_INVALID',
    domain: 'engine',
    cause,
    next: 'restore the snapshots directory from a copy, or rebuild the pipeline from its inputs',
  });
}
