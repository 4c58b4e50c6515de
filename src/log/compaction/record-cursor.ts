import { HeadraceError } from '../../base/error.ts';
import { VarintReader } from '../../base/varint.ts';
import { BATCH_HEADER_BYTES, baseOffsetAt, baseTimestampAt, recordCountAt } from '../batch-header.ts';

/** Goes over the records of one uncompressed batch and makes no object for any of them. */
export class RecordCursor {
  readonly bytes: Uint8Array;
  offset = 0;
  timestamp = 0;
  /** Where key, value and headers begin, the length of the key before it. */
  tail = 0;
  /** Where the record ends. */
  end: number;
  keyStart = 0;
  /** -1 for no key. */
  keyLength = -1;
  /** A record without a value deletes its key. */
  isDeletion = false;
  readonly #reader: VarintReader;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  #left: number;

  constructor(batch: Uint8Array) {
    this.bytes = batch;
    this.end = BATCH_HEADER_BYTES;
    this.#reader = new VarintReader(batch, BATCH_HEADER_BYTES);
    this.#baseOffset = baseOffsetAt(batch, 0);
    this.#baseTimestamp = baseTimestampAt(batch, 0);
    this.#left = recordCountAt(batch, 0);
  }

  /** The next record; false at the end. @throws HeadraceError `LOG_BATCH_INVALID` */
  next(): boolean {
    if (this.#left-- <= 0) return false;
    const reader = this.#reader;
    reader.position = this.end;
    const length = reader.signed();
    this.end = reader.position + length;
    if (length < 1 || this.end > this.bytes.length) throw this.#broken();
    reader.position++;
    this.timestamp = this.#baseTimestamp + reader.signed();
    this.offset = this.#baseOffset + reader.signed();
    this.tail = reader.position;
    this.keyLength = reader.signed();
    this.keyStart = reader.position;
    reader.position += Math.max(0, this.keyLength);
    this.isDeletion = reader.signed() < 0;
    if (reader.position > this.end) throw this.#broken();
    return true;
  }

  #broken(): HeadraceError {
    return new HeadraceError(`reading a record of the batch at offset ${this.#baseOffset}: its lengths do not fit`, {
      code: 'LOG_BATCH_INVALID',
      domain: 'log',
      next: 'check who wrote this batch',
    });
  }
}
