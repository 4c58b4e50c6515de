import type { AskTarget } from '../../engine/effect/effect.ts';
import { fromJsonValue } from '../../plan/value/json-value.ts';
import { valueToText } from '../../plan/value/value-text.ts';

/** What is looked up, and what is wanted of it. */
export type LookupTarget = AskTarget & { readonly kind: 'lookup' };
/** Values of the key as text, none of them null. */
export type LookupKey = readonly string[];
/** The columns that were found, as text; undefined when there is nothing for the key. */
export type LookupFound = readonly (string | null)[] | undefined;

/** A system that is asked. Caching, coalescing, retries and limits are made around it ({@link CachedLookup}). */
export interface LookupSource {
  /** Keys that one request may ask for. */
  readonly batchMax: number;
  /** One answer for each key, in their order. Throws {@link LookupRefused} for what would fail again, anything else for what may not. */
  fetch(keys: readonly LookupKey[], signal: AbortSignal): Promise<readonly LookupFound[]>;
  close(): Promise<void>;
}

/** The fault lies in the key or in the answer: asking again would not help. */
export class LookupRefused extends Error {}

/** The source said when it is to be asked again. */
export class LookupBusy extends Error {
  readonly askedMs: number | undefined;

  constructor(message: string, askedMs: number | undefined) {
    super(message);
    this.askedMs = askedMs;
  }
}

/** The columns of a JSON object. @throws LookupRefused when a value is not of its type, or missing where null is not allowed */
export function foundInJson(row: unknown, target: LookupTarget, key: LookupKey): LookupFound {
  return target.found.map(({ name, type, nullable, path }) => {
    const keyAt = target.keyNames.indexOf(name);
    if (keyAt >= 0) return key[keyAt] ?? null;
    const value = path.reduce<unknown>((inner, step) => memberOf(inner, step), row);
    if (value === undefined || value === null) {
      if (nullable) return null;
      throw new LookupRefused(`there is no "${path.join('.')}" in what was found, and column "${name}" is NOT NULL`);
    }
    try {
      return valueToText(fromJsonValue(value, type), type);
    } catch (error) {
      throw new LookupRefused(`column "${name}": ${(error as Error).message}`);
    }
  });
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
