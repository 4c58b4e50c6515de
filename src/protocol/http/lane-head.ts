import type { IngestFormat } from '../../ingest/ingest.ts';
import { ingestFormatOf } from './media-type.ts';

/** What the express lane must know of a request, from a head that it understands without doubt. */
export interface LaneHead {
  /** Undefined for the default topic. */
  readonly topic: string | undefined;
  readonly format: IngestFormat;
  readonly contentLength: number;
  readonly host: string;
  readonly authorization: string | undefined;
  readonly idempotencyKey: string | undefined;
}

const REQUEST_LINE = /^POST (?:\/ingest|\/api\/v2\/ingest(?:\/([A-Za-z0-9._-]+))?) HTTP\/1\.1$/;
/** RFC 9110, section 5.1 and 5.5, without obs-text: nothing here is left to interpretation. */
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e]*)$/;
const LENGTH = /^(?:0|[1-9][0-9]{0,8})$/;

/** Fields that change what a request means in ways that only the full server handles. */
const NOT_HERE: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'content-encoding',
  'expect',
  'upgrade',
  'origin',
  'te',
  'trailer',
]);

/**
 * Reads the head of an ingest request (RFC 9112), without its last empty line. Undefined for everything that is not plainly
 * one: another route, a query, a field twice, a body of unknown length. Such a request is the full server's, which parses it
 * from its first byte; so the two cannot disagree on where a request ends.
 */
export function readLaneHead(text: string): LaneHead | undefined {
  const lines = text.split('\r\n');
  const request = REQUEST_LINE.exec(lines[0]!);
  if (request === null) return undefined;
  const fields = new Map<string, string>();
  for (let i = 1; i < lines.length; i++) {
    const field = FIELD_LINE.exec(lines[i]!);
    if (field === null) return undefined;
    const name = field[1]!.toLowerCase();
    if (NOT_HERE.has(name) || fields.has(name)) return undefined;
    fields.set(name, field[2]!.trim());
  }
  const connection = fields.get('connection');
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  const host = fields.get('host');
  const length = fields.get('content-length');
  if (host === undefined || length === undefined || !LENGTH.test(length)) return undefined;
  const format = formatOf(fields.get('content-type'));
  if (format === undefined) return undefined;
  return {
    topic: request[1],
    format,
    contentLength: Number(length),
    host,
    authorization: fields.get('authorization'),
    idempotencyKey: fields.get('idempotency-key'),
  };
}

function formatOf(contentType: string | undefined): IngestFormat | undefined {
  try {
    return ingestFormatOf(contentType);
  } catch {
    return undefined;
  }
}
