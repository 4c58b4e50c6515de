import type { Batch } from '../../engine/operator/batch.ts';
import { type ColumnVector, physicalOf } from '../../kernel/column.ts';
import { createJsonDecoder, type DecodedBatch, type JsonDecoder } from '../../kernel/json-decoder.ts';
import { JSON_FIELD_KINDS, type JsonField } from '../../kernel/json-shape.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { PlanNode, SourceColumn } from '../../plan/node.ts';
import { SCAN_BATCH_ROWS } from '../limits.ts';
import { PSEUDO_COLUMNS } from '../query-relation.ts';
import { chainOf, columnsNeeded } from './scan-plan.ts';

/**
 * Reads record batches of a topic as columns: its fields, then the columns that every topic has. Only those that are needed
 * are decoded; the others have no meaning.
 */
export class TopicColumns {
  readonly #kernel: Kernel;
  readonly #fields: readonly SourceColumn[];
  readonly #needed: ReadonlySet<number>;
  readonly #decoder: JsonDecoder;
  /** Of each field, its position among the decoder's; undefined when it is not needed. */
  readonly #fieldAt: readonly (number | undefined)[];

  constructor(kernel: Kernel, fields: readonly SourceColumn[], needed: ReadonlySet<number>) {
    this.#kernel = kernel;
    this.#fields = fields;
    this.#needed = needed;
    const decoded: JsonField[] = [];
    const places = new Map<string, number>();
    this.#fieldAt = fields.map((field, at) => {
      if (!needed.has(at)) return undefined;
      const json = jsonField(field);
      const key = JSON.stringify(json.path);
      const known = places.get(key);
      if (known !== undefined) return known;
      places.set(key, decoded.length);
      return decoded.push(json) - 1;
    });
    this.#decoder = createJsonDecoder(kernel, decoded, { rowsMax: SCAN_BATCH_ROWS });
  }

  begin(): void {
    this.#decoder.begin();
  }

  decode(address: number, length: number, from: number): DecodedBatch {
    return this.#decoder.decode('records', address, length, from);
  }

  batchOf(decoded: DecodedBatch, partition: number): Batch {
    const { rows, selection, selected, facts } = decoded;
    const fields = this.#fields.map((_, at) => {
      const place = this.#fieldAt[at];
      return place === undefined ? UNREAD : decoded.columns[place]!;
    });
    const pseudo = PSEUDO_COLUMNS.map(({ name }, at) =>
      this.#needed.has(this.#fields.length + at) ? this.#pseudoColumn(name, decoded, partition) : UNREAD,
    );
    return {
      rows,
      columns: [...fields, ...pseudo],
      selection,
      selected,
      weights: 0,
      origin: undefined,
      times: facts.timestamp,
      watermarks: 0,
    };
  }

  /** The record's value as it stands in the log; undefined for a tombstone. */
  valueOf(decoded: DecodedBatch, row: number): Uint8Array {
    return this.#decoder.valueOf(decoded, row);
  }

  #pseudoColumn(name: string, { facts, rows }: DecodedBatch, partition: number): ColumnVector {
    const kernel = this.#kernel;
    switch (name) {
      case '_offset':
        return { physical: 'i64', data: facts.offset, nulls: 0 };
      case '_timestamp': {
        const data = kernel.arenaAlloc(rows * 8);
        kernel.exports.scaleTimes(facts.timestamp, rows, data);
        return { physical: 'i64', data, nulls: 0 };
      }
      case '_key':
        return facts.key;
      case '_value':
        return this.#values(facts.valueStart, facts.valueLength, rows);
      default: {
        const data = kernel.arenaAlloc(rows * 4);
        kernel.i32().fill(partition, data >>> 2, (data >>> 2) + rows);
        return { physical: 'i32', data, nulls: 0 };
      }
    }
  }

  /** String references to the records' values. */
  #values(starts: number, lengths: number, rows: number): ColumnVector {
    const data = this.#kernel.arenaAlloc(rows * 16);
    const words = this.#kernel.u32();
    const bytes = this.#kernel.u8();
    for (let row = 0; row < rows; row++) {
      const start = words[(starts >>> 2) + row]!;
      const length = words[(lengths >>> 2) + row]!;
      const at = (data >>> 2) + 4 * row;
      let prefix = 0;
      for (let i = Math.min(4, length) - 1; i >= 0; i--) prefix = (prefix << 8) | bytes[start + i]!;
      words[at] = length;
      words[at + 1] = prefix >>> 0;
      words[at + 2] = start;
      words[at + 3] = 0;
    }
    return { physical: 'str', data, nulls: 0 };
  }
}

const UNREAD: ColumnVector = { physical: 'i32', data: 0, nulls: 0 };

function jsonField({ path, type }: SourceColumn): JsonField {
  const kind = JSON_FIELD_KINDS[type.kind] ?? 'jsonb';
  if (type.kind !== 'numeric' || physicalOf(type) !== 'i64') return { path, kind };
  return { path, kind, precision: type.precision!, scale: type.scale ?? 0 };
}

/** Whether the kernel can read the fields that a chain needs: it knows their types, and no place in the JSON is read as two of them. */
export function isScannable(top: PlanNode, wanted: ReadonlySet<number>, fields: readonly SourceColumn[]): boolean {
  const needed = columnsNeeded(top, wanted).get(chainOf(top)[0]!)!;
  const types = new Map<string, string>();
  return fields.every(({ path, type }, at) => {
    if (!needed.has(at)) return true;
    const place = JSON.stringify(path);
    const text = JSON.stringify(type);
    const known = types.get(place) ?? text;
    types.set(place, text);
    return known === text && path.length > 0 && JSON_FIELD_KINDS[type.kind] !== undefined;
  });
}
