import { readFileSync } from 'node:fs';
import { code, pageHead, table } from './markdown.ts';

/** Where limits are declared, one file for each folder, and what each is about. */
const FILES = [
  ['src/protocol/http/limit.ts', 'The HTTP door', () => import('../../src/protocol/http/limit.ts')],
  ['src/ingest/limits.ts', 'Ingest', () => import('../../src/ingest/limits.ts')],
  ['src/log/limits.ts', 'The log', () => import('../../src/log/limits.ts')],
  ['src/kernel/json-decoder.ts', 'Decoding JSON', () => import('../../src/kernel/json-decoder.ts')],
  ['src/kernel/csv.ts', 'Decoding CSV', () => import('../../src/kernel/csv.ts')],
  ['src/schema/topic-schema.ts', 'Schemas', () => import('../../src/schema/topic-schema.ts')],
  ['src/sql/limits.ts', 'SQL', () => import('../../src/sql/limits.ts')],
  ['src/engine/limits.ts', 'Pipelines', () => import('../../src/engine/limits.ts')],
  ['src/serving/limits.ts', 'Tables, queries and live streams', () => import('../../src/serving/limits.ts')],
  ['src/alert/limits.ts', 'Alerts', () => import('../../src/alert/limits.ts')],
  ['src/delivery/limits.ts', 'Delivery to other systems', () => import('../../src/delivery/limits.ts')],
  ['src/connector/file/replay.ts', 'The file source', () => import('../../src/connector/file/replay.ts')],
  ['src/security/audit.ts', 'Audit', () => import('../../src/security/audit.ts')],
  ['src/telemetry/registry.ts', 'Metrics', () => import('../../src/telemetry/registry.ts')],
] as const;

/** `/** why *\/ export const NAME = ...`: the comment and the name; comments without a constant belong to what follows them. */
const CONSTANT = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?export const ([A-Z][A-Z0-9_]*)\b/g;
/** Fields of an interface of limits. */
const FIELD = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n\s+readonly (\w+): number;/g;

export async function limitsPage(read: (file: string) => string = readSource): Promise<string> {
  const sections: string[] = [];
  for (const [file, title, load] of FILES) {
    const rows = limitRows(read(file), (await load()) as Readonly<Record<string, unknown>>);
    sections.push(`## ${title}\n\n${table(['limit', 'value', 'what it bounds'], rows)}`);
  }
  return `${pageHead(
    'Limits',
    `Every queue, buffer and input has a bound, a named constant beside the code that keeps it. Those that an operator may move
are [options](options.md); the values here are their defaults.`,
  )}\n${sections.join('\n')}`;
}

function limitRows(text: string, values: Readonly<Record<string, unknown>>): string[][] {
  const rows: string[][] = [];
  const fields = new Map([...text.matchAll(FIELD)].map(([, comment = '', name = '']) => [name, commentText(comment)]));
  for (const [, comment, name = ''] of text.matchAll(CONSTANT)) {
    const value = values[name];
    if (typeof value === 'number') rows.push([code(name), valueText(name, value), commentText(comment ?? '')]);
    else if (typeof value === 'object' && value !== null && name.endsWith('LIMITS')) {
      for (const [field, number] of Object.entries(value)) {
        rows.push([code(field), valueText(field, Number(number)), fields.get(field) ?? '']);
      }
    }
  }
  return rows;
}

function commentText(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s?/, ''))
    .join(' ')
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .trim();
}

function valueText(name: string, value: number): string {
  if (/bytes/i.test(name)) return byteText(value);
  if (/(_MS|Ms)(_|$)|ExpiryMs$/.test(name)) return milliseconds(value);
  return value.toLocaleString('en');
}

function byteText(bytes: number): string {
  const units = ['GiB', 'MiB', 'KiB'];
  const at = units.findIndex((_, i) => bytes % 1024 ** (3 - i) === 0);
  return at < 0 ? `${bytes} B` : `${bytes / 1024 ** (3 - at)} ${units[at]!}`;
}

function milliseconds(value: number): string {
  if (value >= 3_600_000 && value % 3_600_000 === 0) return `${value / 3_600_000} h`;
  return value >= 1_000 && value % 1_000 === 0 ? `${value / 1_000} s` : `${value} ms`;
}

function readSource(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
}
