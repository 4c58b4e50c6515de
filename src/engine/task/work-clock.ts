/** Tells how long each of several workers was at work itself: not while those that it called upon were. */
export class WorkClock {
  readonly #now: () => number;
  readonly #busyMs: number[];
  readonly #working: number[] = [];
  #since = 0;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(workers: number, now: () => number) {
    this.#now = now;
    this.#busyMs = new Array<number>(workers).fill(0);
  }

  /** The worker begins; whoever is at work waits until it is done. */
  begin(worker: number): void {
    this.#charge();
    this.#working.push(worker);
  }

  end(): void {
    this.#charge();
    this.#working.pop();
  }

  #charge(): void {
    const now = this.#now();
    const worker = this.#working.at(-1);
    if (worker !== undefined) this.#busyMs[worker]! += now - this.#since;
    this.#since = now;
  }

  /** Who is at work; after an error, who was. */
  get current(): number | undefined {
    return this.#working.at(-1);
  }

  busyMs(worker: number): number {
    return this.#busyMs[worker]!;
  }
}
