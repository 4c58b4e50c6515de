import { messageOf } from '../../base/error.ts';
import type { AskTarget } from '../../engine/effect/effect.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { SourceColumn } from '../../plan/node.ts';
import { type ExactJson, parseExactly } from '../../plan/value/exact-json.ts';
import { fromJsonValue } from '../../plan/value/json-value.ts';
import { textToValue, valueToText } from '../../plan/value/value-text.ts';

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
export function foundInJson(row: ExactJson, target: LookupTarget, key: LookupKey): LookupFound {
  return foundIn(target, key, ({ path, type }) => valueAt(row, path, type));
}

/**
 * The columns of a row of texts, each as its type is written. The first step of a path names a text, further ones lead into it as JSON.
 * @throws LookupRefused as {@link foundInJson}
 */
export function foundInTexts(
  textOf: (name: string) => string | null,
  target: LookupTarget,
  key: LookupKey,
): LookupFound {
  return foundIn(target, key, ({ path: [name = '', ...inner], type }) => {
    const text = textOf(name);
    if (text === null) return null;
    return inner.length === 0 ? textToValue(text, type) : valueAt(parseExactly(text), inner, type);
  });
}

function foundIn(target: LookupTarget, key: LookupKey, valueIn: (column: SourceColumn) => unknown): LookupFound {
  return target.found.map((column) => {
    const { name, type, nullable, path } = column;
    const keyAt = target.keyNames.indexOf(name);
    if (keyAt >= 0) return key[keyAt] ?? null;
    let value: unknown;
    try {
      value = valueIn(column);
    } catch (error) {
      throw new LookupRefused(`column "${name}": ${messageOf(error)}`);
    }
    if (value !== null) return valueToText(value, type);
    if (nullable) return null;
    throw new LookupRefused(`there is no "${path.join('.')}" in what was found, and column "${name}" is NOT NULL`);
  });
}

/** Numbers with more digits than a double has keep them in int8 and numeric; those of jsonb stay numbers. */
function valueAt(row: ExactJson, path: readonly string[], type: DataType): unknown {
  return fromJsonValue(at(keepsDigits(type) ? row.exact : row.value, path), type);
}

function keepsDigits(type: DataType): boolean {
  if (type.kind === 'array') return keepsDigits(type.element);
  return type.kind === 'int8' || type.kind === 'numeric';
}

function at(row: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, step) => memberOf(inner, step), row);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
