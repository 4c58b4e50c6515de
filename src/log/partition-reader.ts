import { join } from 'node:path';
import { type Offset, offset } from '../base/brand.ts';
import { crc32c } from '../base/crc32c.ts';
import { HeadraceError } from '../base/error.ts';
import {
  BATCH_CRC_START,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  baseOffsetAt,
  batchSizeAt,
  crcAt,
  lastOffsetDeltaAt,
  magicAt,
} from './batch-header.ts';
import type { DiskReader, ReadHandle } from './disk.ts';
import { partitionDirectory, type SegmentFile, segmentFile, segmentName } from './file-layout.ts';
import { fileReader } from './file-reader.ts';
import type { LogView, PartitionReader } from './log.ts';
import { readFailed } from './log-error.ts';
import type { IndexEntry } from './segment-index.ts';
import { scanSegment } from './segment-scan.ts';
import { scanStart } from './segment-seek.ts';
import { type SlotBounds, slotMissing, VisibilityVector } from './visibility-vector.ts';

export interface PartitionReaderOptions {
  /** Where the files are; the machine's by default. */
  readonly disk?: DiskReader;
  /** Checks the CRC of every batch that is read (about 1 GB/s); off by default, since decoders check it. */
  readonly verifyChecksums?: boolean;
}

/**
 * Opens a reader of one partition in any thread.
 * @param view of {@link Log.view}, perhaps sent by postMessage
 * @throws HeadraceError `LOG_UNKNOWN_TOPIC` when the view does not have the partition
 */
export function openPartitionReader(
  view: LogView,
  topic: string,
  partition: number,
  from: Offset,
  options: PartitionReaderOptions = {},
): PartitionReader {
  const entry = view.partitions.find((p) => p.topic === topic && p.partition === partition);
  if (entry === undefined) throw slotMissing(topic, partition);
  return new SegmentedReader(view, entry, from, options);
}

/** Compaction may take a file between the listing and the opening, but not often in a row. */
const LISTINGS_MAX = 3;

const isSame = (a: SegmentFile | undefined, b: SegmentFile | undefined): boolean =>
  a?.base === b?.base && a?.version === b?.version;

class SegmentedReader implements PartitionReader {
  readonly topic: string;
  readonly partition: number;
  readonly #directory: string;
  readonly #disk: DiskReader;
  readonly #verify: boolean;
  readonly #vector: VisibilityVector;
  readonly #slot: number;
  readonly #bounds: SlotBounds = { highWatermark: 0, logStart: 0, activeBase: -1, activeLength: 0 };
  #position: number;
  #handle: ReadHandle | undefined;
  /** What is open; undefined before the first read. */
  #file: SegmentFile | undefined;
  #filePosition = 0;
  /** Base offset of the batch at the file position; the position itself but after a seek into a batch. */
  #nextBase = -1;
  /** Segments that there were when the directory was listed, ascending. */
  #files: readonly SegmentFile[] = [];

  constructor(view: LogView, entry: LogView['partitions'][number], from: Offset, options: PartitionReaderOptions) {
    this.topic = entry.topic;
    this.partition = entry.partition;
    this.#directory = partitionDirectory(view.dataDir, entry.topic, entry.partition);
    this.#disk = options.disk ?? fileReader;
    this.#verify = options.verifyChecksums ?? false;
    this.#vector = new VisibilityVector(view.vector);
    this.#slot = entry.slot;
    this.#position = from;
  }

