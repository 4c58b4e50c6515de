/** What the tables must hold, computed by DuckDB from the records of the log: an implementation that is not ours. */
import { DuckDBInstance } from '@duckdb/node-api';
import { offset } from '../../src/base/brand.ts';
import type { DeadLetter } from '../../src/log/dead-letter.ts';
import type { LogView, PartitionReader } from '../../src/log/log.ts';
import { openPartitionReader } from '../../src/log/partition-reader.ts';
import { decodeRecordBatches } from '../../src/log/record-batch.ts';

const READ_BYTES = 4 << 20;

/** Every value of a partition, as text, in order. */
export function readValues(view: LogView, topic: string, partition: number): string[] {
  const reader: PartitionReader = openPartitionReader(view, topic, partition, offset(0));
  const buffer = new Uint8Array(READ_BYTES);
  const decoder = new TextDecoder();
  const values: string[] = [];
  for (;;) {
    const bytes = reader.readInto(buffer);
    if (bytes === 0) break;
    for (const batch of decodeRecordBatches(buffer.subarray(0, bytes))) {
      for (const record of batch.entries()) if (record.value !== null) values.push(decoder.decode(record.value));
    }
  }
  reader.close();
  return values;
}

export interface WindowRow {
  readonly window_start: string;
  readonly event_type: string;
  readonly source: string;
  readonly events: number;
  readonly amount: number;
}

/** Offsets of the rows that lie in dead letters instead of a window. */
export interface LeftOut {
  /** Refused at the source: nobody behind it has seen them. */
  readonly future: ReadonlySet<number>;
  /** Too late for the windows of one operator, behind the deduplication. */
  readonly late: ReadonlySet<number>;
}

export function leftOut(deadLetters: readonly string[], operator: string): LeftOut {
  const future = new Set<number>();
  const late = new Set<number>();
  for (const text of deadLetters) {
    const letter = JSON.parse(text) as DeadLetter;
    const { reason, offset: at } = letter;
    if (reason !== 'late' && reason !== 'future') throw new Error(`unexpected dead letter: ${text}`);
    if (at === undefined) throw new Error(`a dead letter without its place: ${text}`);
    if (reason === 'future') future.add(at);
    else if (letter.operator === operator) late.add(at);
  }
  return { future, late };
}

/** Events once per id, counted and summed in tumbling windows by type and source. */
export async function expectedWindows(
  values: readonly string[],
  windowSeconds: number,
  { future, late }: LeftOut,
): Promise<WindowRow[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run('SET threads = 1');
  await connection.run('CREATE TABLE log (position INTEGER, value VARCHAR, future BOOLEAN, late BOOLEAN)');
  const appender = await connection.createAppender('log');
  for (const [position, value] of values.entries()) {
    appender.appendInteger(position);
    appender.appendVarchar(value);
    appender.appendBoolean(future.has(position));
    appender.appendBoolean(late.has(position));
    appender.endRow();
  }
  appender.flushSync();
  const result = await connection.runAndReadAll(`
    WITH parsed AS (
      SELECT
        position,
        late,
        value ->> '$.event_id' AS event_id,
        value ->> '$.event_type' AS event_type,
        value ->> '$.metadata.source' AS source,
        epoch_ms(CAST(value ->> '$.timestamp' AS TIMESTAMP)) AS time_ms,
        CAST(value ->> '$.data.amount' AS DECIMAL(18, 2)) AS amount
      FROM log WHERE NOT future
    ), once AS (SELECT DISTINCT ON (event_id) * FROM parsed ORDER BY event_id, position)
    SELECT time_ms // ${windowSeconds * 1000} * ${windowSeconds * 1000} AS start_ms, event_type, source,
      count(*) AS events, CAST(sum(amount) AS DOUBLE) AS amount
    FROM once WHERE NOT late GROUP BY ALL ORDER BY ALL`);
  const rows = result.getRows().map(([start, type, source, events, amount]) => ({
    window_start: new Date(Number(start)).toISOString(),
    event_type: String(type),
    source: String(source),
    events: Number(events),
    amount: Number(amount),
  }));
  connection.closeSync();
  instance.closeSync();
  return rows;
}
