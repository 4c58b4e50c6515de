import { timestampMs } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import type { ColumnVector } from './column.ts';
import type { Kernel } from './kernel.ts';
import type { EncodedBatch } from './record-batch.ts';

/** How the values of a column are written as JSON; as in assembly/output.ts. */
const JSON_FORM = { boolean: 0, int: 1, long: 2, double: 3, text: 4, timestamp: 5, timestamptz: 6 } as const;
export type JsonForm = keyof typeof JSON_FORM;

const REFERENCE_BYTES = 16;
/** Of a column's description for the kernel. */
const COLUMN_BYTES = 16;
/** The length of a value that is null. */
const GONE = 0xffff_ffff;

/** The rows of a batch that are alive, and what they weigh; addresses as in column.ts. */
interface WeighedRows {
  readonly selection: number;
  readonly selected: number;
  readonly weights: number;
}

interface OutputRowsOptions {
  /** Names of the columns, in the order in which they are written. */
  readonly names: readonly string[];
  /** Positions of the columns of the key; undefined: rows have none, and only come. */
  readonly keys: readonly number[] | undefined;
}

/** How records are framed. */
interface Framing {
  readonly partitions: number;
  readonly clockMs: number;
  /** Of one batch; it may end with one record more than the bytes. */
  readonly recordsMax: number;
  readonly bytesMax: number;
}

/** Rows of one partition that are not framed yet. */
interface Gathering {
  readonly rows: Uint32Array;
  records: number;
  bytes: number;
}

/**
 * What an epoch writes to a topic, in the kernel's memory: rows as JSON objects, one net change for each key, or row after row; framed as
 * record batches when the epoch ends. Nothing is allocated per row.
 */
export class OutputRows {
  readonly #kernel: Kernel;
  readonly #table: number;
  readonly #columns: number;
  readonly #keys: number;
  readonly #keyCount: number | undefined;
  readonly #width: number;
  readonly #names: readonly number[];

