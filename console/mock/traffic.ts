/** Made-up traffic of a web server, for the test double of the API. */

export const SECTIONS = ['/blog', '/images', '/presentations', '/projects', '/articles', '/', '/files'];
export const CLASSES = ['2xx', '3xx', '4xx'];
const WINDOW_MS = 60_000;

export type MockRow = Readonly<Record<string, unknown>>;

export interface Change {
  readonly key: string;
  readonly row: MockRow;
  readonly offset: number;
}

/** A generator with a seed (mulberry32), so that a test sees the same traffic each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** One-minute windows of requests by section and status, growing turn by turn. */
export class MockTraffic {
  readonly rows = new Map<string, MockRow>();
  readonly #random = seeded(20150517);
  #offset = 0;
  requests = 4_812_000;

  constructor(nowMs: number) {
    for (let back = 30; back >= 0; back -= 1) for (let i = 0; i < 60; i += 1) this.turn(nowMs - back * WINDOW_MS);
  }

  get offset(): number {
    return this.#offset;
  }

  /** Some requests arrive; the rows that they change. */
  turn(nowMs: number): Change[] {
    const start = Math.floor(nowMs / WINDOW_MS) * WINDOW_MS;
    const changes: Change[] = [];
    for (let i = 0; i < 3; i += 1) {
      const section = SECTIONS[Math.floor(this.#random() ** 1.6 * SECTIONS.length)] ?? '/';
      const statusClass = CLASSES[Math.floor(this.#random() ** 2.4 * CLASSES.length)] ?? '2xx';
      changes.push(this.#count(start, section, statusClass));
    }
    return changes;
  }

  #count(start: number, section: string, statusClass: string): Change {
    const key = JSON.stringify([start, section, statusClass]);
    const last = this.rows.get(key);
    const more = 1 + Math.floor(this.#random() * 40);
    const requests = Number(last?.requests ?? 0) + more;
    const row = {
      window_start: new Date(start).toISOString(),
      window_end: new Date(start + WINDOW_MS).toISOString(),
      section,
      status_class: statusClass,
      requests,
      bytes: Number(last?.bytes ?? 0) + more * Math.floor(900 + this.#random() * 40_000),
      errors: statusClass === '4xx' ? requests : 0,
      visitors: Math.ceil(requests * 0.3),
    };
    this.rows.set(key, row);
    this.requests += more;
    this.#offset += 1;
    return { key, row, offset: this.#offset };
  }
}
