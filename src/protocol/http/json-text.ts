/**
 * JSON of values that may hold 64-bit integers: a number while JavaScript can read it back exactly, else its digits as
 * a string. Bytes become PostgreSQL's `\x...`.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, replacer);
}

function replacer(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return value;
}
