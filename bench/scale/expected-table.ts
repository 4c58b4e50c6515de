import { MINUTE_MS, type ReferenceEvent, type RepeatedEvents } from './repeated-events.ts';

/** Amounts are kept in multiples of 2^-60, which all doubles from 2^-8 on that are below 2^53 are. */
const UNIT_BITS = 60n;
const UNIT = 2 ** Number(UNIT_BITS);

type Row = Readonly<Record<string, unknown>> & { readonly n: number; readonly total: number };

/** Count and sum of repeated events by minute and keys, computed without the engine: exactly, and rounded once. */
export class ExpectedTable {
  readonly #startMs: number;
  readonly #keys: readonly string[];
  /** Place of each combination of keys. */
  readonly #places = new Map<string, number>();
  readonly #counts: Int32Array;
  readonly #totals: Float64Array;
  readonly rows: number;

  constructor(events: RepeatedEvents, keys: readonly string[]) {
    this.#startMs = events.startMs;
    this.#keys = keys;
    for (const event of events.base) {
      const text = this.#textOf(columnsOf(event));
      if (!this.#places.has(text)) this.#places.set(text, this.#places.size);
    }
    const minutes = events.repetitions * events.baseMinutes + 1;
    const counts = new Int32Array(minutes * this.#places.size);
    const exact = new Array<bigint>(counts.length).fill(0n);
    const base = this.#baseSums(events.base);
    for (let repetition = 0; repetition < events.repetitions; repetition++) {
      for (const [at, sum] of base) {
        const place = at + repetition * events.baseMinutes * this.#places.size;
        counts[place]! += sum.count;
        exact[place]! += sum.exact;
      }
    }
    this.#counts = counts;
    this.#totals = Float64Array.from(exact, (sum) => Number(sum) / UNIT);
    this.rows = counts.reduce((rows, count) => rows + (count > 0 ? 1 : 0), 0);
  }

  #baseSums(events: readonly ReferenceEvent[]): ReadonlyMap<number, { count: number; exact: bigint }> {
    const sums = new Map<number, { count: number; exact: bigint }>();
    for (const event of events) {
      const place = this.#placeOf(Date.parse(event.timestamp), columnsOf(event));
      const { amount } = event.data;
      const whole = Math.floor(amount);
      const exact = (BigInt(whole) << UNIT_BITS) + BigInt((amount - whole) * UNIT);
      const sum = sums.get(place!);
      if (sum === undefined) sums.set(place!, { count: 1, exact });
      else {
        sum.count++;
        sum.exact += exact;
      }
    }
    return sums;
  }

  #textOf(columns: Readonly<Record<string, unknown>>): string {
    return this.#keys.map((name) => columns[name]).join('|');
  }

  /** The first events may be of the minute before the first. */
  #placeOf(timeMs: number, columns: Readonly<Record<string, unknown>>): number | undefined {
    const minute = Math.floor((timeMs - this.#startMs) / MINUTE_MS) + 1;
    const place = this.#places.get(this.#textOf(columns));
    return place === undefined ? undefined : minute * this.#places.size + place;
  }

  /** Takes the changes of a table, and says at the end how it differs. */
  comparison(): { take(row: Row): void; difference(): string | undefined } {
    const counts = new Int32Array(this.#counts.length);
    const totals = new Float64Array(this.#counts.length);
    let strange: string | undefined;
    return {
      take: (row) => {
        const place = this.#placeOf(Date.parse(String(row.window_start)), row);
        if (place === undefined || !(place >= 0 && place < counts.length)) {
          strange = JSON.stringify(row);
          return;
        }
        counts[place] = row.n;
        totals[place] = row.total;
      },
      difference: () => {
        if (strange !== undefined) return `${strange} is no row of it`;
        const at = counts.findIndex((n, i) => n !== this.#counts[i] || totals[i] !== this.#totals[i]);
        if (at < 0) return undefined;
        return `row ${at}: ${counts[at]}, ${totals[at]} instead of ${this.#counts[at]}, ${this.#totals[at]}`;
      },
    };
  }
}

function columnsOf(event: ReferenceEvent): Readonly<Record<string, unknown>> {
  return { ...event, source: event.metadata.source };
}
