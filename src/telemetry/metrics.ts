/** Prometheus metric families, in process; names are `headrace_..._{total,seconds,bytes,...}`. One registry per runtime. */
export interface Counter {
  add(value: number, labels?: Labels): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
}
export interface Histogram {
  /** `count` observations of the same value; 1 by default. */
  observe(value: number, labels?: Labels, count?: number): void;
  /** Quantile (0..1) over the recent window, for the JSON API. */
  quantile(q: number, labels?: Labels): number;
}
export type Labels = Readonly<Record<string, string>>;

export interface MetricRegistry {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
  histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Histogram;
  /** Called before each scrape, to set gauges. */
  onCollect(callback: () => void): void;
  /** Text exposition format 0.0.4. */
  expose(): string;
  /** The same as plain data. */
  snapshot(): readonly MetricSample[];
  /** The families that have been registered, by name; the reference is made from it. */
  describe(): readonly MetricDescription[];
}

export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labelNames: readonly string[];
}

export interface MetricSample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}
