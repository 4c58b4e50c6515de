/**
 * Bodies of reference events (about 268 bytes each) that are made once and then patched in place before each send: new
 * ids, current event times. So the load generator costs little beside the system that it loads.
 */

const EVENT_TYPES = ['user_action', 'purchase', 'page_view', 'search', 'login'];
const ACTIONS = ['click', 'view', 'scroll', 'submit', 'hover'];
const SOURCES = ['web', 'mobile', 'api', 'partner'];
const USERS = 10_000;
const DISORDER_MS_MAX = 2_000;
/** One event in so many is up to two seconds late (5 %), one in so many repeats the id before it (1 %). */
const LATE_EVERY = 20;
const DUPLICATE_EVERY = 100;

export interface EventBody {
  readonly bytes: Buffer;
  readonly events: number;
  /** Gives every event a fresh id and an event time at or before `nowMs`; `first` numbers the first event. */
  patch(first: number, nowMs: number): void;
}

/** A small seeded generator (mulberry32), so that every run sends the same. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function pick(values: readonly string[], random: () => number): string {
  return values[Math.floor(random() * values.length)] ?? '';
}

function eventId(random: () => number): string {
  const hex = () =>
    Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0');
  return `${hex()}-${hex().slice(0, 4)}-4${hex().slice(0, 3)}-8${hex().slice(0, 3)}-000000000000`;
}

function eventText(id: string, random: () => number): string {
  return JSON.stringify({
    event_id: id,
    event_type: pick(EVENT_TYPES, random),
    timestamp: '2024-01-01T00:00:00.000Z',
    user_id: `user${Math.floor(random() * USERS)}`,
    data: {
      action: pick(ACTIONS, random),
      page: `/p/${Math.floor(random() * 500)}`,
      session_id: `session${Math.floor(random() * 50_000)}`,
      amount: Math.round(random() * 10_000) / 100,
    },
    metadata: { source: pick(SOURCES, random), version: '1.0' },
  });
}

/** Whether event `i` of a body repeats the id of the one before it. */
function isDuplicate(i: number): boolean {
  return i % DUPLICATE_EVERY === DUPLICATE_EVERY - 1;
}

/** A body of `events` reference events as NDJSON. */
export function createEventBody(events: number, seed: number): EventBody {
  const random = seededRandom(seed);
  let id = '';
  const lines = Array.from({ length: events }, (_, i) => {
    if (!isDuplicate(i)) id = eventId(random);
    return eventText(id, random);
  });
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  const idAt = new Uint32Array(events);
  const timeAt = new Uint32Array(events);
  const lateMs = new Uint16Array(events);
  let position = 0;
  lines.forEach((line, i) => {
    // The last twelve digits of the id carry the event's number.
    idAt[i] = position + line.indexOf('-000000000000') + 1;
    timeAt[i] = position + line.indexOf('2024-01-01T');
    lateMs[i] = i % LATE_EVERY === LATE_EVERY - 1 ? Math.floor(random() * DISORDER_MS_MAX) : 0;
    position += line.length + 1;
  });
  return { bytes, events, patch: (first, nowMs) => patchBody(bytes, { idAt, timeAt, lateMs }, first, nowMs) };
}

interface Places {
  readonly idAt: Uint32Array;
  readonly timeAt: Uint32Array;
  readonly lateMs: Uint16Array;
}

const HEX = Buffer.from('0123456789abcdef');

function patchBody(bytes: Buffer, places: Places, first: number, nowMs: number): void {
  for (let i = 0; i < places.idAt.length; i++) {
    const number = isDuplicate(i) ? first + i - 1 : first + i;
    writeHex(bytes, places.idAt[i] as number, number);
    const time = nowMs - (places.lateMs[i] as number);
    const second = secondOf(time);
    const at = places.timeAt[i] as number;
    for (let c = 0; c < SECOND_BYTES; c++) bytes[at + c] = second[c] as number;
    const ms = time % 1000;
    bytes[at + 20] = 48 + Math.floor(ms / 100);
    bytes[at + 21] = 48 + (Math.floor(ms / 10) % 10);
    bytes[at + 22] = 48 + (ms % 10);
  }
}

/** `2024-01-31T12:34:56.`, the part of a time that many events share. */
const SECOND_BYTES = 20;
/** A power of two, more than the disorder spans. */
const SECONDS_KEPT = 8;
const keptSeconds = Array.from({ length: SECONDS_KEPT }, () => ({ second: -1, text: Buffer.alloc(SECOND_BYTES) }));

function secondOf(time: number): Buffer {
  const second = Math.floor(time / 1000);
  const kept = keptSeconds[second % SECONDS_KEPT] as (typeof keptSeconds)[number];
  if (kept.second !== second) {
    kept.second = second;
    kept.text.write(new Date(second * 1000).toISOString(), 0, SECOND_BYTES, 'latin1');
  }
  return kept.text;
}

function writeHex(bytes: Buffer, at: number, value: number): void {
  let low = value % 0x100_0000;
  let high = Math.floor(value / 0x100_0000);
  for (let digit = 11; digit >= 6; digit--) {
    bytes[at + digit] = HEX[low & 15] as number;
    low >>>= 4;
  }
  for (let digit = 5; digit >= 0; digit--) {
    bytes[at + digit] = HEX[high & 15] as number;
    high >>>= 4;
  }
}
