/** A row of a result table: how many events, and the sum of their amounts, rounded once. */
export interface ResultRow {
  readonly count: number;
  readonly total: number;
}

interface Event {
  readonly event_id: string;
  readonly event_type: string;
  readonly timestamp: string;
  readonly data: { readonly amount: number };
  readonly metadata: { readonly source: string };
}

/** Amounts are kept in multiples of 2^-60, which all doubles from 2^-8 on that are below 2^53 are. */
const UNIT = 2 ** 60;
const MINUTE_MS = 60_000;

/**
 * The same work as a program without an engine would do it: JSON.parse, a Set and a Map, on one thread and nothing durable.
 * What is timed is that; the exact sums that the engine's results are compared with are computed beside it.
 */
export class ExpectedResult {
  readonly #deduplicates: boolean;
  readonly #seen = new Set<string>();
  readonly #groups = new Map<string, { count: number; total: number }>();
  readonly #exact = new Map<string, bigint>();
  #elapsedMs = 0;
  #cpuMs = 0;
  #events = 0;

  constructor(deduplicates: boolean) {
    this.#deduplicates = deduplicates;
  }

  take(lines: readonly string[]): void {
    const kept: { key: string; amount: number }[] = [];
    const from = performance.now();
    const cpuFrom = process.cpuUsage();
    for (const line of lines) {
      const event = JSON.parse(line) as Event;
      if (this.#deduplicates) {
        if (this.#seen.has(event.event_id)) continue;
        this.#seen.add(event.event_id);
      }
      const time = Date.parse(event.timestamp);
      const key = `${time - (time % MINUTE_MS)}|${event.event_type}|${event.metadata.source}`;
      const { amount } = event.data;
      const group = this.#groups.get(key);
      if (group === undefined) this.#groups.set(key, { count: 1, total: amount });
      else {
        group.count++;
        group.total += amount;
      }
      kept.push({ key, amount });
    }
    this.#elapsedMs += performance.now() - from;
    const cpu = process.cpuUsage(cpuFrom);
    this.#cpuMs += (cpu.user + cpu.system) / 1000;
    this.#events += lines.length;
    for (const { key, amount } of kept) {
      const whole = Math.floor(amount);
      const exact = (BigInt(whole) << 60n) + BigInt((amount - whole) * UNIT);
      this.#exact.set(key, (this.#exact.get(key) ?? 0n) + exact);
    }
  }

  get eventsPerSecond(): number {
    return (this.#events * 1000) / this.#elapsedMs;
  }

  get eventsPerCpuSecond(): number {
    return (this.#events * 1000) / this.#cpuMs;
  }

  /** By window (of a whole number of minutes), type and source. */
  rows(windowMs: number): Map<string, ResultRow> {
    const sums = new Map<string, { count: number; exact: bigint }>();
    for (const [key, { count }] of this.#groups) {
      const [time, type, source] = key.split('|');
      const start = Math.floor(Number(time) / windowMs) * windowMs;
      const name = `${start}|${type}|${source}`;
      const sum = sums.get(name) ?? { count: 0, exact: 0n };
      sums.set(name, { count: sum.count + count, exact: sum.exact + this.#exact.get(key)! });
    }
    const rows = new Map<string, ResultRow>();
    for (const [name, { count, exact }] of sums) rows.set(name, { count, total: Number(exact) / UNIT });
    return rows;
  }
}

/** What is different, for people; empty when every row is there, and equal to the last bit. */
export function differences(
  found: ReadonlyMap<string, ResultRow>,
  expected: ReadonlyMap<string, ResultRow>,
): readonly string[] {
  const said: string[] = [];
  for (const [name, row] of expected) {
    const other = found.get(name);
    if (other?.count !== row.count || other.total !== row.total) {
      said.push(`${name}: ${JSON.stringify(other)} instead of ${JSON.stringify(row)}`);
    }
  }
  for (const name of found.keys()) if (!expected.has(name)) said.push(`${name}: not expected`);
  return said;
}
