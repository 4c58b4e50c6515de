import type { IngestFormat } from '../../ingest/ingest.ts';
import { httpError } from './problem.ts';

/** What ingest takes, by media type; the first of each format is the one that is named in messages. */
export const INGEST_MEDIA_TYPES: Readonly<Record<string, IngestFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
};

const NAMED =
  'application/json (one event or an array), application/x-ndjson (one event a line), text/csv (with a header line)';

/**
 * Format of an ingest body.
 * @throws HeadraceError `HTTP_MEDIA_TYPE` with the list of what is taken
 */
export function ingestFormatOf(contentType: string | undefined): IngestFormat {
  // The common case first, without a parse.
  if (contentType === 'application/json') return 'json';
  if (contentType === undefined) throw refuse('no Content-Type');
  const { type, charset } = parseMediaType(contentType);
  const format = Object.hasOwn(INGEST_MEDIA_TYPES, type) ? INGEST_MEDIA_TYPES[type] : undefined;
  if (format === undefined) throw refuse(`Content-Type "${type}"`);
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw refuse(`charset "${charset}" (only utf-8 is)`);
  }
  return format;
}

/** Type and charset of a Content-Type header, in lower case (RFC 9110, section 8.3.1). */
export function parseMediaType(header: string): { readonly type: string; readonly charset: string | undefined } {
  const [type = '', ...parameters] = header.split(';');
  let charset: string | undefined;
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=');
    if (name.trim().toLowerCase() === 'charset') charset = value.trim().replaceAll('"', '').toLowerCase();
  }
  return { type: type.trim().toLowerCase(), charset };
}

/** Whether an Accept header asks for this type by name. */
export function acceptNames(accept: string | undefined, type: string): boolean {
  return accept?.split(',').some((part) => parseMediaType(part).type === type) ?? false;
}

function refuse(what: string) {
  return httpError('HTTP_MEDIA_TYPE', `reading the events: ${what} is not taken here`, `send one of ${NAMED}`);
}
