/** A log-linear histogram of latencies: 1 µs to about 70 s, within 1.6 %. */
export class LatencyHistogram {
  static readonly #SUB = 64;
  readonly #counts = new Float64Array(LatencyHistogram.#SUB * 27);
  #total = 0;
  #maxMs = 0;

  record(ms: number): void {
    const us = Math.max(1, Math.round(ms * 1000));
    const magnitude = Math.max(0, Math.floor(Math.log2(us)) - 5);
    const index = Math.min(
      this.#counts.length - 1,
      magnitude * LatencyHistogram.#SUB + Math.floor(us / 2 ** magnitude),
    );
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#total++;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** Milliseconds at quantile `q`, 0 to 1. */
  quantile(q: number): number {
    const wanted = Math.ceil(this.#total * q);
    let seen = 0;
    for (let i = 0; i < this.#counts.length; i++) {
      seen += this.#counts[i] as number;
      if (seen < wanted || wanted === 0) continue;
      const magnitude = Math.floor(i / LatencyHistogram.#SUB);
      return ((i % LatencyHistogram.#SUB) * 2 ** magnitude + 2 ** magnitude / 2) / 1000;
    }
    return this.#maxMs;
  }

  get count(): number {
    return this.#total;
  }

  summary(): { p50: number; p99: number; p999: number; max: number; count: number } {
    const round = (ms: number) => Math.round(ms * 1000) / 1000;
    return {
      p50: round(this.quantile(0.5)),
      p99: round(this.quantile(0.99)),
      p999: round(this.quantile(0.999)),
      max: round(this.#maxMs),
      count: this.#total,
    };
  }
}