  constructor(kernel: Kernel, { names, keys }: OutputRowsOptions) {
    this.#kernel = kernel;
    this.#table = kernel.exports.changesCreate() >>> 0;
    this.#width = names.length;
    this.#columns = kernel.alloc(Math.max(1, names.length) * COLUMN_BYTES);
    this.#keyCount = keys?.length;
    this.#keys = kernel.alloc(Math.max(1, keys?.length ?? 0) * 4);
    this.#names = names.map((name, at) => this.#placeName(name, at));
    kernel.u32().set(keys ?? [], this.#keys >>> 2);
  }

  #placeName(name: string, at: number): number {
    const bytes = utf8(`${at === 0 ? '{' : ','}${JSON.stringify(name)}:`);
    const address = this.#kernel.alloc(bytes.length);
    this.#kernel.u8().set(bytes, address);
    const words = this.#kernel.u32();
    words[(this.#columns + at * COLUMN_BYTES) / 4 + 1] = address;
    words[(this.#columns + at * COLUMN_BYTES) / 4 + 2] = bytes.length;
    return address;
  }

  /**
   * JSON texts of a column, in the arena: the address of a reference for each row. `other` gives those that have no form of their own; it
   * gets the number of the row.
   */
  texts(
    column: ColumnVector,
    form: JsonForm | undefined,
    { selection, selected }: WeighedRows,
    other: (column: ColumnVector, row: number) => string,
  ): number {
    const kernel = this.#kernel;
    const references = kernel.arenaAlloc(Math.max(1, selected) * REFERENCE_BYTES);
    const store = (at: number): void => {
      const row = selection === 0 ? at : kernel.u32()[selection / 4 + at]!;
      kernel.storeText(references + at * REFERENCE_BYTES, other(column, row));
    };
    if (form === undefined) {
      for (let at = 0; at < selected; at++) store(at);
      return references;
    }
    const hard = kernel.arenaAlloc(Math.max(1, selected) * 4);
    const { data, nulls } = column;
    const count = kernel.exports.jsonTexts(JSON_FORM[form], data, nulls, selection, selected, references, hard);
    for (let i = 0; i < count; i++) store(kernel.u32()[hard / 4 + i]!);
    return references;
  }

  /** Takes rows whose texts were made: of each column. Returns how many it took: without keys it stops before a row that goes. */
  add(texts: readonly number[], { selection, selected, weights }: WeighedRows): number {
    const { exports } = this.#kernel;
    const words = this.#kernel.u32();
    texts.forEach((references, at) => {
      words[(this.#columns + at * COLUMN_BYTES) / 4] = references;
    });
    const [table, columns, width] = [this.#table, this.#columns, this.#width];
    if (this.#keyCount === undefined)
      return exports.changesAppend(table, columns, width, weights, selection, selected) >>> 0;
    exports.changesAdd(table, columns, width, this.#keys, this.#keyCount, weights, selection, selected);
    return selected;
  }

  get count(): number {
    return this.#kernel.exports.changesCount(this.#table) >>> 0;
  }

  get bytes(): number {
    return Number(this.#kernel.exports.changesBytes(this.#table));
  }

  /** Ends the epoch: what was taken, as batches in the order in which they became full. */
  frame(framing: Framing, write: (batch: EncodedBatch) => void): void {
    const kernel = this.#kernel;
    const rows = this.count;
    if (rows === 0) return;
    const keys = kernel.arenaAlloc(rows * REFERENCE_BYTES);
    const values = kernel.arenaAlloc(rows * 4);
    const lengths = kernel.arenaAlloc(rows * 4);
    const count = kernel.exports.changesTake(this.#table, keys, values, lengths) >>> 0;
    const assignment = kernel.arenaAlloc(Math.max(1, count) * 4);
    kernel.exports.assignPartitions(keys, 0, 0, count, framing.partitions, 0, assignment);
    this.#frameAll({ keys, values, lengths, count, assignment }, framing, write);
    kernel.exports.changesClear(this.#table);
  }

  #frameAll(
    taken: {
      readonly keys: number;
      readonly values: number;
      readonly lengths: number;
      readonly count: number;
      readonly assignment: number;
    },
    { partitions, clockMs, recordsMax, bytesMax }: Framing,
    write: (batch: EncodedBatch) => void,
  ): void {
    const kernel = this.#kernel;
    const { keys, values, lengths, count, assignment } = taken;
    const hasKeys = this.#keyCount !== undefined;
    const room = Math.max(1, Math.min(recordsMax, count));
    const list = kernel.arenaAlloc(room * 4);
    const none = kernel.arenaAlloc(room * 4);
    kernel.u32().fill(0, none / 4, none / 4 + room);
    const gatherings: (Gathering | undefined)[] = new Array<undefined>(partitions).fill(undefined);
    const frame = (partition: number, gathering: Gathering): void => {
      const position = kernel.arenaPosition();
      const { records } = gathering;
      kernel.u32().set(gathering.rows.subarray(0, records), list / 4);
      const { exports } = kernel;
      const own = hasKeys ? keys : 0;
      const at = exports.encodeBatch(values, lengths, own, 0, 0, BigInt(clockMs), list, records, none, 0) >>> 0;
      const batch = kernel.u8().slice(at, at + (exports.encodedBytes() >>> 0));
      write({ partition, batch, records, maxTimestamp: timestampMs(clockMs) });
      gathering.records = 0;
      gathering.bytes = 0;
      kernel.arenaRewind(position);
    };
    for (let row = 0; row < count; row++) {
      const words = kernel.u32();
      const partition = words[assignment / 4 + row]!;
      const known = gatherings[partition];
      const gathering: Gathering = known ?? { rows: new Uint32Array(room), records: 0, bytes: 0 };
      if (known === undefined) gatherings[partition] = gathering;
      gathering.rows[gathering.records++] = row;
      const length = words[lengths / 4 + row]!;
      gathering.bytes += (hasKeys ? words[keys / 4 + row * 4]! : 0) + (length === GONE ? 0 : length);
      if (gathering.records >= recordsMax || gathering.bytes >= bytesMax) frame(partition, gathering);
    }
    gatherings.forEach((gathering, partition) => {
      if (gathering !== undefined && gathering.records > 0) frame(partition, gathering);
    });
  }

  close(): void {
    const kernel = this.#kernel;
    kernel.exports.changesFree(this.#table);
    for (const address of [...this.#names, this.#columns, this.#keys]) kernel.free(address);
  }
}
