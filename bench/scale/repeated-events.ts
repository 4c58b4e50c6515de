import { utf8 } from '../../src/base/bytes.ts';
import { crc32c } from '../../src/base/crc32c.ts';
import type { Append } from '../../src/log/log.ts';
import { type EncodedBatch, encodeRecordBatch, type LogRecord } from '../../src/log/record-batch.ts';
import { generateReferenceLines } from '../reference-events.ts';

export const MINUTE_MS = 60_000;
/** Minutes of the base, an event each millisecond. */
const BASE_MINUTES = 25;
const BASE_EVENTS = BASE_MINUTES * MINUTE_MS;
const START_MS = Date.UTC(2024, 0, 1);
const BATCH_RECORDS = 1000;
/** Batches of one commit. */
const COMMIT_BATCHES = 32;
const TIME_FIELD = '"timestamp":"';
/** `2024-01-01T00:00`, what differs from one repetition to the next. */
const MINUTE_TEXT_BYTES = 16;

export interface ReferenceEvent {
  readonly user_id: string;
  readonly event_type: string;
  readonly timestamp: string;
  readonly data: { readonly amount: number };
  readonly metadata: { readonly source: string };
}

/** A batch of the base, where the minutes of its events stand in it, and which they are (0: that of the first event). */
interface BaseBatch {
  readonly partition: number;
  readonly encoded: EncodedBatch;
  readonly places: Uint32Array;
  readonly minutes: Int32Array;
}

/** Reference events of some minutes, again and again, each time so many minutes later; in partitions by user. */
export class RepeatedEvents {
  readonly count: number;
  readonly repetitions: number;
  readonly baseMinutes = BASE_MINUTES;
  readonly startMs = START_MS;
  /** Once. */
  readonly base: readonly ReferenceEvent[];
  readonly #batches: readonly BaseBatch[];

  constructor({ count, partitions }: { readonly count: number; readonly partitions: number }) {
    this.repetitions = Math.max(1, Math.round(count / BASE_EVENTS));
    this.count = this.repetitions * BASE_EVENTS;
    const base: ReferenceEvent[] = [];
    const waiting: string[][] = Array.from({ length: partitions }, () => []);
    const batches: BaseBatch[] = [];
    for (const line of generateReferenceLines({ seed: 1, count: BASE_EVENTS, startMs: START_MS })) {
      const event = JSON.parse(line) as ReferenceEvent;
      base.push(event);
      const partition = Number(event.user_id.replace(/\D/g, '')) % partitions;
      const lines = waiting[partition]!;
      if (lines.push(line.trimEnd()) === BATCH_RECORDS) batches.push(baseBatch(partition, lines.splice(0)));
    }
    waiting.forEach((lines, partition) => {
      if (lines.length > 0) batches.push(baseBatch(partition, lines));
    });
    this.base = base;
    this.#batches = batches;
  }

  /** What goes to the log, commit by commit. */
  *appends(topic: string): Generator<Append[]> {
    let appends: Append[] = [];
    for (let repetition = 0; repetition < this.repetitions; repetition++) {
      const texts = new Map<number, Uint8Array>();
      for (const each of this.#batches) {
        appends.push({ topic, partition: each.partition, ...shifted(each, repetition * BASE_MINUTES, texts) });
        if (appends.length < COMMIT_BATCHES) continue;
        yield appends;
        appends = [];
      }
    }
    if (appends.length > 0) yield appends;
  }
}

function baseBatch(partition: number, lines: readonly string[]): BaseBatch {
  const timestamp = START_MS;
  const records = lines.map((line): LogRecord => ({ key: null, value: utf8(line), timestamp }));
  const encoded = encodeRecordBatch(records);
  const bytes = Buffer.from(encoded.batch.buffer, encoded.batch.byteOffset, encoded.batch.length);
  const places = new Uint32Array(lines.length);
  const minutes = new Int32Array(lines.length);
  let from = 0;
  for (let i = 0; i < lines.length; i++) {
    const place = bytes.indexOf(TIME_FIELD, from, 'latin1') + TIME_FIELD.length;
    const time = Date.parse(`${bytes.toString('latin1', place, place + MINUTE_TEXT_BYTES)}Z`);
    places[i] = place;
    minutes[i] = (time - START_MS) / MINUTE_MS;
    from = place;
  }
  return { partition, encoded, places, minutes };
}

function shifted({ encoded, places, minutes }: BaseBatch, by: number, texts: Map<number, Uint8Array>): EncodedBatch {
  const batch = encoded.batch.slice();
  for (let i = 0; i < places.length; i++) {
    const minute = minutes[i]! + by;
    let text = texts.get(minute);
    if (text === undefined) {
      text = utf8(new Date(START_MS + minute * MINUTE_MS).toISOString().slice(0, MINUTE_TEXT_BYTES));
      texts.set(minute, text);
    }
    batch.set(text, places[i]);
  }
  new DataView(batch.buffer).setUint32(17, crc32c(batch, 21));
  return { ...encoded, batch };
}
