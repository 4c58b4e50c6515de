// npm run bench:kernel: the kernel against JSON.parse + Map, on the reference events, in one process.
// Kernel: NDJSON -> eight validated columns, all of the text checked. Against: JSON.parse of each line, count and sum grouped by
// event_type and source in a Map. Both begin with the bytes and are timed in turns; the best round of each counts.

import { timestampMs } from '../../src/base/brand.ts';
import { createJsonDecoder, type JsonInputFormat } from '../../src/kernel/json-decoder.ts';
import type { JsonField } from '../../src/kernel/json-shape.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { encodeRecordBatches } from '../../src/kernel/record-batch.ts';
import { generateReferenceEvents } from '../reference-events.ts';

const EVENTS = Number(process.argv[2] ?? 300_000);
const ROUNDS = 7;
const FIELDS: readonly JsonField[] = [
  { path: ['event_id'], kind: 'uuid', nullable: false },
  { path: ['event_type'], kind: 'text', nullable: false },
  { path: ['timestamp'], kind: 'timestamptz', nullable: false },
  { path: ['user_id'], kind: 'text', nullable: false },
  { path: ['data', 'action'], kind: 'text' },
  { path: ['data', 'page'], kind: 'text' },
  { path: ['data', 'amount'], kind: 'float8', constraints: { minimum: 0 } },
  { path: ['metadata', 'source'], kind: 'text' },
];

interface Event {
  readonly event_type: string;
  readonly data: { readonly amount: number };
  readonly metadata: { readonly source: string };
}

interface Task {
  readonly name: string;
  run(): number;
}

function best(tasks: readonly Task[]): Map<string, number> {
  const times = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, run } of tasks) {
      const started = performance.now();
      const rows = run();
      const ms = performance.now() - started;
      if (rows !== EVENTS) throw new Error(`${name} saw ${rows} of ${EVENTS} events`);
      times.set(name, Math.min(times.get(name) ?? Infinity, ms));
    }
  }
  return times;
}

const kernel = Kernel.create();
const decoder = createJsonDecoder(kernel, FIELDS);
const unverified = createJsonDecoder(kernel, FIELDS, { verifyCrc: false });
const buffers = [...generateReferenceEvents({ seed: 1, count: EVENTS, bufferBytes: 256 * 1024 })];
const bytes = buffers.reduce((sum, b) => sum + b.length, 0);

function frame(buffer: Uint8Array): Uint8Array {
  kernel.arenaReset();
  const batch = decoder.decodeBytes('lines', buffer);
  const { valueStart, valueLength } = batch.facts;
  const [encoded] = encodeRecordBatches(kernel, {
    rows: batch.rows,
    selected: batch.selected,
    selection: batch.selection,
    values: valueStart,
    lengths: valueLength,
    keys: undefined,
    timestamp: timestampMs(0),
    partitions: 1,
    stickyPartition: 0,
  });
  return encoded!.batch;
}
const frames = buffers.map(frame);

function decodeAll(format: JsonInputFormat, inputs: readonly Uint8Array[], by = decoder): number {
  let rows = 0;
  for (const input of inputs) {
    kernel.arenaReset();
    const batch = by.decodeBytes(format, input);
    rows += batch.selected;
  }
  return rows;
}

function frameAll(): number {
  let records = 0;
  for (const buffer of buffers) {
    const batch = frame(buffer);
    // Bytes 57 to 60 of a batch count its records.
    records += new DataView(batch.buffer, batch.byteOffset).getInt32(57);
  }
  return records;
}

function parseAndGroup(): number {
  const groups = new Map<string, { count: number; sum: number }>();
  for (const buffer of buffers) {
    for (const line of Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length).toString('utf8').split('\n')) {
      if (line === '') continue;
      const event = JSON.parse(line) as Event;
      const key = `${event.event_type}|${event.metadata.source}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { count: 1, sum: event.data.amount });
      else {
        group.count++;
        group.sum += event.data.amount;
      }
    }
  }
  return [...groups.values()].reduce((sum, g) => sum + g.count, 0);
}

const times = best([
  { name: 'lines', run: () => decodeAll('lines', buffers) },
  { name: 'records', run: () => decodeAll('records', frames) },
  { name: 'records-unverified', run: () => decodeAll('records', frames, unverified) },
  { name: 'decode-and-frame', run: frameAll },
  { name: 'json-parse-and-map', run: parseAndGroup },
]);

const rate = (name: string) => EVENTS / (times.get(name)! / 1000);
const report = (bench: string, name: string) => {
  const value = rate(name);
  const against = rate('json-parse-and-map');
  console.log(
    JSON.stringify({
      bench,
      value: Math.round(value),
      unit: 'events/s',
      against: Math.round(against),
      ratio: Number((value / against).toFixed(2)),
      detail: {
        against: 'JSON.parse + Map',
        gigabytesPerSecond: Number((bytes / times.get(name)! / 1e6).toFixed(3)),
        events: EVENTS,
        bytesPerEvent: Number((bytes / EVENTS).toFixed(1)),
        fields: FIELDS.length,
      },
    }),
  );
};
report('kernel-record-batches', 'records');
report('kernel-record-batches-crc-trusted', 'records-unverified');
report('kernel-validate-and-frame', 'decode-and-frame');
report('kernel', 'lines');
