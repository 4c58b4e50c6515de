import type { LookupFound } from './lookup-source.ts';

interface Entry {
  readonly found: LookupFound;
  readonly untilMs: number;
}

/** What was found, and that nothing was, each for its time; the entries that were asked for longest ago go first. */
export class LookupCache {
  readonly #entriesMax: number;
  readonly #ttlMs: number;
  readonly #negativeTtlMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly entriesMax: number; readonly ttlMs: number; readonly negativeTtlMs: number }) {
    this.#entriesMax = options.entriesMax;
    this.#ttlMs = options.ttlMs;
    this.#negativeTtlMs = options.negativeTtlMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Undefined when it is not known any more. */
  get(key: string, nowMs: number): { readonly found: LookupFound } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (nowMs >= entry.untilMs) return undefined;
    this.#entries.set(key, entry);
    return entry;
  }

  set(key: string, found: LookupFound, nowMs: number): void {
    const ttlMs = found === undefined ? this.#negativeTtlMs : this.#ttlMs;
    if (ttlMs <= 0 || this.#entriesMax <= 0) return;
    this.#entries.delete(key);
    this.#entries.set(key, { found, untilMs: nowMs + ttlMs });
    if (this.#entries.size <= this.#entriesMax) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
