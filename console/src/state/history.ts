/** An hour at one point a second. */
export const HISTORY_POINTS_MAX = 3600;

/** One observation of the whole system; `undefined` where the server gives no figure. */
export interface HistoryPoint {
  readonly atMs: number;
  readonly ingested: number | undefined;
  readonly processed: number | undefined;
  readonly latencyP50Ms: number | undefined;
  readonly latencyP99Ms: number | undefined;
  readonly lagRecords: number | undefined;
  readonly deadLetters: number | undefined;
  readonly fsyncP99Ms: number | undefined;
  readonly memoryBytes: number | undefined;
}

export type HistoryField = Exclude<keyof HistoryPoint, 'atMs'>;

/** The last hour, in memory, oldest first. */
export class History {
  #points: HistoryPoint[] = [];

  get points(): readonly HistoryPoint[] {
    return this.#points;
  }

  get last(): HistoryPoint | undefined {
    return this.#points.at(-1);
  }

  add(point: HistoryPoint): void {
    this.#points.push(point);
    if (this.#points.length > HISTORY_POINTS_MAX * 1.1) this.#points = this.#points.slice(-HISTORY_POINTS_MAX);
  }

  since(atMs: number): readonly HistoryPoint[] {
    let from = this.#points.length;
    while (from > 0 && (this.#points[from - 1]?.atMs ?? 0) >= atMs) from -= 1;
    return this.#points.slice(from);
  }
}

/** A counter's rate per second between two readings; none at the first, and none across a restart of the server. */
export class RateMeter {
  readonly #last = new Map<
    string,
    { readonly value: number; readonly atMs: number; readonly rate: number | undefined }
  >();

  /** Weight of the newest reading: smooth enough to read, quick enough to follow. */
  static readonly SMOOTHING = 0.5;

  read(name: string, value: number | undefined, atMs: number): number | undefined {
    if (value === undefined) return undefined;
    const last = this.#last.get(name);
    const seconds = last === undefined ? 0 : (atMs - last.atMs) / 1000;
    if (last === undefined || value < last.value || seconds <= 0) {
      this.#last.set(name, { value, atMs, rate: undefined });
      return undefined;
    }
    const now = (value - last.value) / seconds;
    const rate = last.rate === undefined ? now : last.rate + RateMeter.SMOOTHING * (now - last.rate);
    const settled = rate < 0.05 ? 0 : rate;
    this.#last.set(name, { value, atMs, rate: settled });
    return settled;
  }
}
