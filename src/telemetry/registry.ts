import { HeadraceError } from '../base/error.ts';
import type { Counter, Gauge, Histogram, Labels, MetricDescription, MetricRegistry, MetricSample } from './metrics.ts';

/** Label sets of one family at most; what comes beyond is folded into one series whose labels are all `_other`. */
export const SERIES_PER_FAMILY_MAX = 2_000;
/** Calls of `observe` kept per series for quantiles. */
export const QUANTILE_WINDOW = 1_024;

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const OTHER = '_other';

type FamilyType = MetricDescription['type'];

/**
 * An empty registry.
 *
 * @example
 * ```ts
 * const metrics = createMetrics();
 * metrics.counter('headrace_events_total', 'Events accepted', ['topic']).add(2, { topic: 'orders' });
 * metrics.expose(); // ... headrace_events_total{topic="orders"} 2
 * ```
 */
export function createMetrics(): MetricRegistry {
  return new Registry();
}

class Registry implements MetricRegistry {
  readonly #families = new Map<string, Family>();
  readonly #collectors: (() => void)[] = [];

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return this.#family(name, 'counter', labelNames, () => new ScalarFamily(name, 'counter', help, labelNames));
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return this.#family(name, 'gauge', labelNames, () => new ScalarFamily(name, 'gauge', help, labelNames));
  }

  histogram(name: string, help: string, buckets: readonly number[], labelNames: readonly string[] = []): Histogram {
    return this.#family(name, 'histogram', labelNames, () => new HistogramFamily(name, help, buckets, labelNames));
  }

  onCollect(callback: () => void): void {
    this.#collectors.push(callback);
  }

  expose(): string {
    this.#collect();
    const lines: string[] = [];
    for (const family of this.#families.values()) family.expose(lines);
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  snapshot(): readonly MetricSample[] {
    this.#collect();
    const samples: MetricSample[] = [];
    for (const family of this.#families.values()) family.sample(samples);
    return samples;
  }

  describe(): readonly MetricDescription[] {
    return [...this.#families.values()]
      .map(({ name, type, help, labelNames }) => ({ name, type, help, labelNames }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #collect(): void {
    for (const collect of this.#collectors) collect();
  }

  #family<F extends Family>(name: string, type: FamilyType, labelNames: readonly string[], create: () => F): F {
    const existing = this.#families.get(name);
    if (existing === undefined) {
      checkNames(name, labelNames);
      const family = create();
      this.#families.set(name, family);
      return family;
    }
    if (existing.type !== type || existing.labelNames.join() !== labelNames.join()) {
      throw new HeadraceError(`registering metric ${name}: it exists with another type or other labels`, {
        code: 'CONFIG_METRIC_CONFLICT',
        domain: 'config',
        next: 'give one of the two another name',
      });
    }
    return existing as F;
  }
}

function checkNames(name: string, labelNames: readonly string[]): void {
  const bad = METRIC_NAME.test(name) ? labelNames.find((label) => !LABEL_NAME.test(label)) : name;
  if (bad === undefined) return;
  throw new HeadraceError(`registering metric ${name}: "${bad}" is not a Prometheus name`, {
    code: 'CONFIG_METRIC_NAME',
    domain: 'config',
    next: 'use letters, digits and underscores',
  });
}

interface Family extends MetricDescription {
  expose(lines: string[]): void;
  sample(samples: MetricSample[]): void;
}

/** The series of one family by their label values; bounded. */
class SeriesMap<S> {
  readonly #series = new Map<string, { labels: Labels; state: S }>();
  readonly #labelNames: readonly string[];
  readonly #create: () => S;
  readonly #unlabelled: S | undefined;

  constructor(labelNames: readonly string[], create: () => S) {
    this.#labelNames = labelNames;
    this.#create = create;
    this.#unlabelled = labelNames.length === 0 ? this.#add('', {}) : undefined;
  }

  of(labels: Labels | undefined): S {
    if (this.#unlabelled !== undefined) return this.#unlabelled;
    const key = this.#key(labels ?? {});
    const found = this.#series.get(key);
    if (found !== undefined) return found.state;
    if (this.#series.size >= SERIES_PER_FAMILY_MAX) return this.#overflow();
    const kept: Record<string, string> = {};
    for (const name of this.#labelNames) kept[name] = labels?.[name] ?? '';
    return this.#add(key, kept);
  }

  values(): Iterable<{ readonly labels: Labels; readonly state: S }> {
    return this.#series.values();
  }

  #key(labels: Labels): string {
    if (this.#labelNames.length === 1) return labels[this.#labelNames[0]!] ?? '';
    let key = '';
    for (const name of this.#labelNames) {
      const value = labels[name] ?? '';
      key += `${value.length}:${value}`;
    }
    return key;
  }

  #overflow(): S {
    const labels = Object.fromEntries(this.#labelNames.map((name) => [name, OTHER]));
    const key = this.#key(labels);
    return this.#series.get(key)?.state ?? this.#add(key, labels);
  }

  #add(key: string, labels: Labels): S {
    const state = this.#create();
    this.#series.set(key, { labels, state });
    return state;
  }
}

class ScalarFamily implements Family, Counter, Gauge {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly #series: SeriesMap<{ value: number }>;

  constructor(name: string, type: 'counter' | 'gauge', help: string, labelNames: readonly string[]) {
    this.name = name;
    this.type = type;
    this.help = help;
    this.labelNames = labelNames;
    this.#series = new SeriesMap(labelNames, () => ({ value: 0 }));
  }

  add(value: number, labels?: Labels): void {
    if (!(value >= 0)) return;
    this.#series.of(labels).value += value;
  }

  set(value: number, labels?: Labels): void {
    this.#series.of(labels).value = value;
  }

  expose(lines: string[]): void {
    exposeHead(lines, this.name, this.help, this.type);
    for (const { labels, state } of this.#series.values()) {
      lines.push(`${this.name}${labelText(labels)} ${numberText(state.value)}`);
    }
  }

  sample(samples: MetricSample[]): void {
    for (const { labels, state } of this.#series.values())
      samples.push({ name: this.name, labels, value: state.value });
  }
}

interface HistogramState {
  readonly counts: Float64Array;
  sum: number;
  count: number;
  /** Ring of the newest calls of `observe`: values, and how many observations each stands for. */
  readonly recent: Float64Array;
  readonly weights: Float64Array;
  calls: number;
}

class HistogramFamily implements Family, Histogram {
  readonly name: string;
  readonly type = 'histogram';
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly #buckets: readonly number[];
  readonly #series: SeriesMap<HistogramState>;

  constructor(name: string, help: string, buckets: readonly number[], labelNames: readonly string[]) {
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
    this.#buckets = [...buckets].sort((a, b) => a - b);
    this.#series = new SeriesMap(labelNames, () => ({
      counts: new Float64Array(buckets.length + 1),
      sum: 0,
      count: 0,
      recent: new Float64Array(QUANTILE_WINDOW),
      weights: new Float64Array(QUANTILE_WINDOW),
      calls: 0,
    }));
  }

  observe(value: number, labels?: Labels, count = 1): void {
    if (Number.isNaN(value) || !(count > 0)) return;
    const state = this.#series.of(labels);
    let bucket = 0;
    while (bucket < this.#buckets.length && value > this.#buckets[bucket]!) bucket++;
    state.counts[bucket]! += count;
    state.sum += value * count;
    state.recent[state.calls % QUANTILE_WINDOW] = value;
    state.weights[state.calls % QUANTILE_WINDOW] = count;
    state.calls += 1;
    state.count += count;
  }

  quantile(q: number, labels?: Labels): number {
    return quantileOf(this.#series.of(labels), q);
  }

  expose(lines: string[]): void {
    exposeHead(lines, this.name, this.help, 'histogram');
    for (const { labels, state } of this.#series.values()) {
      let cumulative = 0;
      for (let bucket = 0; bucket <= this.#buckets.length; bucket++) {
        cumulative += state.counts[bucket]!;
        const bound = bucket < this.#buckets.length ? numberText(this.#buckets[bucket]!) : '+Inf';
        lines.push(`${this.name}_bucket${labelText({ ...labels, le: bound })} ${cumulative}`);
      }
      lines.push(`${this.name}_sum${labelText(labels)} ${numberText(state.sum)}`);
      lines.push(`${this.name}_count${labelText(labels)} ${state.count}`);
    }
  }

  sample(samples: MetricSample[]): void {
    for (const { labels, state } of this.#series.values()) {
      samples.push({ name: `${this.name}_count`, labels, value: state.count });
      samples.push({ name: `${this.name}_sum`, labels, value: state.sum });
      for (const q of [0.5, 0.99]) {
        samples.push({ name: this.name, labels: { ...labels, quantile: String(q) }, value: quantileOf(state, q) });
      }
    }
  }
}

/** Nearest-rank quantile over the recent observations, each by its weight; 0 when there is none. */
function quantileOf(state: HistogramState, q: number): number {
  const { recent, weights } = state;
  const size = Math.min(state.calls, QUANTILE_WINDOW);
  if (size === 0) return 0;
  const order = Array.from({ length: size }, (_, at) => at).sort((a, b) => recent[a]! - recent[b]!);
  let total = 0;
  for (let at = 0; at < size; at++) total += weights[at]!;
  const rank = Math.max(1, Math.ceil(q * total));
  let below = 0;
  for (const at of order) {
    below += weights[at]!;
    if (below >= rank) return recent[at]!;
  }
  return recent[order[size - 1]!]!;
}

function exposeHead(lines: string[], name: string, help: string, type: FamilyType): void {
  lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${type}`);
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
