import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, bytesEqual, utf8 } from '../../base/bytes.ts';
import { HeadraceError, messageOf } from '../../base/error.ts';
import type { ReadHandle } from '../../log/disk.ts';
import type { SnapshotPointer } from './journal.ts';
import { AsyncFileDisk, type SnapshotDisk } from './snapshot-disk.ts';

const DIRECTORY = 'snapshots';
const SUFFIX = '.snapshot';
const MAGIC = utf8('HRSNAP03');
/** Length and CRC-32 of a section, before its bytes; Node computes this one fastest. */
const SECTION_HEADER_BYTES = 8;
/** Synced this often while it is written, so that a commit never waits behind much of a snapshot. */
const SYNC_BYTES = 2 * 1024 * 1024;

export interface WrittenSnapshot {
  readonly file: string;
  readonly bytes: number;
  /** CRC-32 over the headers of the sections. */
  readonly crc: number;
}

/** One snapshot on its way to the disk. */
export interface SnapshotWriter {
  /** Takes the bytes over. */
  append(section: Uint8Array): Promise<void>;
  /** Durable when it resolves; before, nobody can see it. */
  finish(): Promise<WrittenSnapshot>;
  /** Removes what was written; never throws. */
  abandon(): Promise<void>;
}

/** Where snapshots are kept: in sections, as they were appended. */
export interface SnapshotStore {
  create(pipeline: string, epoch: number): SnapshotWriter;
  /** The sections, one at a time. @throws HeadraceError `ENGINE_SNAPSHOT_INVALID` when it is missing or damaged */
  read(pipeline: string, pointer: SnapshotPointer): Generator<Uint8Array>;
  /** Removes all but the one named; never throws: what is left over is removed the next time. */
  keepOnly(pipeline: string, file: string | undefined): Promise<void>;
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
    read: (pipeline, pointer) => sectionsOf(disk, join(directoryOf(pipeline), pointer.file), pipeline, pointer),
    async keepOnly(pipeline, file) {
      const directory = directoryOf(pipeline);
      // A file that is being written is younger than the one to be kept.
      const old = disk.reader.list(directory).filter((name) => file === undefined || name < file);
      await disk.run(old.map((name) => ({ kind: 'remove', path: join(directory, name) }))).catch(() => {});
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

  async append(section: Uint8Array): Promise<void> {
    await this.#begin();
    const writer = new ByteWriter(new Uint8Array(SECTION_HEADER_BYTES));
    writer.u32(section.length);
    writer.u32(crc32(section));
    const header = writer.written();
    this.#crc = crc32(header, this.#crc);
    const position = this.#position;
    this.#position += SECTION_HEADER_BYTES + section.length;
    const buffers = [header, section];
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

function* sectionsOf(
  disk: SnapshotDisk,
  path: string,
  pipeline: string,
  pointer: SnapshotPointer,
): Generator<Uint8Array> {
  const damaged = (why: string, cause?: unknown): HeadraceError => damagedSnapshot(pipeline, pointer, why, cause);
  let handle: ReadHandle | undefined;
  try {
    handle = disk.reader.open(path);
  } catch (cause) {
    throw damaged(messageOf(cause), cause);
  }
  if (handle === undefined) throw damaged('its file is missing');
  const bytesAt = (position: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    try {
      return bytes.subarray(0, handle.read(bytes, 0, length, position));
    } catch (cause) {
      throw damaged(messageOf(cause), cause);
    }
  };
  try {
    if (handle.size() !== pointer.bytes) throw damaged(`it has ${handle.size()} bytes, not ${pointer.bytes}`);
    if (!bytesEqual(bytesAt(0, MAGIC.length), MAGIC)) throw damaged('it is in another format');
    let crc = 0;
    for (let at = MAGIC.length; at < pointer.bytes; ) {
      const headerBytes = bytesAt(at, SECTION_HEADER_BYTES);
      crc = crc32(headerBytes, crc);
      const header = new ByteReader(headerBytes);
      const length = header.u32();
      const expected = header.u32();
      at += SECTION_HEADER_BYTES;
      if (at + length > pointer.bytes) throw damaged('a section ends beyond it');
      const section = bytesAt(at, length);
      if (crc32(section) !== expected) throw damaged('the checksum of a section does not match');
      at += length;
      yield section;
    }
    if (crc !== pointer.crc) throw damaged('its checksum does not match');
  } finally {
    handle.close();
  }
}

function damagedSnapshot(pipeline: string, pointer: SnapshotPointer, why: string, cause: unknown): HeadraceError {
  return new HeadraceError(`reading snapshot ${pointer.epoch} of pipeline "${pipeline}": ${why}`, {
    code: 'ENGINE_SNAPSHOT_INVALID',
    domain: 'engine',
    cause,
    next: 'restore the snapshots directory from a copy, or rebuild the pipeline from its inputs',
  });
}
