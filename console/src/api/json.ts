/** Reads JSON of the API: parsed once here, trusted inside. Missing or odd fields become neutral values, never exceptions. */

export type JsonObject = Readonly<Record<string, unknown>>;

interface ReviverContext {
  readonly source?: string;
}

/** Integers that a double cannot hold keep their digits, as text (where the browser hands out the source text). */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const revive = (_key: string, value: unknown, context?: ReviverContext): unknown =>
    typeof value === 'number' &&
    context?.source !== undefined &&
    /^-?\d{16,}(\.\d+)?$/.test(context.source) &&
    !exact(context.source)
      ? context.source
      : value;
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

function exact(source: string): boolean {
  return String(Number(source)) === source;
}

export function object(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The list itself, or the list under the first of these names that holds one. */
export function listIn(value: unknown, ...names: readonly string[]): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const fields = object(value);
  for (const name of names) if (Array.isArray(fields[name])) return list(fields[name]);
  return [];
}

export function text(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : otherwise;
}

export function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function number(value: unknown, otherwise = 0): number {
  return optionalNumber(value) ?? otherwise;
}

export function optionalNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : undefined;
}

/** Milliseconds since the Unix epoch, from milliseconds, microseconds (as digits or number) or ISO 8601. */
export function instant(value: unknown): number | undefined {
  if (typeof value === 'string' && /\d-\d/.test(value)) {
    const parsed = Date.parse(value);
    return Number.isNaN(parsed) ? undefined : parsed;
  }
  const parsed = optionalNumber(value);
  if (parsed === undefined) return undefined;
  return Math.abs(parsed) > MILLISECONDS_MAX ? parsed / 1000 : parsed;
}

/** The year 5138; a larger number of a time is taken for microseconds. */
const MILLISECONDS_MAX = 1e14;
