import { offset } from '../../src/base/brand.ts';
import { textOf, utf8 } from '../../src/base/bytes.ts';
import type { Append, Log } from '../../src/log/log.ts';
import { decodeRecordBatches, encodeRecordBatch, type LogRecord } from '../../src/log/record-batch.ts';
import { generateReferenceLines, type ReferenceEventsOptions } from '../reference-events.ts';
import type { ResultRow } from './expected.ts';

const BATCH_RECORDS = 1000;
/** Lines that are handed on at a time. */
const CHUNK_LINES = 20_000;
const READ_BYTES = 8 * 1024 ** 2;

export async function createTopic(log: Log, name: string, partitions: number): Promise<void> {
  await log.createTopic({
    name,
    partitions,
    kind: 'append',
    retentionMs: undefined,
    retentionBytes: undefined,
    segmentBytesMax: 2 ** 28,
    keyPath: ['user_id'],
    properties: {},
  });
}

/** The user of a line; of the reference events' users, four in five are the first partition's. */
function partitionOf(line: string, partitions: number): number {
  if (partitions === 1) return 0;
  const from = line.indexOf('"user') + 15;
  const user = Number(line.slice(from, line.indexOf('"', from)));
  return user % 5 === 0 ? 1 : 0;
}

/** Writes reference events to the topic in record batches of 1,000, and hands every line on. */
export async function preload(
  log: Log,
  topic: string,
  partitions: number,
  options: ReferenceEventsOptions,
  receive: (lines: readonly string[]) => void,
): Promise<void> {
  const waiting: LogRecord[][] = Array.from({ length: partitions }, () => []);
  let appends: Append[] = [];
  const frame = (partition: number): void => {
    const records = waiting[partition]!;
    waiting[partition] = [];
    if (records.length > 0) appends.push({ topic, partition, ...encodeRecordBatch(records) });
  };
  const now = Date.now();
  let lines: string[] = [];
  for (const line of generateReferenceLines(options)) {
    lines.push(line);
    const partition = partitionOf(line, partitions);
    waiting[partition]!.push({ key: null, value: utf8(line.trimEnd()), timestamp: now });
    if (waiting[partition]!.length === BATCH_RECORDS) frame(partition);
    if (lines.length < CHUNK_LINES) continue;
    receive(lines);
    lines = [];
    await log.commit({ appends, puts: [] });
    appends = [];
  }
  receive(lines);
  for (let partition = 0; partition < partitions; partition++) frame(partition);
  await log.commit({ appends, puts: [] });
}

interface OutputRow {
  readonly window_start: string;
  readonly event_type: string;
  readonly source: string;
  readonly n: number;
  readonly total: number;
}

/** Reads an output topic: each record's key and row. */
export function* outputRows(log: Log, topic: string, from: number): Generator<{ name: string; row: ResultRow }> {
  const reader = log.reader(topic, 0, offset(from));
  const buffer = new Uint8Array(READ_BYTES);
  for (let length = reader.readInto(buffer); length > 0; length = reader.readInto(buffer)) {
    for (const batch of decodeRecordBatches(buffer.subarray(0, length))) {
      for (const { value } of batch.entries()) {
        if (value === null) continue;
        const row = JSON.parse(textOf(value)) as OutputRow;
        const name = `${Date.parse(row.window_start)}|${row.event_type}|${row.source}`;
        yield { name, row: { count: row.n, total: row.total } };
      }
    }
  }
  reader.close();
}

/** The table that an output topic stands for. */
export function outputTable(log: Log, topic: string): Map<string, ResultRow> {
  const rows = new Map<string, ResultRow>();
  for (const { name, row } of outputRows(log, topic, 0)) rows.set(name, row);
  return rows;
}