  get position(): Offset {
    return offset(this.#position);
  }

  seek(position: Offset): void {
    this.close();
    this.#position = position;
  }

  highWatermark(): Offset {
    return offset(this.#currentBounds().highWatermark);
  }

  close(): void {
    this.#handle?.close();
    this.#handle = undefined;
    this.#file = undefined;
  }

  #currentBounds(): SlotBounds {
    if (!this.#vector.read(this.#slot, this.#bounds)) throw slotMissing(this.topic, this.partition);
    return this.#bounds;
  }

  readInto(target: Uint8Array): number {
    const bounds = this.#currentBounds();
    if (this.#position < bounds.logStart) throw this.#outOfRange(bounds);
    if (this.#position >= bounds.highWatermark) return 0;
    try {
      return this.#readAt(target, bounds);
    } catch (error) {
      // Retention, or a delete of the topic, may have taken the files since the bounds were read.
      const now = this.#currentBounds();
      if (this.#position < now.logStart) throw this.#outOfRange(now);
      if (error instanceof HeadraceError) throw error;
      throw readFailed(`reading ${this.topic}/${this.partition} at offset ${this.#position}`, error);
    }
  }

  #readAt(target: Uint8Array, bounds: SlotBounds): number {
    if (this.#handle === undefined && !this.#locate(bounds)) throw this.#corrupt('its segment is missing');
    const bytes = this.#readSegment(target, bounds);
    if (bytes > 0) return bytes;
    this.#openFollowing(bounds);
    const following = this.#readSegment(target, bounds);
    if (following === 0) throw this.#corrupt('the segment ends before it');
    return following;
  }

  /** The segment is at its end: the next one is named by the position, if compaction has not made it part of another. */
  #openFollowing(bounds: SlotBounds): void {
    const base = this.#position;
    if (this.#file?.base === base) throw this.#corrupt('there is no batch of that offset');
    if (this.#openSegment({ base, version: 0 })) return;
    const before = this.#file;
    if (!this.#locate(bounds) || isSame(this.#file, before)) throw this.#corrupt('there is no batch of that offset');
  }

  /** Bytes of whole visible batches put at the head of `target`; 0 at the end of the segment. */
  #readSegment(target: Uint8Array, bounds: SlotBounds): number {
    const handle = this.#handle!;
    const limit = this.#isActive(bounds) ? bounds.activeLength - this.#filePosition : target.length;
    const count = handle.read(target, 0, Math.min(target.length, limit), this.#filePosition);
    let at = 0;
    while (count - at >= BATCH_HEADER_BYTES && this.#position < bounds.highWatermark) {
      const size = batchSizeAt(target, at);
      if (!this.#isNextBatch(target, at, size, bounds.highWatermark)) {
        if (at > 0 || !this.#isActive(bounds)) break;
        throw this.#corrupt('the bytes there are not that batch');
      }
      if (size > count - at) {
        if (at === 0) this.#doesNotFit(target.length, size, bounds);
        break;
      }
      if (this.#verify && crc32c(target, at + BATCH_CRC_START, at + size) !== crcAt(target, at)) {
        if (at > 0) break;
        throw this.#corrupt('the CRC of the batch does not match');
      }
      this.#position = baseOffsetAt(target, at) + lastOffsetDeltaAt(target, at) + 1;
      this.#nextBase = this.#position;
      at += size;
    }
    this.#filePosition += at;
    if (at === 0 && count < BATCH_HEADER_BYTES && target.length < BATCH_HEADER_BYTES)
      this.#doesNotFit(target.length, BATCH_HEADER_BYTES, bounds);
    return at;
  }

  /** The base offset is not under the CRC: it must follow from what came before. */
  #isNextBatch(bytes: Uint8Array, at: number, size: number, highWatermark: number): boolean {
    const base = baseOffsetAt(bytes, at);
    const end = base + lastOffsetDeltaAt(bytes, at) + 1;
    return (
      magicAt(bytes, at) === BATCH_MAGIC &&
      size >= BATCH_HEADER_BYTES &&
      base === this.#nextBase &&
      end > this.#position &&
      end <= highWatermark
    );
  }

  #doesNotFit(available: number, size: number, bounds: SlotBounds): void {
    const length = this.#isActive(bounds) ? bounds.activeLength : this.#handle!.size();
    // A damaged length must not make anybody allocate it.
    if (size <= available || this.#filePosition + size > length)
      throw this.#corrupt('the file ends in the middle of the batch');
    throw new HeadraceError(
      `reading ${this.topic}/${this.partition} at offset ${this.#position}: the batch has ${size} bytes, the buffer ${available}`,
      {
        code: 'LOG_BATCH_TOO_LARGE',
        domain: 'log',
        next: `read into a buffer of ${size} bytes`,
      },
    );
  }

  /** The active segment is never compacted. */
  #isActive(bounds: SlotBounds): boolean {
    return this.#file?.base === bounds.activeBase && this.#file.version === 0;
  }

  /** Opens the segment that holds the position and finds the batch in it; false when there is no such segment. */
  #locate(bounds: SlotBounds): boolean {
    for (let tries = 0; tries < LISTINGS_MAX; tries++) {
      if (this.#openHolding(bounds, tries > 0) && this.#findBatch(bounds)) return true;
    }
    // What is there is damaged: reading it tells how.
    return this.#handle !== undefined;
  }

  /** By the index, then by a scan of one step. */
  #findBatch(bounds: SlotBounds): boolean {
    const handle = this.#handle!;
    const file = this.#file!;
    const length = this.#isActive(bounds) ? bounds.activeLength : handle.size();
    const isBefore = (entry: IndexEntry): boolean => entry.offset <= this.#position;
    const from = scanStart(this.#disk, this.#directory, handle, file, length, isBefore);
    if (from > 0) this.#nextBase = -1;
    for (const place of scanSegment(handle, from, length)) {
      if (this.#nextBase >= 0 && place.baseOffset !== this.#nextBase) return false;
      this.#filePosition = place.position;
      this.#nextBase = place.baseOffset;
      if (place.end > this.#position) return true;
      this.#filePosition = place.position + place.size;
      this.#nextBase = place.end;
    }
    return false;
  }

  /** The directory is listed once; again only when it must have changed since. */
  #openHolding({ activeBase }: SlotBounds, anew: boolean): boolean {
    const holdsIt = activeBase >= 0 && activeBase <= this.#position;
    if (holdsIt && this.#openSegment({ base: activeBase, version: 0 })) return true;
    const known = this.#files[this.#files.length - 1];
    const isKnown = !anew && known !== undefined && known.base > this.#position;
    if (isKnown && this.#openSegment(this.#fileHolding())) return true;
    const files = this.#disk.list(this.#directory).flatMap((name) => segmentFile(name, '.log') ?? []);
    this.#files = files.sort((a, b) => a.base - b.base || a.version - b.version);
    return this.#openSegment(this.#fileHolding());
  }

  /**
   * The last known file that does not begin after the position. A file that compaction has replaced, and that is still
   * there, holds the same batches or more.
   */
  #fileHolding(): SegmentFile | undefined {
    let low = 0;
    let high = this.#files.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#files[middle]!.base <= this.#position) low = middle + 1;
      else high = middle;
    }
    return this.#files[low - 1];
  }

  #openSegment(file: SegmentFile | undefined): boolean {
    if (file === undefined) return false;
    const handle = this.#disk.open(join(this.#directory, segmentName(file)));
    if (handle === undefined) return false;
    this.close();
    this.#handle = handle;
    this.#file = file;
    this.#nextBase = file.base;
    this.#filePosition = 0;
    return true;
  }

  #outOfRange(bounds: SlotBounds): HeadraceError {
    return new HeadraceError(
      `reading ${this.topic}/${this.partition} at offset ${this.#position}: retention has deleted it`,
      { code: 'LOG_OFFSET_OUT_OF_RANGE', domain: 'log', next: `the first offset left is ${bounds.logStart}` },
    );
  }

  #corrupt(why: string): HeadraceError {
    const path = this.#file === undefined ? this.#directory : join(this.#directory, segmentName(this.#file));
    const where = `${path}, byte ${this.#filePosition}`;
    return new HeadraceError(`reading ${this.topic}/${this.partition} at offset ${this.#position} (${where}): ${why}`, {
      code: 'LOG_CORRUPT',
      domain: 'log',
      next: 'restore the file from a copy, or go on at a later offset and lose what lies between',
    });
  }
}
