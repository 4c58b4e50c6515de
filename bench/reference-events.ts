/** What the reference stream looks like; the defaults are those that every benchmark states its figures for. */
export interface ReferenceEventsOptions {
  readonly seed: number;
  readonly count: number;
  readonly users?: number;
  /** Share of events that are out of order. */
  readonly disorder?: number;
  /** An out-of-order event is at most this much earlier than its place in the stream. */
  readonly disorderMsMax?: number;
  /** Share of events that repeat an earlier `event_id` (the whole event, sent twice). */
  readonly duplicates?: number;
  /** Event time of the first event, milliseconds since the Unix epoch. */
  readonly startMs?: number;
  /** Mean distance of two events in event time, milliseconds. */
  readonly stepMs?: number;
  /** Size of the buffers that are yielded, at most (an event is never cut). */
  readonly bufferBytes?: number;
}

const EVENT_TYPES = ['user_action', 'user_action', 'user_action', 'purchase', 'page_view', 'login', 'logout'] as const;
const ACTIONS = ['click', 'view', 'purchase', 'scroll', 'login'] as const;
const PAGES = ['/home', '/products', '/cart', '/checkout', '/account', '/search', '/help'] as const;
const SOURCES = ['web', 'mobile', 'api', 'partner'] as const;
const BUFFER_BYTES = 1 << 20;
/** Repeats are of one of the last this many events. */
const REPEAT_DISTANCE_MAX = 5_000;

/** xorshift128, seeded: the same stream on every machine. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c = 0x2545f491;
  #d = 0x9e3779b9;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.imul(seed ^ 0x5bd1e995, 0x85ebca6b) | 1;
    for (let i = 0; i < 16; i++) this.next();
  }

  /** Unsigned 32-bit. */
  next(): number {
    let t = this.#d;
    const s = this.#a;
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.#a = t ^ s ^ (s >>> 19);
    return this.#a >>> 0;
  }

  /** Integer in [0, limit). */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** In [0, 1). */
  unit(): number {
    return this.next() / 0x1_0000_0000;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

function uuid(random: SeededRandom): string {
  const hex = () => random.next().toString(16).padStart(8, '0');
  const b = hex();
  const c = hex();
  return `${hex()}-${b.slice(0, 4)}-4${b.slice(5)}-${'89ab'[random.below(4)]}${c.slice(1, 4)}-${c.slice(4)}${hex()}`;
}

function eventText(random: SeededRandom, timeMs: number, users: number): string {
  const user = random.below(users);
  const cents = random.below(10_000);
  const amount = cents / 100;
  return (
    `{"event_id":"${uuid(random)}","event_type":"${random.pick(EVENT_TYPES)}",` +
    `"timestamp":"${new Date(timeMs).toISOString()}","user_id":"user${user}",` +
    `"data":{"action":"${random.pick(ACTIONS)}","page":"${random.pick(PAGES)}",` +
    `"session_id":"session${user * 5 + random.below(5)}","amount":${amount}},` +
    `"metadata":{"source":"${random.pick(SOURCES)}","version":"1.0"}}\n`
  );
}

/** The reference events one by one, as lines that end in a newline. */
export function* generateReferenceLines(options: ReferenceEventsOptions): Generator<string> {
  const { seed, count, users = 10_000, disorder = 0.05, disorderMsMax = 2_000, duplicates = 0.01 } = options;
  const { startMs = Date.UTC(2024, 0, 1), stepMs = 1 } = options;
  const random = new SeededRandom(seed);
  const recent: string[] = [];
  for (let i = 0; i < count; i++) {
    if (recent.length > 0 && random.unit() < duplicates) {
      yield recent[random.below(recent.length)]!;
      continue;
    }
    const late = random.unit() < disorder ? random.below(disorderMsMax + 1) : 0;
    const line = eventText(random, Math.floor(startMs + i * stepMs) - late, users);
    if (recent.length < REPEAT_DISTANCE_MAX) recent.push(line);
    else recent[i % REPEAT_DISTANCE_MAX] = line;
    yield line;
  }
}

/** The reference events as NDJSON buffers of about `bufferBytes` (default 1 MiB) each. */
export function* generateReferenceEvents(options: ReferenceEventsOptions): Generator<Uint8Array> {
  const limit = options.bufferBytes ?? BUFFER_BYTES;
  let lines: string[] = [];
  let bytes = 0;
  for (const line of generateReferenceLines(options)) {
    if (bytes + line.length > limit && lines.length > 0) {
      yield Buffer.from(lines.join(''), 'latin1');
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += line.length;
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''), 'latin1');
}
