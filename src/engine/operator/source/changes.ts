import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { ChangeSpec, SourceNode } from '../../../plan/node.ts';
import { TYPE } from '../../../plan/type-name.ts';
import type { Batch } from '../batch.ts';
import type { Operator, OperatorContext, StagedSnapshot } from '../operator.ts';
import { RowEmitter, RowReader, rowKey } from '../row-batch.ts';
import { StagedEntries, type StagedEntry } from '../staged-entries.ts';
import { readRow, readValue, writeRow, writeValue } from '../state-value.ts';
import { CHANGE } from './change-columns.ts';

/** A row of the table as it stands. */
interface StandingRow extends StagedEntry {
  readonly values: readonly unknown[];
  readonly time: bigint | undefined;
  /** Key of the record that brought it; null when it had none. */
  readonly recordKey: string | null;
}

/**
 * Turns the records of a topic of changes into rows that come and go. `upsert`: a record takes back the row that it replaces, which is
 * the one with the same primary key or the same record key; a record without a value takes back the row of its record key.
 * `retract`: the record says itself whether its row comes or goes.
 */
export class ChangesOperator implements Operator {
  readonly #node: SourceNode;
  readonly #spec: ChangeSpec;
  readonly #rows = new Map<string, StandingRow>();
  /** From the key of a record to the primary key of its row. */
  readonly #byRecordKey = new Map<string, string>();
  readonly #staged = new StagedEntries<StandingRow>();
  #bytes = 0;
  #context: OperatorContext | undefined;
  #reader: RowReader | undefined;
  #emitter: RowEmitter | undefined;

  constructor(node: SourceNode, spec: ChangeSpec) {
    this.#node = node;
    this.#spec = spec;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const { columns } = this.#node;
    const extra = [
      { name: 'key', type: TYPE.text, nullable: true },
      { name: 'operation', type: TYPE.int4, nullable: false },
    ];
    this.#reader = new RowReader(context.kernel, [...columns, ...extra]);
    this.#emitter = new RowEmitter(context.kernel, columns, context.emit);
  }

  processBatch(batch: Batch): void {
    const width = this.#node.columns.length;
    this.#reader!.forEach(batch, ({ values, time }, row) => {
      const recordKey = values[width] as string | null;
      const deletes = values[width + 1] === CHANGE.delete;
      const own = values.slice(0, width);
      if (this.#spec.mode === 'retract') this.#emitter!.add(own, deletes ? -1 : 1, time);
      else if (deletes) this.#delete(recordKey, batch, row);
      else this.#set({ values: own, time, recordKey, seenBy: 0 }, batch, row);
    });
    this.#emitter!.flush();
  }

  #set(row: StandingRow, batch: Batch, at: number): void {
    const { columns, name } = this.#node;
    const missing = this.#spec.keys.find((key) => row.values[key] === null);
    if (missing !== undefined) {
      const message = `reading table ${name}: primary key column "${columns[missing]!.name}" is null`;
      this.#context!.deadLetter({ reason: 'malformed', message, batch, row: at });
      return;
    }
    const key = this.#keyOf(row.values);
    const before = row.recordKey === null ? undefined : this.#byRecordKey.get(row.recordKey);
    if (before !== undefined && before !== key) this.#takeBack(before);
    this.#takeBack(key);
    this.#keep(key, row);
    this.#emitter!.add(row.values, 1, row.time);
  }

  #delete(recordKey: string | null, batch: Batch, row: number): void {
    if (recordKey === null) {
      const message = `reading table ${this.#node.name}: a record has neither key nor value`;
      this.#context!.deadLetter({ reason: 'malformed', message, batch, row });
      return;
    }
    const key = this.#byRecordKey.get(recordKey);
    if (key !== undefined) this.#takeBack(key);
  }

  #keyOf(values: readonly unknown[]): string {
    const { keys } = this.#spec;
    const types = keys.map((key) => this.#node.columns[key]!.type);
    return rowKey(
      keys.map((key) => values[key]),
      types,
    );
  }

  #keep(key: string, row: StandingRow): void {
    row.seenBy = this.#staged.number;
    this.#rows.set(key, row);
    if (row.recordKey !== null) this.#byRecordKey.set(row.recordKey, key);
    this.#bytes += bytesOf(key, row);
  }

  #takeBack(key: string): void {
    const standing = this.#rows.get(key);
    if (standing === undefined) return;
    this.#staged.going(standing);
    this.#rows.delete(key);
    if (standing.recordKey !== null) this.#byRecordKey.delete(standing.recordKey);
    this.#bytes -= bytesOf(key, standing);
    this.#emitter!.add(standing.values, -1, standing.time);
  }

  endEpoch(): void {}
  onWatermark(): void {}

  nextTimer(): bigint | undefined {
    return undefined;
  }

  snapshot(writer: ByteWriter): void {
    const staged = this.stageSnapshot();
    while (staged.next(writer));
    staged.end();
  }

  stageSnapshot(): StagedSnapshot {
    const types = this.#node.columns.map((column) => column.type);
    return this.#staged.begin({
      entries: this.#rows.values(),
      write: (writer, { values, time, recordKey }) => {
        writeRow(writer, values, types);
        writeValue(writer, time ?? null, TYPE.int8);
        writeValue(writer, recordKey, TYPE.text);
      },
      head: () => {},
    });
  }

  restore(reader: ByteReader): void {
    const types = this.#node.columns.map((column) => column.type);
    while (reader.remaining > 0)
      for (let rows = reader.unsigned(); rows > 0; rows--) {
        const values = readRow(reader, types);
        const time = (readValue(reader, TYPE.int8) as bigint | null) ?? undefined;
        const recordKey = readValue(reader, TYPE.text) as string | null;
        this.#keep(this.#keyOf(values), { values, time, recordKey, seenBy: 0 });
      }
  }

  close(): void {
    this.#rows.clear();
    this.#byRecordKey.clear();
  }

  state(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#rows.size, bytes: this.#bytes };
  }
}

/** About what a row takes: an object and a map entry or two, its texts, and a slot for each value. */
function bytesOf(key: string, row: StandingRow): number {
  return 160 + 2 * (key.length + (row.recordKey?.length ?? 0)) + 16 * row.values.length;
}
