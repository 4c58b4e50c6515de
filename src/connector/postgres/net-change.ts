import { createHash } from 'node:crypto';
import type { SinkRecord, SinkRefusal } from '../sink-target.ts';
import type { SinkKey } from './sink-key.ts';
import { withRecordKey } from './sink-statement.ts';

/** What a record does to the table in the end. */
export interface NetChange {
  readonly record: SinkRecord;
  readonly kind: 'row' | 'gone';
  /** JSON of the row, or of its key as an array of values. */
  readonly json: Uint8Array;
}

export interface NetChanges {
  /** One for each key, in the order of the records that they come from. */
  readonly changes: readonly NetChange[];
  readonly refused: readonly SinkRefusal[];
}

/** The last change of each key; of rows without one, each. */
export function netChanges(records: readonly SinkRecord[], key: SinkKey): NetChanges {
  if (key.kind === 'none' || key.kind === 'named') {
    // A topic to which rows are only added has no deletes.
    const rows = records.filter(({ value }) => value !== null);
    return { changes: rows.map((record) => ({ record, kind: 'row', json: record.value! })), refused: [] };
  }
  const last = new Map<string, SinkRecord>();
  const refused: SinkRefusal[] = [];
  for (const record of records) {
    if (record.key === null) {
      refused.push({
        record,
        message: 'writing to PostgreSQL: the record has no key, and its rows are told apart by it',
      });
      continue;
    }
    const text = Buffer.from(record.key.buffer, record.key.byteOffset, record.key.length).toString('latin1');
    // The order is that of the last change.
    last.delete(text);
    last.set(text, record);
  }
  return { changes: [...last.values()].map((record) => changeOf(record, key.kind === 'record')), refused };
}

function changeOf(record: SinkRecord, isHashed: boolean): NetChange {
  const { key, value } = record;
  if (!isHashed) return value === null ? { record, kind: 'gone', json: key! } : { record, kind: 'row', json: value };
  const hash = createHash('sha256').update(key!).digest();
  if (value !== null) return { record, kind: 'row', json: withRecordKey(value, hash) };
  return { record, kind: 'gone', json: Buffer.from(`["\\\\x${hash.toString('hex')}"]`) };
}
