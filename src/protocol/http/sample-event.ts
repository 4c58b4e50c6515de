import type { DataType } from '../../plan/data-type.ts';
import { identifierText } from '../../plan/expression-text.ts';
import type { SourceColumn, SourceNode } from '../../plan/node.ts';

/** Stands in the sample for the shell's clock: what is printed is still in time when it is pasted. */
const NOW = '\u0000now';
const SERIAL = '\u0000serial';

/** What a text column of this name usually holds. */
const TEXT_BY_NAME: readonly (readonly [RegExp, string])[] = [
  [/method/i, 'GET'],
  [/(^|_)ip($|_)|address/i, '203.0.113.7'],
  [/path|page|route/i, '/hello'],
  [/url|uri/i, 'https://example.com/hello'],
  [/mail/i, 'ada@example.com'],
  [/country/i, 'CH'],
  [/currency/i, 'CHF'],
];

/** A `curl` that sends one event with the present time to a source's topic, as it works in any POSIX shell. */
export function curlLine(url: string, source: SourceNode): string {
  return `curl ${url}/api/v2/ingest/${source.topic} -H 'content-type: application/json' -d ${sampleEvent(source)}`;
}

/** An event that the source takes, as JSON in the quotes of a POSIX shell, which puts the present time into it. */
export function sampleEvent(source: SourceNode): string {
  const event: Record<string, unknown> = {};
  for (const [index, column] of source.columns.entries()) {
    if (column.nullable && index !== source.watermark?.columnIndex) continue;
    put(event, column.path, index === source.watermark?.columnIndex ? NOW : sampleOf(column));
  }
  const json = JSON.stringify(event)
    .replaceAll("'", "'\\''")
    .replaceAll(JSON.stringify(NOW).slice(1, -1), `'$(date -u +%FT%TZ)'`)
    .replaceAll(JSON.stringify(SERIAL).slice(1, -1), `own-'$(date +%s)'`);
  return `'${json}'`;
}

/** A query that finds what {@link curlLine} has sent, and where it went; undefined when nothing tells it from the rest. */
export function ownEventQuery(source: SourceNode): string | undefined {
  const id = source.columns.find((column) => !column.nullable && holdsSerial(column));
  if (id === undefined) return undefined;
  // The shell reads it between double quotes.
  if (identifierText(id.name) !== id.name || identifierText(source.topic) !== source.topic) return undefined;
  return `SELECT ${id.name}, _partition, _offset FROM ${source.topic} WHERE ${id.name} LIKE 'own-%'`;
}

function holdsSerial({ name, type }: Pick<SourceColumn, 'name' | 'type'>): boolean {
  return type.kind === 'text' && /(^|_)id$/i.test(name);
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = target;
  for (const step of path.slice(0, -1)) {
    const inner = (at[step] ?? {}) as Record<string, unknown>;
    at[step] = inner;
    at = inner;
  }
  at[path.at(-1)!] = value;
}

function sampleOf({ name, type }: SourceColumn): unknown {
  if (holdsSerial({ name, type })) return SERIAL;
  if (type.kind === 'text') return TEXT_BY_NAME.find(([pattern]) => pattern.test(name))?.[1] ?? 'example';
  if (/status/i.test(name) && (type.kind === 'int4' || type.kind === 'int2')) return 200;
  return sampleOfType(type);
}

function sampleOfType(type: DataType): unknown {
  switch (type.kind) {
    case 'boolean':
      return true;
    case 'float4':
    case 'float8':
    case 'numeric':
      return 12.5;
    case 'timestamp':
    case 'timestamptz':
      return NOW;
    case 'date':
      return '2026-01-31';
    case 'time':
      return '12:00:00';
    case 'uuid':
      return '6f6b1f5e-3d57-4c6a-9d0e-2f5a3c1b7e90';
    case 'jsonb':
      return {};
    case 'array':
      return [];
    case 'int2':
    case 'int4':
    case 'int8':
      return 1;
    default:
      return 'example';
  }
}
