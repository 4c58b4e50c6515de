import { jsonText } from './json-text.ts';

/** RFC 4180 with LF line ends. NULL is an empty field, the empty string is `""`, as PostgreSQL's COPY writes them. */
export function csvText(columns: readonly string[], rows: Iterable<readonly unknown[]>): string {
  let text = `${columns.map(csvField).join(',')}\n`;
  for (const row of rows) text += `${row.map(csvField).join(',')}\n`;
  return text;
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' && !(value instanceof Uint8Array) ? jsonText(value) : plainText(value);
  return text === '' || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function plainText(value: unknown): string {
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : String(value);
}
