import { offset, timestampMs } from '../base/brand.ts';
import { ByteReader, ByteWriter, textOf, utf8 } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { HeadraceError } from '../base/error.ts';
import { TABLE_CHECKPOINT_BLOCK_CHARS } from './limits.ts';
import { positionFrames, type TopicPosition } from './topic-position.ts';
import { TopicRecord } from './topic-record.ts';

/**
 * The rows of a table in a file, so that a start need not read the whole output topic. Little-endian:
 *
 * ```
 * u32 magic "HRTC"   u8 format
 * u32 length, u32 crc32c, header: JSON of CheckpointHeader
 * per block: u32 length > 0, u32 crc32c, payload
 * u32 0, u32 crc32c of the number of rows as u64, that u64
 *
 * payload: varint rows; per row varint partition, offset, timestamp, key length + 1 (0: no key), value length;
 *          then keys and values as one UTF-8 text; lengths are in UTF-16 units of it
 * ```
 */
const MAGIC = 0x43_54_52_48;
export const CHECKPOINT_FORMAT = 1;
const FRAME_BYTES = 8;

/** The last record that was applied of a partition: what tells that the topic is still the same. */
export interface AppliedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly crc: number;
}

export interface CheckpointHeader {
  readonly topic: string;
  /** First offset of each partition that the rows do not reflect. */
  readonly position: TopicPosition;
  /** By partition; null where nothing was applied. */
  readonly last: readonly (AppliedRecord | null)[];
  /** Of the log's partitions: with the same ones, a last record that is gone was compacted away. */
  readonly ids?: readonly number[];
  readonly rows: number;
  /** Receipt of the newest record applied. */
  readonly newest: number;
}

export function appliedRecord(record: Pick<TopicRecord, 'offset' | 'timestamp' | 'key' | 'text'>): AppliedRecord {
  const content = utf8(JSON.stringify([record.key, record.text]));
  return { offset: record.offset, timestamp: record.timestamp, crc: crc32c(content) };
}

/** The file's content in pieces, so that whoever writes them can give the event loop back in between. */
export function* encodeTableCheckpoint(
  header: CheckpointHeader,
  records: readonly TopicRecord[],
): Generator<Uint8Array> {
  const start = new ByteWriter();
  start.u32(MAGIC);
  start.u8(CHECKPOINT_FORMAT);
  yield start.written().slice();
  yield framed(utf8(JSON.stringify(header)));
  let block: TopicRecord[] = [];
  let chars = 0;
  for (const record of records) {
    block.push(record);
    chars += (record.key?.length ?? 0) + (record.text?.length ?? 0);
    if (chars < TABLE_CHECKPOINT_BLOCK_CHARS) continue;
    yield framed(encodeBlock(block));
    block = [];
    chars = 0;
  }
  if (block.length > 0) yield framed(encodeBlock(block));
  const count = new ByteWriter();
  count.u64(records.length);
  const end = new ByteWriter();
  end.u32(0);
  end.u32(crc32c(count.written()));
  end.raw(count.written());
  yield end.written().slice();
}

function framed(payload: Uint8Array): Uint8Array {
  const frame = new ByteWriter(new Uint8Array(payload.length + FRAME_BYTES));
  frame.u32(payload.length);
  frame.u32(crc32c(payload));
  frame.raw(payload);
  return frame.written();
}

function encodeBlock(records: readonly TopicRecord[]): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(TABLE_CHECKPOINT_BLOCK_CHARS));
  const texts: string[] = [];
  writer.varint(records.length);
  for (const { partition, offset: at, timestamp, key, text } of records) {
    writer.varint(partition);
    writer.varint(at);
    writer.varint(Math.max(0, timestamp));
    writer.varint(key === null ? 0 : key.length + 1);
    writer.varint(text?.length ?? 0);
    if (key !== null) texts.push(key);
    if (text !== null) texts.push(text);
  }
  writer.raw(utf8(texts.join('')));
  return writer.written();
}

/** Bytes of a checkpoint, in order. */
export interface CheckpointBytes {
  /** The next `count` bytes; fewer at the end. */
  read(count: number): Uint8Array;
  close(): void;
}

/** Reads a checkpoint block by block. */
export class TableCheckpointReader {
  readonly header: CheckpointHeader;
  readonly #bytes: CheckpointBytes;
  readonly #frames: ReturnType<typeof positionFrames>;
  #rows = 0;

  /** @throws HeadraceError `SERVING_CHECKPOINT_INVALID` when it is damaged, or of another format */
  constructor(bytes: CheckpointBytes) {
    this.#bytes = bytes;
    const start = new ByteReader(this.#exactly(5));
    if (start.u32() !== MAGIC) throw invalid('it is not a checkpoint of a table');
    const format = start.u8();
    if (format !== CHECKPOINT_FORMAT) throw invalid(`its format is ${format}, and ${CHECKPOINT_FORMAT} is known here`);
    const header = this.#frame();
    if (header === undefined) throw invalid('it has no header');
    this.header = JSON.parse(textOf(header)) as CheckpointHeader;
    this.#frames = positionFrames(this.header.position, 'upsert');
  }

  /** The next rows; undefined at the end. @throws HeadraceError `SERVING_CHECKPOINT_INVALID` */
  next(): readonly TopicRecord[] | undefined {
    const payload = this.#frame();
    if (payload === undefined) {
      this.#checkEnd();
      return undefined;
    }
    const records = this.#decode(new ByteReader(payload));
    this.#rows += records.length;
    return records;
  }

  close(): void {
    this.#bytes.close();
  }

  #decode(reader: ByteReader): TopicRecord[] {
    const count = reader.unsigned();
    const numbers = new Float64Array(5 * count);
    for (let at = 0; at < numbers.length; at++) numbers[at] = reader.unsigned();
    // One decoded text that all rows share: their keys and values are slices of it.
    const bytes = reader.raw(reader.remaining);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    const records: TopicRecord[] = [];
    let from = 0;
    const take = (length: number): string => {
      from += length;
      return text.slice(from - length, from);
    };
    for (let at = 0; at < numbers.length; at += 5) {
      const partition = numbers[at]!;
      const keyLength = numbers[at + 3]!;
      const key = keyLength === 0 ? null : take(keyLength - 1);
      const value = take(numbers[at + 4]!);
      const frame = this.#frames[partition]!;
      const time = timestampMs(numbers[at + 2]!);
      records.push(new TopicRecord(partition, offset(numbers[at + 1]!), time, key, value, frame));
    }
    return records;
  }

  #frame(): Uint8Array | undefined {
    const head = new ByteReader(this.#exactly(FRAME_BYTES));
    const length = head.u32();
    const crc = head.u32();
    const payload = this.#exactly(length === 0 ? FRAME_BYTES : length);
    if (crc32c(payload) !== crc) throw invalid('a checksum does not match');
    if (length > 0) return payload;
    if (new ByteReader(payload).u64() !== this.#rows) throw invalid('rows are missing');
    return undefined;
  }

  #checkEnd(): void {
    if (this.#rows !== this.header.rows) throw invalid('rows are missing');
  }

  #exactly(count: number): Uint8Array {
    const bytes = this.#bytes.read(count);
    if (bytes.length < count) throw invalid('it ends too early');
    return bytes;
  }
}

function invalid(why: string): HeadraceError {
  return new HeadraceError(`reading the checkpoint of a table: ${why}`, {
    code: 'SERVING_CHECKPOINT_INVALID',
    domain: 'serving',
    next: 'nothing needs to be done: the table is read from its topic instead',
  });
}
