import { type FunctionOverload, NULLABLE, overload } from './overload.ts';

/** The parts of a URL as RFC 3986, appendix B, cuts it, with the authority cut by section 3.2; undefined for a part that is not there. */
interface UrlParts {
  readonly protocol: string | undefined;
  readonly userInfo: string | undefined;
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly path: string;
  readonly query: string | undefined;
  readonly fragment: string | undefined;
}

const URL_TEXT = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/s;

/** Undefined for a text with blanks or control characters, which is no URL. */
function partsOf(url: string): UrlParts | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  const match = /[\s\u0000-\u001f]/.test(url) ? null : URL_TEXT.exec(url);
  if (match === null) return undefined;
  const authority = match[2] ?? '';
  const at = authority.lastIndexOf('@');
  const place = HOST_AND_PORT.exec(authority.slice(at + 1));
  if (place === null) return undefined;
  return {
    protocol: match[1],
    userInfo: at < 0 ? undefined : authority.slice(0, at),
    host: place[1] || undefined,
    port: place[2] || undefined,
    path: match[3] ?? '',
    query: match[4],
    fragment: match[5],
  };
}

/** What a browser sent: `+` is a blank; a broken escape stays as it is. */
function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function parameter(query: string | undefined, name: string): string | null {
  for (const pair of (query ?? '').split('&')) {
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    if (pair !== '' && decoded(key) === name) return equals < 0 ? '' : pair.slice(equals + 1);
  }
  return null;
}

type Reader = (parts: UrlParts) => string | number | null | undefined;

const reading =
  (read: Reader) =>
  (url: string): string | number | null => {
    const parts = partsOf(url);
    return parts === undefined ? null : (read(parts) ?? null);
  };

/** The parts by the names that Spark's and Flink's parse_url give them. */
const PARTS: Readonly<Record<string, Reader>> = {
  PROTOCOL: (p) => p.protocol,
  HOST: (p) => p.host,
  PATH: (p) => p.path,
  QUERY: (p) => p.query,
  REF: (p) => p.fragment,
  FILE: (p) => (p.query === undefined ? p.path : `${p.path}?${p.query}`),
  AUTHORITY: (p) => {
    if (p.host === undefined) return undefined;
    return `${p.userInfo === undefined ? '' : `${p.userInfo}@`}${p.host}${p.port === undefined ? '' : `:${p.port}`}`;
  },
  USERINFO: (p) => p.userInfo,
};

function parseUrl(url: string, part: string, key?: string): string | number | null {
  const parts = partsOf(url);
  const read = PARTS[part.toUpperCase()];
  if (parts === undefined || read === undefined) return null;
  if (key !== undefined) return part.toUpperCase() === 'QUERY' ? parameter(parts.query, key) : null;
  return read(parts) ?? null;
}

const one = ['text'] as const;
const two = ['text', 'text'] as const;

function queryParameter(url: string, name: string): string | null {
  const found = parameter(partsOf(url)?.query, name);
  return found === null ? null : decoded(found);
}

/** Percent-encoding of everything but unreserved characters (RFC 3986, section 2.3). */
function encodeUrl(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9\-._~]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

/** Parts of URLs, null where there are none; by the names that Trino and Spark users know, and by ours. */
export const URL_FUNCTIONS: readonly FunctionOverload[] = [
  ...['url_protocol', 'url_extract_protocol'].map((name) =>
    overload(
      name,
      one,
      'text',
      reading((p) => p.protocol),
      NULLABLE,
    ),
  ),
  ...['url_host', 'url_extract_host'].map((name) =>
    overload(
      name,
      one,
      'text',
      reading((p) => p.host),
      NULLABLE,
    ),
  ),
  ...['url_port', 'url_extract_port'].map((name) =>
    overload(
      name,
      one,
      'int8',
      (url: string) => (partsOf(url)?.port === undefined ? null : BigInt(partsOf(url)!.port!)),
      NULLABLE,
    ),
  ),
  ...['url_path', 'url_extract_path'].map((name) =>
    overload(
      name,
      one,
      'text',
      reading((p) => p.path),
      NULLABLE,
    ),
  ),
  ...['url_query', 'url_extract_query'].map((name) =>
    overload(
      name,
      one,
      'text',
      reading((p) => p.query),
      NULLABLE,
    ),
  ),
  ...['url_fragment', 'url_extract_fragment'].map((name) =>
    overload(
      name,
      one,
      'text',
      reading((p) => p.fragment),
      NULLABLE,
    ),
  ),
  ...['url_query_param', 'url_extract_parameter'].map((name) => overload(name, two, 'text', queryParameter, NULLABLE)),
  overload('parse_url', two, 'text', parseUrl, NULLABLE),
  overload('parse_url', ['text', 'text', 'text'], 'text', parseUrl, NULLABLE),
  overload('url_encode', one, 'text', encodeUrl),
  overload('url_decode', one, 'text', decoded),
];
