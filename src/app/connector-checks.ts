import { createRequire } from 'node:module';
import { HeadraceError, type SourcePosition } from '../base/error.ts';
import { requireUrl } from '../connector/http/http-sink.ts';
import { placeholdersOf } from '../connector/lookup/key-pattern.ts';
import type { SinkOption } from '../sql/statement/pipeline-compiler.ts';

/** What is declared, whichever front end declared it. */
export interface DeclaredLookup {
  readonly name: string;
  readonly keyNames: readonly string[];
  /** All columns, or those that are wanted; the key may be among them. */
  readonly columns: readonly string[];
}

type Options = ReadonlyMap<string, SinkOption>;

/** @throws HeadraceError `CONFIG_VALUE_INVALID` */
export function checkHttpLookup({ name, keyNames }: DeclaredLookup, options: Options): void {
  const { value, position } = options.get('url')!;
  requireUrl(name, value.replaceAll(/[{}]/g, ''), position);
  requireKey({ name, keyNames, pattern: value, position, what: 'address', stem: 'https://example.com/' });
}

/** @throws HeadraceError `CONFIG_VALUE_INVALID`, `CONNECTOR_PACKAGE_MISSING` */
export function checkRedisLookup({ name, keyNames, columns }: DeclaredLookup, options: Options): void {
  const url = options.get('url')!;
  const lookup = lookupNamed(name);
  requireServer(lookup, url, ['redis:', 'rediss:'], /^\/?\d*$/, 'redis://user@host:6379/0');
  const { value, position } = options.get('key')!;
  requireKey({ name, keyNames, pattern: value, position, what: 'key in Redis', stem: 'user:' });
  const type = options.get('type');
  const own = columns.filter((column) => !keyNames.includes(column));
  if (type?.value === 'string' && own.length > 1) {
    const why = `a string is the value of one column, and there are ${own.join(', ')}`;
    throw invalid(lookup, why, "declare one column beside the key, or say type = 'json'", type.position);
  }
  const caFile = options.get('ca_file');
  if (caFile !== undefined && url.value.startsWith('redis:')) {
    throw invalid(lookup, '"ca_file" is set, and the address is without TLS', 'write rediss://', caFile.position);
  }
  requirePackage(lookup, 'ioredis', url.position);
}

/** @throws HeadraceError `CONFIG_VALUE_INVALID`, `CONNECTOR_PACKAGE_MISSING` */
export function checkPostgresLookup({ name, keyNames }: DeclaredLookup, options: Options): void {
  const url = options.get('url')!;
  const lookup = lookupNamed(name);
  requireServer(lookup, url, ['postgres:', 'postgresql:'], /^\/[^/]+$/, 'postgres://user@host:5432/database');
  const [table, query] = [options.get('table'), options.get('query')];
  if ((table === undefined) === (query === undefined)) {
    const why = table === undefined ? 'neither "table" nor "query" is set' : '"table" and "query" are set';
    throw invalid(lookup, why, 'set one of them', (query ?? url).position);
  }
  const place = query && keyNames.findIndex((_, at) => !new RegExp(`\\$${at + 1}(?!\\d)`).test(query.value));
  if (query !== undefined && place !== undefined && place >= 0) {
    const why = `its query has no $${place + 1} for "${keyNames[place]!}"`;
    throw invalid(
      lookup,
      why,
      `compare with the array of keys, as in ${keyNames[place]!} = ANY($${place + 1})`,
      query.position,
    );
  }
  requirePackage(lookup, 'pg', url.position);
}

const lookupNamed = (name: string): string => `look-up "${name}"`;

/** @throws HeadraceError `CONFIG_VALUE_INVALID`, `CONNECTOR_PACKAGE_MISSING` */
export function checkPostgresSink(name: string, options: Options): void {
  const url = options.get('url')!;
  const sink = `sink "${name}"`;
  requireServer(sink, url, ['postgres:', 'postgresql:'], /^\/[^/]+$/, 'postgres://user@host:5432/database');
  const table = options.get('table')!;
  const parts = table.value.split('.');
  if (parts.length > 2 || parts.includes('')) {
    throw invalid(sink, `"${table.value}" is not the name of a table`, 'write table or schema.table', table.position);
  }
  requirePackage(sink, 'pg', url.position);
}

function invalid(what: string, why: string, next: string, position: SourcePosition): HeadraceError {
  return new HeadraceError(`reading ${what}: ${why}`, {
    code: 'CONFIG_VALUE_INVALID',
    domain: 'config',
    position,
    next,
  });
}

/** The address of a server; it is not shown, since it may hold a password by mistake. */
function requireServer(
  what: string,
  { value, position }: SinkOption,
  protocols: readonly string[],
  path: RegExp,
  example: string,
): void {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && url.password !== '') {
    throw invalid(what, 'its address holds a password', 'write it to a file, and name that as password_file', position);
  }
  const fits =
    url !== undefined &&
    protocols.includes(url.protocol) &&
    url.hostname !== '' &&
    path.test(url.pathname) &&
    url.search === '' &&
    url.hash === '';
  if (!fits) throw invalid(what, 'its address is not that of a server', `write it as in ${example}`, position);
}

/** A pattern names each column of the key, and nothing else. */
function requireKey(given: {
  readonly name: string;
  readonly keyNames: readonly string[];
  readonly pattern: string;
  readonly position: SourcePosition;
  readonly what: string;
  readonly stem: string;
}): void {
  const { name, keyNames, pattern, position, what, stem } = given;
  const named = placeholdersOf(pattern);
  const wrong = named.find((column) => !keyNames.includes(column)) ?? keyNames.find((key) => !named.includes(key));
  if (wrong === undefined) return;
  const join = stem.endsWith('/') ? '/' : ':';
  const why = `its ${what} names ${shownNames(named)}, its key is ${shownNames(keyNames)}`;
  const example = `${stem}${keyNames.map((key) => `{${key}}`).join(join)}`;
  throw invalid(lookupNamed(name), why, `write each column of the key once, as in ${example}`, position);
}

function shownNames(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.map((name) => `{${name}}`).join(', ');
}

/**
 * Packages of connectors that few need are optional.
 * @throws HeadraceError `CONNECTOR_PACKAGE_MISSING`
 */
export function requirePackage(what: string, packageName: string, position: SourcePosition): void {
  try {
    createRequire(import.meta.url).resolve(packageName);
  } catch {
    throw new HeadraceError(`reading ${what}: the package ${packageName} is not installed`, {
      code: 'CONNECTOR_PACKAGE_MISSING',
      domain: 'connector',
      position,
      next: `run "npm install ${packageName}"`,
    });
  }
}
