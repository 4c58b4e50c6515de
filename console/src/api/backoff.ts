const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** Waiting times between attempts: doubling, up to a quarter of a minute, spread so that many consoles do not come back at once. */
export class Backoff {
  readonly #random: () => number;
  #attempt = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  nextMs(): number {
    const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    return Math.round(full * (0.75 + 0.25 * this.#random()));
  }

  reset(): void {
    this.#attempt = 0;
  }
}
